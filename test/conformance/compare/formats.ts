/**
 * `formats`: each file that was read there is one exact figure: does ours have its format? Files with a line a process, a
 * mapping, a cache or a device are compared by the shape of their rows, the others line by line. A file that could not be
 * read there must fail with the same error.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import { readRaw, type Experiment } from '../reference'
import { exact, type Comparator, type Figure } from './figure'
import { field, formatDifference, linesOf, rowsDifference } from './format'

interface Rows {
  readonly row: RegExp
  /** Lines of heading, equal on both sides. */
  readonly head?: number
}
const hex = '[0-9a-f]'
const SMAPS = /^[0-9a-f]+-[0-9a-f]+ |^\w+: +\d+ kB$|^THPeligible: {4}[01]$|^VmFlags:( [a-z]{2})+ $/
const MAPS = `^${hex}{8,12}-${hex}{8,12} [r-][w-][x-][ps] ${hex}{8} ${hex}{2}:${hex}{2} \\d+ `

/** Files with a line for each thing of a kind. */
const LISTS: Readonly<Record<string, Rows>> = {
  'proc/slabinfo': {
    head: 2,
    row: new RegExp(
      `^(?=\\S+ *)(?:.{17}|\\S{18,}) ${field(6)} ${field(6)} ${field(6)} ${field(4)} ${field(4)} ` +
        `: tunables ${field(4)} ${field(4)} ${field(4)} : slabdata ${field(6)} ${field(6)} ${field(6)}$`,
    ),
  },
  'proc/iomem': { row: new RegExp(`^( {2})*(${hex}{8,})-(${hex}{8,}) : \\S.*$`) },
  'proc/mounts': { row: /^\S+ \S+ \w+ \S+ 0 0$/ },
  'proc/filesystems': { row: /^(nodev)?\t\w+$/ },
  'proc/interrupts': { head: 1, row: new RegExp(`^(?: *\\d+|[A-Z]{3}): ${field(10)}(?: {2,}\\S.*)?$`) },
  // The measured machine had no disk when these were read, so only that they are well formed is asked.
  'proc/diskstats': { row: new RegExp(`^${field(4)} ${field(7)} \\S+( \\d+){17}$`) },
  'proc/partitions': { row: new RegExp(`^(major minor  #blocks  name||${field(4)}  ${field(7)} ${field(10)} \\S+)$`) },
  'proc/devices': { row: new RegExp(`^(?:${field(3)} \\S+|(?:Character|Block) devices:|)$`) },
  'proc/misc': { row: new RegExp(`^${field(3)} \\S+$`) },
  'proc/vmallocinfo': { row: /^0x\S+-0x\S+ {1,}\d+ \S+( \S+)+$/ },
  'proc/cpuinfo': { row: /^([\w ]+\t*: ?.*|)$/ },
  'pid/maps': { row: new RegExp(`${MAPS}(?:$| *(?:\\[\\w+\\]|/.*)$)`) },
  'pid/smaps': { row: SMAPS },
  'pid/numa_maps': {
    row: new RegExp(`^${hex}{8,12} default( file=\\S+| heap| stack)?( huge)?( (anon|dirty|mapped|mapmax|active|writeback|swapcache)=\\d+)*( N0=\\d+ kernelpagesize_kB=\\d+)?$`),
  },
  'pid/mountinfo': { row: /^\d+ \d+ \d+:\d+ \/\S* \/\S* \S+ - \w+ \S+ \S+$/ },
  // Nothing was mounted there yet; on a lab machine the one hierarchy always is.
  'pid/cgroup': { row: /^\d+:\S*:\/\S*$/ },
  'cgroup/cgroup.procs': { row: /^\d+$/ },
  'cgroup/cgroup.threads': { row: /^\d+$/ },
}
/** Words that name programs or say what one does at the moment, or which processor and build it is. */
const FREE: Readonly<Record<string, RegExp>> = {
  'pid/comm': /./,
  'pid/stat': /^(\(\S+\)|[RSDI])$/,
  'pid/status': /^(fmt|init|lab|sh|kthreadd|[RSD]|\((sleeping|running|idle)\))$/,
  'pid/sched': /^(fmt|lab)$/,
  'pid/wchan': /./,
  'proc/version': /./,
  'proc/cmdline': /./,
}
const ERRNO: Readonly<Record<string, string>> = { 'Invalid argument': 'EINVAL', 'No such process': 'ESRCH' }

export const compareFormats: Comparator = (real: Experiment, lines) => {
  const byLabel = new Map(lines.map((line) => [line.label, line]))
  return Object.entries(readRaw(real.id)).map(([path, text]) => compareFile(path, text, byLabel.get(path)))
}

function compareFile(path: string, real: string, line: LabLine | undefined): Figure {
  const error = /^cat: read error: (.*)/.exec(real)?.[1]
  const got = line === undefined ? 'missing' : line.result === 'ok' ? 'text' : JSON.stringify(line.result)
  if (error !== undefined) return exact(path, 'error', JSON.stringify(ERRNO[error] ?? error), got)
  if (got !== 'text') return exact(path, 'format', 'text', got)
  return exact(path, 'format', 'alike', difference(path, real, line!.text!) ?? 'alike')
}

function difference(path: string, real: string, got: string): string | null {
  const kind = path.replace(/^pid_\w+\//, 'pid/').replace(/^cgroup2(_root)?\//, 'cgroup/')
  const list = LISTS[kind]
  if (list !== undefined) return rowsDifference(real, got, list.row, list.head) ?? missingKeys(kind, real, got)
  if (kind === 'proc/stat') return formatDifference(shortIntr(real), shortIntr(got))
  if (kind === 'proc/cmdline' || kind === 'pid/cmdline' || kind === 'proc/version')
    return linesOf(real).length === linesOf(got).length ? null : `${linesOf(got).length} lines`
  return formatDifference(real, got, FREE[kind])
}

/** Of smaps and cpuinfo the first block has all keys in their order; those of one processor's make are left out. */
function missingKeys(kind: string, real: string, got: string): string | null {
  if (kind !== 'pid/smaps' && kind !== 'proc/cpuinfo') return null
  const keys = (text: string): string[] => {
    const block = linesOf(text).slice(kind === 'pid/smaps' ? 1 : 0)
    const end = block.findIndex((line) => line === '' || MAPS_ROW.test(line))
    return block.slice(0, end < 0 ? undefined : end).map((line) => line.split(':')[0]!.trim()).filter((key) => key !== 'TLB size')
  }
  const [a, b] = [keys(real).join(','), keys(got).join(',')]
  return a === b ? null : `keys ${b}`
}
const MAPS_ROW = new RegExp(MAPS)

/** One number for each interrupt that the machine has; how many that are is the hardware's. */
function shortIntr(text: string): string {
  return text.replace(/^(intr \d+)( \d+)*$/m, '$1')
}
