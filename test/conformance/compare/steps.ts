/**
 * The rules of comparison for experiments made of measured steps: both sides become steps with the same names, then
 * figure by figure. Exact: fault counts, sizes of the address space, huge pages, errno and signals. Close: what the
 * machine as a whole shows (meminfo, reclaim), which differs between two runs of a real kernel too.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import type { Numbers, RealStep } from '../reference'
import { within, zeroOnce, type Comparator, type Figure } from './figure'

/** A step of either side: counts summed over its lines, state before the first and after the last. */
interface Step {
  readonly minflt: number
  readonly majflt: number
  readonly vm: Numbers
  readonly meminfo: Numbers
  readonly meminfoChange: Numbers
  readonly sizes: Sizes
  readonly sizesBefore: Sizes
  readonly result?: LabLine['result']
}
interface Sizes {
  readonly RssAnon: number
  readonly RssOther: number
  readonly VmPTE: number
  readonly VmSize: number
  readonly VmLck: number
  /** From smaps_rollup or the simulator, not from status. */
  readonly exact: boolean
}
/** 64 pages; in `reclaim/` 256 for the volumes. */
const FEW_KB = 256
const OWN_TEXT_KB = 64
/** /proc/PID/status counts in batches: each of its figures lags by up to 64 pages. smaps_rollup is exact. */
const STATUS_LAG_KB = 256
const RECLAIM = /^(pgsteal_(anon|file)|pgscan_(anon|file)|pswpin|pswpout|pgmajfault|workingset_\w+)$/
const LEVELS = new Set([
  'AnonPages',
  'Cached',
  'MemFree',
  'MemAvailable',
  'Active',
  'Inactive',
  'Active(anon)',
  'Inactive(anon)',
  'Active(file)',
  'Inactive(file)',
  'SwapFree',
  'SwapCached',
  'Mapped',
  'Shmem',
])
/** Not of the simulated machine: the measuring kernel's address space layout and per-cpu chunks. */
const SKIP = new Set([
  'VmallocTotal',
  'VmallocUsed',
  'VmallocChunk',
  'DirectMap4k',
  'DirectMap2M',
  'Percpu',
  'CommitLimit',
])

/** All figures of an experiment. Steps that the lab program lacks are wrong figures, not skipped ones. */
export const compareSteps: Comparator = (real, lines) => {
  const phases = real.id.startsWith('reclaim/')
  const wanted = phases ? perPhase(realSteps(real.steps)) : realSteps(real.steps)
  const got = phases ? perPhase(labSteps(lines)) : labSteps(lines)
  const figures: Figure[] = []
  let scannedBefore = false
  for (const [name, step] of wanted) {
    const mine = got.get(name)
    if (mine === undefined) {
      figures.push({ step: name, name: 'step', kind: 'exact', real: 'there', got: 'missing', ok: false })
      continue
    }
    const scanned = sum(step.vm, /^pgscan_(kswapd|direct)$/) > 0
    figures.push(
      ...compareStep(name, step, mine, {
        scanned,
        scannedBefore,
        forks: /fork/.test(name),
        reclaim: real.id.startsWith('reclaim/'),
      }),
    )
    scannedBefore ||= scanned
  }
  return figures
}

interface How {
  readonly scanned: boolean
  readonly scannedBefore: boolean
  readonly forks: boolean
  readonly reclaim: boolean
}

function compareStep(name: string, real: Step, got: Step, how: How): Figure[] {
  const figures: Figure[] = []
  const add = (figure: string, kind: Figure['kind'], a: number, b: number, ok: boolean): void => {
    figures.push({ step: name, name: figure, kind, real: a, got: b, ok })
  }
  const loose = how.scanned || how.scannedBefore
  for (const count of ['minflt', 'majflt'] as const) {
    if (how.scanned || how.forks)
      add(count, 'close', real[count], got[count], within(real[count], got[count], 64, 0.25))
    else add(count, 'exact', real[count], got[count], real[count] === got[count])
  }
  for (const size of ['RssAnon', 'RssOther', 'VmPTE', 'VmSize', 'VmLck'] as const) {
    const a = real.sizes[size] - real.sizesBefore[size]
    const b = got.sizes[size] - got.sizesBefore[size]
    if (loose && size === 'RssAnon') {
      add(size, 'close', real.sizes[size], got.sizes[size], within(real.sizes[size], got.sizes[size], FEW_KB, 0.05))
    } else add(size, 'exact', a, b, Math.abs(a - b) <= slack(size, real.sizes, real.sizesBefore))
  }
  for (const key of keys(real.vm, got.vm)) {
    const [a, b] = [real.vm[key] ?? 0, got.vm[key] ?? 0]
    if (key.startsWith('thp_')) add(key, 'exact', a, b, a === b)
    else if (RECLAIM.test(key)) add(key, 'close', a, b, within(a, b, how.reclaim ? 256 : 64, 0.25))
  }
  for (const key of keys(real.meminfoChange, got.meminfoChange)) {
    if (SKIP.has(key)) continue
    if (key.startsWith('HugePages_')) {
      add(key, 'exact', real.meminfo[key] ?? 0, got.meminfo[key] ?? 0, real.meminfo[key] === got.meminfo[key])
    } else if (loose && LEVELS.has(key)) {
      add(
        key,
        'close',
        real.meminfo[key] ?? 0,
        got.meminfo[key] ?? 0,
        within(real.meminfo[key] ?? 0, got.meminfo[key] ?? 0, FEW_KB, 0.05),
      )
    } else {
      const [a, b] = [real.meminfoChange[key] ?? 0, got.meminfoChange[key] ?? 0]
      add(key, 'close', a, b, within(a, b, FEW_KB, 0.05))
    }
  }
  return zeroOnce(name, figures)
}

