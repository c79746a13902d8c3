/** One process close up: its status and areas as /proc tells them, and the way through its page tables to a frame. */
import {
  FAULT_KINDS,
  type Walk,
  type WalkLevel,
  type WatchArea,
  type WatchFault,
  type WatchProcess,
} from '@shared/protocol'
import { P4D_SIZE, PGDIR_SIZE, PMD_SIZE, PTRS, PUD_SIZE } from '../../kernel/arch/x86/pgtable'
import {
  PTE_A, PTE_D, PTE_P, PTE_PROTNONE, PTE_PS, PTE_SHIFT, PTE_SPECIAL, PTE_SWAP, PTE_W, STEP_NS, type Kernel,
} from '../../kernel/kernel' // prettier-ignore
import { proc_read } from '../../kernel/proc'
import { FAULTS_KEPT } from '../../kernel/tables/task'
import { find_task_by_pid } from '../../kernel/task'
import { parseSmaps } from '../../shell/tools/pmap'

export function watchProcess(k: Kernel, pid: number, address: number | undefined): WatchProcess {
  const t = find_task_by_pid(k, pid)
  const text = (file: string): string => {
    const read = t === 0 ? -3 : proc_read(k, `/proc/${pid}/${file}`)
    return typeof read === 'string' ? read : ''
  }
  const mm = t === 0 ? 0 : k.task.mm[t]!
  return {
    kind: 'process',
    ms: (k.var.step * STEP_NS) / 1e6,
    pid,
    gone: t === 0,
    status: text('status'),
    areas: mm === 0 ? [] : areas(text('smaps')),
    walk: address === undefined || mm === 0 ? null : walk(k, mm, address),
    faults: t === 0 ? [] : faults(k, t),
  }
}

function areas(smaps: string): WatchArea[] {
  const flags = [...smaps.matchAll(/^VmFlags: (.*)$/gm)].map(([, words]) => words!.trim().split(' '))
  return parseSmaps(smaps).map((a, i) => ({
    start: Number.parseInt(a.start, 16),
    end: Number.parseInt(a.end, 16),
    perms: a.perms,
    offset: Number.parseInt(a.offset, 16),
    device: a.device,
    inode: Number(a.inode),
    name: a.name,
    flags: flags[i] ?? [],
    figures: Object.fromEntries(a.figures),
  }))
}

function faults(k: Kernel, t: number): WatchFault[] {
  const log = k.fault_log
  const kept = Math.min(log.nr[t]!, FAULTS_KEPT)
  return Array.from({ length: kept }, (_, i) => {
    const slot = t * FAULTS_KEPT + ((log.nr[t]! - 1 - i) % FAULTS_KEPT)
    return {
      ms: log.at[slot]! / 1e6,
      address: log.addr[slot]!,
      what: FAULT_KINDS[log.kind[slot]!]!,
      major: log.major[slot] !== 0,
      us: log.ns[slot]! / 1000,
      pfn: log.pfn[slot]!,
    }
  })
}

const LEVELS = [
  ['PGD', P4D_SIZE],
  ['PUD', PUD_SIZE],
  ['PMD', PMD_SIZE],
  ['PTE', 4096],
] as const
/** With five levels (LA57). */
const LEVELS_L5 = [['PGD', PGDIR_SIZE], ['P4D', P4D_SIZE], ...LEVELS.slice(1)] as const

/** What the hardware would do with an address, table by table. */
export function walk(k: Kernel, mm: number, address: number): Walk {
  const levels: WalkLevel[] = []
  const end = (result: string, found: Partial<Walk> = {}): Walk => ({
    address, levels, pfn: null, physical: null, swap_slot: null, page_size: 4096, result, ...found,
  }) // prettier-ignore
  let table = k.mm.pgd[mm]!
  for (const [level, size] of k.la57 ? LEVELS_L5 : LEVELS) {
    const index = Math.floor(address / size) % PTRS
    const entry = k.pt.entry[table * PTRS + index]!
    const isLeaf = level === 'PTE' || (entry & PTE_PS) !== 0
    levels.push({
      level,
      index,
      table_pfn: k.pt.pfn[table]!,
      entry: hardware(k, entry, isLeaf),
      flags: flagNames(entry, isLeaf),
    })
    if (entry === 0) return end(`${level} entry is empty: a page fault maps it, or SIGSEGV`)
    const target = entry >>> PTE_SHIFT
    if ((entry & PTE_SWAP) !== 0)
      return end(`swapped out to slot ${target}: a major fault reads it back`, { swap_slot: target })
    if (isLeaf) {
      const pfn = target + Math.floor((address % size) / 4096)
      const note =
        (entry & PTE_PROTNONE) !== 0
          ? 'PROT_NONE: every access faults'
          : (entry & PTE_SPECIAL) !== 0
            ? 'the zero page'
            : 'mapped'
      return end(note, { pfn, physical: pfn * 4096 + (address % 4096), page_size: size })
    }
    table = target
  }
  return end('')
}

/** The 64-bit entry as x86-64 would hold it. */
function hardware(k: Kernel, entry: number, isLeaf: boolean): string {
  if (entry === 0) return '0000000000000000'
  const target = entry >>> PTE_SHIFT
  if ((entry & PTE_SWAP) !== 0) return (BigInt(target) << 9n).toString(16).padStart(16, '0')
  const pfn = isLeaf ? target : k.pt.pfn[target]!
  let low = 0x4
  if (!isLeaf) low |= 0x63
  else {
    if ((entry & PTE_P) !== 0) low |= 0x1
    if ((entry & PTE_W) !== 0) low |= 0x2
    if ((entry & PTE_A) !== 0) low |= 0x20
    if ((entry & PTE_D) !== 0) low |= 0x40
    if ((entry & PTE_PS) !== 0) low |= 0x80
    if ((entry & PTE_PROTNONE) !== 0) low |= 0x100
  }
  return ((BigInt(pfn) << 12n) | BigInt(low)).toString(16).padStart(16, '0')
}

function flagNames(entry: number, isLeaf: boolean): string[] {
  if (entry === 0) return []
  if (!isLeaf) return ['present', 'table']
  const names: [number, string][] = [
    [PTE_P, 'present'], [PTE_W, 'writable'], [PTE_A, 'accessed'], [PTE_D, (entry & PTE_SWAP) !== 0 ? 'exclusive' : 'dirty'],
    [PTE_PS, 'huge'], [PTE_SWAP, 'swapped'], [PTE_PROTNONE, 'prot_none'], [PTE_SPECIAL, 'special'],
  ] // prettier-ignore
  return names.filter(([bit]) => (entry & bit) !== 0).map(([, name]) => name)
}
