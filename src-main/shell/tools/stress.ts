/** stress and stress-ng: the options that concern memory; each worker is a task of its own in the machine. */
import { parseSize } from '@shared/units'
import type { Io, Tool } from '../inside'
import { getopt, OptionError, UsageError } from '../options'
import { keyed } from '../procText'

/** A kind of worker: the program that does its work, and its parameters. */
interface Worker {
  readonly program: string
  readonly bytes?: string
  params(bytes: number, given: ReadonlyMap<string, string>): Record<string, string | number>
}
const WORKERS: Readonly<Record<string, Worker>> = {
  vm: { program: 'memhog', bytes: 'vm-bytes', params: (size, given) => ({ size, touch: given.has('vm-hang') ? 0 : 1, ...(given.has('vm-locked') ? { kind: 'mlock' } : {}) }) },
  mmap: { program: 'memhog', bytes: 'mmap-bytes', params: (size, given) => ({ size, touch: 1, ...(given.has('mmap-file') ? { kind: 'file' } : {}) }) },
  malloc: { program: 'memhog', bytes: 'malloc-bytes', params: (size) => ({ size, touch: 1 }) },
  bigheap: { program: 'leak', params: () => ({ rate: '256MiB/s' }) },
  brk: { program: 'leak', params: () => ({ rate: '512MiB/s' }) },
  hdd: { program: 'memhog', bytes: 'hdd-bytes', params: (size) => ({ size, kind: 'file' }) },
  shm: { program: 'memhog', bytes: 'shm-bytes', params: (size) => ({ size, kind: 'tmpfs' }) },
  mlock: { program: 'memhog', params: (size) => ({ size, kind: 'mlock' }) },
  fork: { program: 'forker', params: () => ({ size: 4 << 20, every: '100ms', life: '20ms' }) },
  thrash: { program: 'thrash', bytes: 'thrash-bytes', params: (size) => ({ size }) },
} // prettier-ignore

/** Options beside the workers'; those with a value end in =. */
const OPTIONS = [
  'timeout=', 'vm-hang=', 'vm-keep', 'vm-locked', 'vm-populate', 'vm-method=', 'vm-madvise=', 'vm-ops=', 'fork-max=', 'fork-ops=', 'bigheap-growth=', 'mmap-file', 'page-in',
  'quiet', 'verbose', 'metrics', 'metrics-brief', 'aggressive', 'maximize', 'help', 'version',
] // prettier-ignore
const SHORT: Readonly<Record<string, string>> = {
  m: 'vm',
  B: 'bigheap',
  d: 'hdd',
  f: 'fork',
  t: 'timeout',
  q: 'quiet',
  v: 'verbose',
}
const USUAL_BYTES = '256M'
const LEAST_BYTES = 4096
/** Time that workers get to die in. */
const DEATH_MS = 20

export const stress: Tool = {
  name: 'stress',
  about: 'load on memory: stress --vm 2 --vm-bytes 256M --timeout 60s',
  run: (args, io) => run('stress', args, io),
}

export const stressNg: Tool = {
  name: 'stress-ng',
  about: 'the same; the bytes are shared by the workers of a kind',
  run: (args, io) => run('stress-ng', args, io),
}

async function run(name: string, args: readonly string[], io: Io): Promise<number> {
  const given = parse(name, args)
  const say = (level: string, text: string): void => {
    if (!given.has('quiet')) io.err(`${name}: ${level}:  ${text}\n`)
  }
  const timeout = given.has('timeout') ? seconds(given.get('timeout')!) : null
  const memory = (keyed(io.inside.read('/proc/meminfo')).get('MemTotal') ?? 0) * 1024
  const cpus = [...io.inside.read('/proc/stat').matchAll(/^cpu\d+ /gm)].length
  const orders = Object.entries(WORKERS).flatMap(([kind, worker]) => {
    if (!given.has(kind)) return []
    const count = countOf(given.get(kind)!) || cpus
    const text = worker.bytes === undefined ? undefined : given.get(worker.bytes)
    const all = bytesOf(worker.bytes ?? '', text ?? USUAL_BYTES, memory)
    // stress gives each worker the whole, stress-ng a share.
    const bytes = name === 'stress-ng' ? Math.max(LEAST_BYTES, Math.trunc(all / count)) : all
    return [{ kind, count, worker, bytes }]
  })
  if (orders.length === 0) {
    io.err(`${name}: error: No stress workers invoked\n`)
    return 1
  }
  if (timeout !== null) say('info', `setting to a ${timeout} second run per stressor`)
  say('info', `dispatching hogs: ${orders.map(({ count, kind }) => `${count} ${kind}`).join(', ')}`)
  const pids = orders.flatMap(({ kind, count, worker, bytes }) => {
    const params = worker.params(bytes, given)
    return io.inside.act({ type: 'spawn', program: worker.program, name: `stress-ng-${kind}`.slice(0, 15), count, params }).pids ?? [] // prettier-ignore
  })
  if (timeout === null) return 0
  try {
    await io.inside.sleep(timeout * 1000, io.signal)
  } finally {
    // Workers that the OOM killer took are gone; that is no error here.
    for (const pid of pids) end(io, pid)
    await io.inside.sleep(DEATH_MS)
  }
  say('info', `successful run completed in ${timeout.toFixed(2)}s`)
  return 0
}

function end(io: Io, pid: number): void {
  try {
    io.inside.act({ type: 'kill', pid, signal: 9 })
  } catch {
    // It has ended by itself.
  }
}

function parse(name: string, args: readonly string[]): Map<string, string> {
  const long: Record<string, string> = {}
  let spec = ''
  const letters = new Map<string, string>()
  const known = [...Object.entries(WORKERS).flatMap(([kind, { bytes }]) => [`${kind}=`, ...(bytes === undefined ? [] : [`${bytes}=`])]), ...OPTIONS] // prettier-ignore
  for (const [i, option] of known.entries()) {
    const key = option.replace(/=$/, '')
    const short = Object.entries(SHORT).find(([, of]) => of === key)?.[0] ?? String.fromCharCode(0x100 + i)
    letters.set(short, key)
    long[key] = short
    spec += short + (option.endsWith('=') ? ':' : '')
  }
  const { help: _help, version: _version, ...rest } = long
  const { order, rest: words } = getopt(name, args, spec, rest)
  if (words.length > 0) throw new OptionError(`${name}: unrecognized option '${words[0]}'`)
  return new Map(order.map(([letter, value]) => [letters.get(letter)!, value ?? '']))
}

function countOf(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`Value ${text} contains non-numeric: '${text}'`)
  return Number(text)
}

function bytesOf(option: string, text: string, total: number): number {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)
  const bytes = percent === null ? parseSize(text.replace(/[bkmgt]$/i, (unit) => unit.toUpperCase())) : Math.round((Number(percent[1]) / 100) * total) // prettier-ignore
  if (bytes === null) throw new UsageError(`Illegal length specifier ${text.replace(/^[\d.]*/, '')}`)
  if (bytes < LEAST_BYTES)
    throw new UsageError(`Value ${text} is out of range for ${option}, allowed: 4.0KB .. 256.0TB`)
  return bytes
}

function seconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhdy]?)$/.exec(text)
  if (match === null) throw new UsageError(`Illegal time specifier ${text.replace(/^[\d.]*/, '')}`)
  return (
    Number(match[1]) *
    { '': 1, s: 1, m: 60, h: 3600, d: 86400, y: 31536000 }[match[2] as '' | 's' | 'm' | 'h' | 'd' | 'y']
  )
}