/** What an exact size may be off by: the measuring program's own text, and what status had not yet counted. */
function slack(size: keyof Omit<Sizes, 'exact'>, ...ends: readonly Sizes[]): number {
  if (size !== 'RssAnon' && size !== 'RssOther') return 0
  const lag = ends.every((end) => end.exact) ? 0 : STATUS_LAG_KB
  return size === 'RssOther' ? Math.max(OWN_TEXT_KB, lag) : lag
}

function keys(a: Numbers, b: Numbers): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
}

function sum(numbers: Numbers, names: RegExp): number {
  return Object.entries(numbers).reduce((total, [name, value]) => (names.test(name) ? total + value : total), 0)
}

// ---------------------------------------------------------------- both sides as named steps

/** The 8-MiB steps of a phase as one: `write anon [0..8) MiB` and the rest are `write anon`. */
function perPhase(steps: Map<string, Step>): Map<string, Step> {
  const phases = new Map<string, Step>()
  for (const [name, step] of steps) {
    const phase = name.replace(/ \[\d+\.\.\d+\) MiB/, '')
    const first = phases.get(phase)
    phases.set(
      phase,
      first === undefined
        ? step
        : {
            ...step,
            minflt: first.minflt + step.minflt,
            majflt: first.majflt + step.majflt,
            vm: addUp(first.vm, step.vm),
            meminfoChange: addUp(first.meminfoChange, step.meminfoChange),
            sizesBefore: first.sizesBefore,
          },
    )
  }
  return phases
}

/** `TEXT`, `TEXT ##2`, … in the order of the file. */
function realSteps(steps: readonly RealStep[]): Map<string, Step> {
  const named = new Map<string, Step>()
  const times = new Map<string, number>()
  const last = new Map<number, Sizes>()
  for (const s of steps) {
    if (s.status === undefined || s.vm === undefined) continue
    const pid = s.pid ?? 0
    const sizes = realSizes(s)
    if (!/^(init|null)\(/.test(s.step)) {
      const n = (times.get(s.step) ?? 0) + 1
      times.set(s.step, n)
      named.set(n === 1 ? s.step : `${s.step} ##${n}`, {
        minflt: s.minflt ?? 0,
        majflt: s.majflt ?? 0,
        vm: s.vm,
        meminfo: s.meminfo ?? {},
        meminfoChange: s.meminfo_delta ?? {},
        sizes,
        sizesBefore: last.get(pid) ?? sizes,
      })
    }
    last.set(pid, sizes)
  }
  return named
}

/** Exact sizes where smaps_rollup was read; status lags by up to 64 pages. */
function realSizes({ status = {}, rollup }: RealStep): Sizes {
  const anon = rollup === undefined ? (status['RssAnon'] ?? 0) : (rollup['Anonymous'] ?? 0)
  const rss = rollup === undefined ? (status['VmRSS'] ?? 0) : (rollup['Rss'] ?? 0)
  return {
    RssAnon: anon,
    RssOther: rss - anon,
    VmPTE: status['VmPTE'] ?? 0,
    VmSize: status['VmSize'] ?? 0,
    VmLck: status['VmLck'] ?? 0,
    exact: rollup !== undefined,
  }
}

/** Adjacent lines of one label are one step. */
export function labSteps(lines: readonly LabLine[]): Map<string, Step> {
  const named = new Map<string, Step>()
  for (let i = 0; i < lines.length; i++) {
    const first = lines[i]!
    const { label } = first
    if (label === undefined) continue
    let end = i
    while (lines[end + 1]?.label === label) end++
    const group = lines.slice(i, end + 1)
    const final = lines[end]!
    // The lines of steps within this one come before its own.
    const earlier = lines.slice(0, first.after === undefined ? i : lines.findIndex((l) => l.step > first.after!))
    const previous = earlier.at(-1) ?? first
    const mine = earlier.findLast((l) => l.task === final.task && l.label !== undefined) ?? final
    const sizes = labSizes(final)
    named.set(label, {
      minflt: group.reduce((n, l) => n + (l.task === final.task ? l.minflt : 0), 0),
      majflt: group.reduce((n, l) => n + (l.task === final.task ? l.majflt : 0), 0),
      vm: group.map((l) => l.vmstat).reduce(addUp, {}),
      meminfo: final.meminfo,
      meminfoChange: changes(previous.meminfo, final.meminfo),
      sizes,
      sizesBefore: labSizes(mine),
      result: final.result,
    })
    i = end
  }
  return named
}

function labSizes(line: LabLine): Sizes {
  return {
    RssAnon: line.RssAnon,
    RssOther: line.RssFile + line.RssShmem,
    VmPTE: line.VmPTE,
    VmSize: line.VmSize,
    VmLck: line.VmLck,
    exact: true,
  }
}

function addUp(a: Numbers, b: Numbers): Numbers {
  return Object.fromEntries(keys(a, b).map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]))
}

function changes(from: Numbers, to: Numbers): Numbers {
  const moved: Record<string, number> = {}
  for (const key of keys(from, to)) {
    const change = (to[key] ?? 0) - (from[key] ?? 0)
    if (change !== 0) moved[key] = change
  }
  return moved
}
