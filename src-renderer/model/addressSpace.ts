/** One process from inside: its areas as a bar, and the walk from an address through four tables to a frame. */
import type { WatchArea, WatchFault, WatchProcess } from '@shared/protocol'

export interface ProcessDetail {
  readonly pid: number
  readonly name: string
  readonly gone: boolean
  readonly status: string
  readonly smaps: readonly Area[]
  readonly walk: PageWalk | null
  readonly faults: readonly WatchFault[]
}
/** An area of smaps; sizes in kB. */
export interface Area {
  readonly start: number
  readonly end: number
  readonly perms: string
  readonly offset: number
  readonly name: string
  readonly sizeKB: number
  readonly rssKB: number
  readonly pssKB: number
  readonly privateDirtyKB: number
  readonly swapKB: number
  readonly anonKB: number
  readonly lockedKB: number
  readonly flags: string
}
export interface PageWalk {
  readonly address: number
  readonly levels: readonly WalkLevel[]
  readonly pfn: number | null
  readonly pageSize: number
  readonly note: string
}
export interface WalkLevel {
  readonly name: string
  readonly index: number
  readonly entry: string
  readonly flags: string
  readonly tablePfn: number
}

/** What the engine tells of a process, in the words of this view. */
export function processDetail(data: WatchProcess): ProcessDetail {
  const { pid, gone, status, areas, walk, faults } = data
  return {
    pid,
    gone,
    status,
    name: /^Name:\s*(.*)$/m.exec(status)?.[1] ?? '',
    smaps: areas.map(areaOf),
    faults,
    walk: walk && {
      address: walk.address,
      levels: walk.levels.map((level) => ({
        name: level.level,
        index: level.index,
        entry: level.entry.startsWith('0x') ? level.entry : `0x${level.entry}`,
        flags: level.flags.join(' '),
        tablePfn: level.table_pfn,
      })),
      pfn: walk.pfn,
      pageSize: walk.page_size,
      note: walk.result,
    },
  }
}

function areaOf({ start, end, perms, offset, name, flags, figures }: WatchArea): Area {
  const kB = (id: string): number => figures[id] ?? 0
  return {
    start,
    end,
    perms,
    offset,
    name,
    sizeKB: figures['Size'] ?? (end - start) / 1024,
    rssKB: kB('Rss'),
    pssKB: kB('Pss'),
    privateDirtyKB: kB('Private_Dirty'),
    swapKB: kB('Swap'),
    anonKB: kB('Anonymous'),
    lockedKB: kB('Locked'),
    flags: flags.join(' '),
  }
}

/** Addresses as /proc/PID/maps prints them: 12 hex digits. */
export const hex = (address: number): string => address.toString(16).padStart(12, '0')
export const frame = (pfn: number): string => `0x${pfn.toString(16)}`

/** The category of an area, for its colour. */
export function categoryOf(area: Area): 'anon' | 'file' | 'shmem' | 'hugetlb' | 'reserved' {
  if (/^\[(vvar|vdso|vsyscall)/.test(area.name)) return 'reserved'
  if (/(^|\s)ht(\s|$)/.test(area.flags)) return 'hugetlb'
  if (/^\/(dev\/shm|SYSV|memfd|dev\/zero)/.test(area.name) || /^\/memfd:/.test(area.name)) return 'shmem'
  if (area.name === '' || area.name.startsWith('[') || area.anonKB * 2 > area.rssKB + area.swapKB) return 'anon'
  return area.rssKB > 0 || area.name !== '' ? 'file' : 'anon'
}

export interface Segment {
  readonly area: Area
  readonly category: ReturnType<typeof categoryOf>
  /** Per cent of the bar. */
  readonly width: number
  /** Per cent of the segment. */
  readonly anon: number
  readonly other: number
  readonly swapped: number
}

/** The bar of the address space, low to high: width by size, but never less than `least` per cent. */
export function segments(areas: readonly Area[], least = 0.32): Segment[] {
  const total = areas.reduce((sum, a) => sum + a.sizeKB, 0) || 1
  const widths = areas.map((a) => Math.max((a.sizeKB / total) * 100, least))
  const scale = 100 / (widths.reduce((sum, w) => sum + w, 0) || 1)
  return areas.map((area, i) => {
    const share = (kB: number): number => (area.sizeKB > 0 ? Math.min(100, (kB / area.sizeKB) * 100) : 0)
    const anon = Math.min(area.anonKB, area.rssKB)
    return {
      area,
      category: categoryOf(area),
      width: widths[i]! * scale,
      anon: share(anon),
      other: share(area.rssKB - anon),
      swapped: share(area.swapKB),
    }
  })
}

export interface AreaSums {
  readonly sizeKB: number
  readonly rssKB: number
  readonly pssKB: number
  readonly privateDirtyKB: number
  readonly swapKB: number
}
export function areaSums(areas: readonly Area[]): AreaSums {
  const sum = (of: keyof AreaSums): number => areas.reduce((total, a) => total + a[of], 0)
  return {
    sizeKB: sum('sizeKB'),
    rssKB: sum('rssKB'),
    pssKB: sum('pssKB'),
    privateDirtyKB: sum('privateDirtyKB'),
    swapKB: sum('swapKB'),
  }
}

export interface AddressPart {
  readonly name: 'PGD' | 'PUD' | 'PMD' | 'PT' | 'offset'
  readonly high: number
  readonly low: number
  readonly value: number
  readonly bits: string
}

/** An address of 48 bits cut into four indices of 9 bits and an offset of 12. */
export function addressParts(address: number): AddressPart[] {
  const cut = (name: AddressPart['name'], low: number, width: number): AddressPart => {
    const value = Math.floor(address / 2 ** low) % 2 ** width
    return { name, high: low + width - 1, low, value, bits: value.toString(2).padStart(width, '0') }
  }
  return [cut('PGD', 39, 9), cut('PUD', 30, 9), cut('PMD', 21, 9), cut('PT', 12, 9), cut('offset', 0, 12)]
}

/** An address as typed: hex with or without 0x; `null` when it is none or beyond the user's half. */
export function parseAddress(text: string): number | null {
  const match = /^\s*(?:0x)?([0-9a-fA-F]{1,12})\s*$/.exec(text)
  if (!match) return null
  const address = Number.parseInt(match[1]!, 16)
  return address < 2 ** 47 ? address : null
}

export const areaAt = (areas: readonly Area[], address: number): Area | undefined =>
  areas.find((a) => a.start <= address && address < a.end)

/** Where the first touched page of an area is likely found: its start, for the walk to begin with. */
export function walkStart(areas: readonly Area[]): number | null {
  const resident = areas.filter((a) => a.rssKB > 0)
  const heap = resident.find((a) => a.name === '[heap]') ?? [...resident].sort((a, b) => b.rssKB - a.rssKB)[0]
  return heap?.start ?? null
}

/** The lines of /proc/PID/status, for a table of two columns. */
export function statusLines(status: string): { readonly name: string; readonly value: string }[] {
  return status
    .split('\n')
    .filter((line) => line.includes(':'))
    .map((line) => {
      const at = line.indexOf(':')
      return { name: line.slice(0, at), value: line.slice(at + 1).trim() }
    })
}
