/** Operations on memory: mappings and their advice, limits, and accesses. */
import { nestedSteps, type ArgumentsOf } from '@shared/lab'
import * as u from '../kernel/uapi'
import { need_resched } from '../kernel/task'
import { PAGE_SIZE, type Kernel } from '../kernel/kernel'
import { access, execute, randomDraws, randomPages } from './access'
import * as sys from './calls'
import {
  addressOf,
  areaOf,
  call,
  LabError,
  once,
  outcome,
  rangeOf,
  settle,
  SP_PAGE,
  type Context,
  type Implementation,
  type Outcome,
  type Range,
} from './operations'
import { within, type LabTask, type Running } from './runner'

const PROT: Readonly<Record<string, number>> = {
  none: 0,
  r: u.PROT_READ,
  w: u.PROT_WRITE,
  x: u.PROT_EXEC,
  rw: u.PROT_READ | u.PROT_WRITE,
  rx: u.PROT_READ | u.PROT_EXEC,
  rwx: u.PROT_READ | u.PROT_WRITE | u.PROT_EXEC,
}
const FLAGS: Readonly<Record<string, number>> = {
  private: u.MAP_PRIVATE,
  shared: u.MAP_SHARED,
  anonymous: u.MAP_ANONYMOUS,
  fixed: u.MAP_FIXED,
  fixed_noreplace: u.MAP_FIXED_NOREPLACE,
  noreserve: u.MAP_NORESERVE,
  populate: u.MAP_POPULATE,
  locked: u.MAP_LOCKED,
  hugetlb: u.MAP_HUGETLB,
  hugetlb_2mb: u.MAP_HUGETLB | u.MAP_HUGE_2MB,
  hugetlb_1gb: u.MAP_HUGETLB | u.MAP_HUGE_1GB,
  growsdown: u.MAP_GROWSDOWN,
  '32bit': u.MAP_32BIT,
}
const ADVICE: Readonly<Record<ArgumentsOf<'madvise'>['advice'], number>> = {
  normal: u.MADV_NORMAL,
  random: u.MADV_RANDOM,
  sequential: u.MADV_SEQUENTIAL,
  willneed: u.MADV_WILLNEED,
  dontneed: u.MADV_DONTNEED,
  free: u.MADV_FREE,
  cold: u.MADV_COLD,
  pageout: u.MADV_PAGEOUT,
  hugepage: u.MADV_HUGEPAGE,
  nohugepage: u.MADV_NOHUGEPAGE,
  collapse: u.MADV_COLLAPSE,
  populate_read: u.MADV_POPULATE_READ,
  populate_write: u.MADV_POPULATE_WRITE,
  dontfork: u.MADV_DONTFORK,
  dofork: u.MADV_DOFORK,
  mergeable: u.MADV_MERGEABLE,
  unmergeable: u.MADV_UNMERGEABLE,
  remove: u.MADV_REMOVE,
  dontdump: u.MADV_DONTDUMP,
  dodump: u.MADV_DODUMP,
  wipeonfork: u.MADV_WIPEONFORK,
  keeponfork: u.MADV_KEEPONFORK,
  dontneed_locked: u.MADV_DONTNEED_LOCKED,
}
const MREMAP = { mayMove: u.MREMAP_MAYMOVE, fixed: u.MREMAP_FIXED, dontunmap: u.MREMAP_DONTUNMAP } as const
const RESOURCE = { stack: u.RLIMIT_STACK, as: u.RLIMIT_AS, data: u.RLIMIT_DATA, memlock: u.RLIMIT_MEMLOCK } as const

export function protOf(name: string): number {
  return PROT[name] ?? 0
}
export function flagsOf(names: readonly string[]): number {
  return names.reduce((flags, name) => flags | (FLAGS[name] ?? 0), 0)
}

function* mmap({ k, task }: Context, a: ArgumentsOf<'mmap'>): Running {
  const { file } = a
  const fd = file === undefined ? -1 : yield* openOnce(task, k, file)
  let at = a.at === undefined ? 0 : addressOf(a.at)
  let { flags } = a
  if (a.align !== undefined) {
    const room = sys.mmap(k, 0, a.length + a.align, 0, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_NORESERVE, -1, 0)
    if (room < 0) return outcome(room)
    at = Math.ceil(room / a.align) * a.align
    flags = [...flags, 'fixed']
  }
  const addr = sys.mmap(k, at, a.length, protOf(a.prot), kindOf(flagsOf(flags), file), fd, a.offset)
  if (fd >= 0 && file !== undefined && fd !== task.files.get(file)?.fd) sys.close(k, fd)
  yield* settle(k)
  if (addr < 0) return outcome(addr)
  task.areas.set(a.as, { start: addr, length: a.length })
  return { addr }
}

/** Flags that say neither whose the pages are nor where they come from are further ones of the usual mapping. */
function kindOf(flags: number, file?: string): number {
  if ((flags & (u.MAP_PRIVATE | u.MAP_SHARED | u.MAP_ANONYMOUS)) !== 0) return flags
  return flags | u.MAP_PRIVATE | (file === undefined ? u.MAP_ANONYMOUS : 0)
}

/** The descriptor of an open file, or of one opened for this mapping alone. */
// eslint-disable-next-line require-yield
function* openOnce(task: LabTask, k: Kernel, name: string): Generator<undefined, number, undefined> {
  const open = task.files.get(name)
  if (open === undefined) throw new LabError(`no file "${name}"; createFile or open it first`)
  return open.fd >= 0 ? open.fd : sys.open(k, open.path)
}

interface Repeated extends Range {
  readonly stride?: number | undefined
  readonly count?: number | undefined
}

/** One call on the range, or `count` of them `stride` apart up to the first that fails; `value` is how many succeeded. */
function* repeated({ k, task }: Context, a: Repeated, act: (start: number, length: number) => number): Running {
  const { start, length } = rangeOf(task, a)
  const { stride = 0, count } = a
  let ret = 0
  let done = 0
  for (; done < (count ?? 1); done++) {
    ret = act(start + done * stride, length)
    yield* settle(k)
    if (ret < 0) break
    if (need_resched(k)) yield
  }
  return outcome(ret, count === undefined ? {} : { value: done })
}

function* mremap({ k, task }: Context, a: ArgumentsOf<'mremap'>): Running {
  const area = areaOf(task, a.area)
  const flags = a.flags.reduce((sum, flag) => sum | MREMAP[flag], 0)
  const to = a.to === undefined ? 0 : (task.areas.get(a.to)?.start ?? Number(a.to))
  const addr = sys.mremap(k, area.start, area.length, a.newLength, flags, to)
  yield* settle(k)
  if (addr < 0) return outcome(addr)
  task.areas.set(a.area, { start: addr, length: a.newLength })
  return { addr }
}

function* brk({ k, task }: Context, a: ArgumentsOf<'brk'>): Running {
  const old = sys.brk(k, 0)
  const wanted = old + (a.grow ?? 0) - (a.shrink ?? 0)
  const now = wanted === old ? old : sys.brk(k, wanted)
  yield* settle(k)
  if (now !== wanted) return { result: 'ENOMEM', addr: now }
  if (a.as !== undefined) task.areas.set(a.as, { start: Math.min(old, now), length: Math.abs(now - old) })
  return { addr: Math.min(old, now) }
}

function* probeMmap({ k }: Context, a: ArgumentsOf<'probeMmap'>): Running {
  const MiB = 2 ** 20
  const flags = kindOf(flagsOf(a.flags))
  const tryMap = (bytes: number): number => sys.mmap(k, 0, bytes, protOf(a.prot), flags, -1, 0)
  if (a.chunk > 0) {
    const got: number[] = []
    const most = a.max ?? Number.POSITIVE_INFINITY
    while ((got.length + 1) * a.chunk <= most) {
      const addr = tryMap(a.chunk)
      if (addr < 0) break
      got.push(addr)
    }
    for (const addr of got) sys.munmap(k, addr, a.chunk)
    yield* settle(k)
    return { value: (got.length * a.chunk) / MiB }
  }
  // The largest number of whole MiB: bisection, as every size below a size that fits fits too.
  let low = 0
  let high = (a.max ?? 2 ** 47) / MiB
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const addr = tryMap(middle * MiB)
    if (addr >= 0) {
      sys.munmap(k, addr, middle * MiB)
      low = middle
    } else high = middle - 1
  }
  yield* settle(k)
  return { value: low }
}

/** Random: every page once; for a duration, any page each time. */
function orderOf(k: Kernel, a: ArgumentsOf<'touch'>, count: number): Int32Array | undefined {
  if (a.order === 'random') return a.for === undefined ? randomPages(k, count) : randomDraws(k, count)
  if (a.access !== 'readWrite') return undefined
  return Int32Array.from({ length: count }, (_, i) => (a.order === 'backward' ? count - 1 - i : i))
}

function* touch(c: Context, a: ArgumentsOf<'touch'>): Running {
  const { start, length } = rangeOf(c.task, a)
  const count = Math.ceil(length / a.stride)
  const until = a.for === undefined ? 0 : c.k.var.now + a.for * 1e6
  const content = a.content
  const between = pauses(c, a)
  for (let round = 0; until > 0 ? c.k.var.now < until : round < a.times; round++) {
    const order = orderOf(c.k, a, count)
    const signal = yield* access(c, {
      start,
      count,
      stride: a.stride,
      write: a.access !== 'read',
      readFirst: a.access === 'readWrite',
      until,
      order,
      content,
      backward: a.order === 'backward',
      between,
    })
    if (signal !== null) return { result: signal }
    if (need_resched(c.k)) yield
  }
  yield* between()
  return {}
}

/** Does the steps of `meanwhile` whose time has come. */
function pauses({ lab, k, task }: Context, a: ArgumentsOf<'touch'>): () => Generator<undefined, void, undefined> {
  const start = k.var.now
  const left = a.meanwhile.toSorted((x, y) => x.at - y.at)
  return function* () {
    while (left.length > 0 && k.var.now - start >= left[0]!.at * 1e6) {
      yield* within(lab, task, nestedSteps(left.shift()!.steps))
    }
  }
}

function* accessAt(c: Context, a: ArgumentsOf<'accessAt'>): Running {
  const start =
    a.area === undefined
      ? addressOf(a.address ?? { base: 'zero', offset: 0 })
      : areaOf(c.task, a.area).start + Number(a.offset ?? 0)
  const signal =
    a.access === 'execute'
      ? yield* execute(c, start)
      : yield* access(c, { start, count: 1, stride: PAGE_SIZE, write: a.access === 'write' })
  return { addr: start, ...(signal === null ? {} : { result: signal }) }
}

/** Touches the stack below the page of sp, page by page, or `depth` at once. */
function* stackTouch(c: Context, a: ArgumentsOf<'stackTouch'>): Running {
  const first = a.jump ? a.depth : (a.from ?? PAGE_SIZE)
  for (let depth = first; depth <= a.depth; depth += PAGE_SIZE) {
    const addr = SP_PAGE - depth
    const signal = yield* access(c, { start: addr, count: 1, stride: PAGE_SIZE, write: true })
    if (signal !== null) return { result: signal, addr }
  }
  return { addr: SP_PAGE - a.depth }
}

export const memoryOperations = {
  mmap,
  mremap,
  brk,
  probeMmap,
  touch,
  accessAt,
  stackTouch,
  munmap: (c, a) => repeated(c, a, (start, length) => sys.munmap(c.k, start, length)),
  madvise: (c, a) => repeated(c, a, (start, length) => sys.madvise(c.k, start, length, ADVICE[a.advice])),
  mprotect: (c, a) => repeated(c, a, (start, length) => sys.mprotect(c.k, { start, length }, protOf(a.prot))),
  mlock: ({ k, task }, a) => call(k, () => sys.mlock(k, rangeOf(task, a), a.onFault ? u.MLOCK_ONFAULT : 0)),
  munlock: ({ k, task }, a) => call(k, () => sys.munlock(k, rangeOf(task, a))),
  msync: ({ k, task }, a) => call(k, () => sys.msync(k, rangeOf(task, a))),
  mlockall: ({ k }, a) => call(k, () => sys.mlockall(k, mclOf(a.flags))),
  munlockall: ({ k }) => call(k, () => sys.munlockall(k)),
  setrlimit: ({ k }, a) => call(k, () => sys.setrlimit(k, RESOURCE[a.resource], a.soft)),
  mincore: ({ k, task }, a) => once(() => resident(k, rangeOf(task, a))),
} satisfies {
  readonly [
    K in
      | 'mmap'
      | 'mremap'
      | 'brk'
      | 'probeMmap'
      | 'touch'
      | 'accessAt'
      | 'stackTouch'
      | 'munmap'
      | 'madvise'
      | 'mprotect'
      | 'mlock'
      | 'munlock'
      | 'msync'
      | 'mlockall'
      | 'munlockall'
      | 'setrlimit'
      | 'mincore'
  ]: Implementation<K>
}

/** How many pages, and which: runs of page numbers, counted from the start of the range. */
function resident(k: Kernel, range: { start: number; length: number }): Outcome {
  const pages: number[] = []
  const ret = sys.mincore(k, range, pages)
  if (ret < 0) return outcome(ret)
  const runs: string[] = []
  for (let i = 0; i < pages.length; i++) {
    const first = pages[i]!
    while (pages[i + 1] === pages[i]! + 1) i++
    runs.push(pages[i] === first ? String(first) : `${first}-${pages[i]!}`)
  }
  return { value: ret, text: runs.join(',') }
}

function mclOf(flags: readonly string[]): number {
  const bits = { current: u.MCL_CURRENT, future: u.MCL_FUTURE, onFault: u.MCL_ONFAULT } as Record<string, number>
  return flags.reduce((sum, flag) => sum | (bits[flag] ?? 0), 0)
}
