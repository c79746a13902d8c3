/** stress (the options of stress-ng that concern memory): each worker is a task of its own in the machine. */
import { parseSize } from '@shared/units'
import type { Tool } from '../inside'
import { UsageError } from '../options'
import { processes } from '../processes'
import { keyed, pids } from '../procText'

/** A kind of worker: the program that does its work, and its parameters. */
interface Worker {
  readonly program: string
  params(bytes: number, given: ReadonlyMap<string, string>): Record<string, string | number>
}
const WORKERS: Readonly<Record<string, Worker>> = {
  vm: { program: 'memhog', params: (size, given) => ({ size, touch: given.has('vm-hang') ? 0 : 1 }) },
  bigheap: { program: 'leak', params: () => ({ rate: '256MiB/s' }) },
  hdd: { program: 'memhog', params: (size) => ({ size, kind: 'file' }) },
  shm: { program: 'memhog', params: (size) => ({ size, kind: 'tmpfs' }) },
  mlock: { program: 'memhog', params: (size) => ({ size, kind: 'mlock' }) },
  fork: { program: 'forker', params: (size) => ({ size }) },
  thrash: { program: 'thrash', params: (size) => ({ size }) },
}

export const stress: Tool = {
  name: 'stress',
  about: 'load on memory: stress --vm 2 --vm-bytes 256M --timeout 60s',
  async run(args, io) {
    const given = parse(args)
    const timeout = given.get('timeout') ?? given.get('t')
    const memory = keyed(io.inside.read('/proc/meminfo')).get('MemTotal') ?? 0
    const before = new Set(pids(io.inside))
    const names: string[] = []
    for (const [kind, worker] of Object.entries(WORKERS)) {
      const count = Number(given.get(kind) ?? 0)
      if (!Number.isInteger(count) || count < 0) throw new UsageError(`stress: --${kind}: expected a number of workers`)
      if (count === 0) continue
      const bytes = bytesOf(given.get(`${kind}-bytes`) ?? '256M', memory * 1024)
      const name = `stress-ng-${kind}`.slice(0, 15)
      io.inside.act({ type: 'spawn', program: worker.program, name, count, params: worker.params(bytes, given) })
      names.push(name)
      io.out(`stress-ng: info:  dispatching hogs: ${count} ${kind}\n`)
    }
    if (names.length === 0)
      throw new UsageError(
        `stress: no workers; known: ${Object.keys(WORKERS)
          .map((k) => `--${k}`)
          .join(' ')}`,
      )
    if (timeout === undefined) return 0
    await io.inside.sleep(seconds(timeout) * 1000, io.signal)
    for (const { pid, stat } of processes(io.inside)) {
      if (!before.has(pid) && names.includes(stat.comm)) io.inside.act({ type: 'kill', pid, signal: 9 })
    }
    io.out(`stress-ng: info:  run completed in ${seconds(timeout)}s\n`)
    return 0
  },
}

function parse(args: readonly string[]): Map<string, string> {
  const map = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const [key = '', attached] = args[i]!.replace(/^--?/, '').split('=')
    if (!args[i]!.startsWith('-')) throw new UsageError(`stress: unexpected word '${args[i]}'`)
    const next = args[i + 1]
    if (attached !== undefined) map.set(key, attached)
    else if (next !== undefined && !next.startsWith('-')) map.set(key, args[++i]!)
    else map.set(key, '')
  }
  return map
}

function bytesOf(text: string, total: number): number {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)
  const bytes = percent === null ? parseSize(text) : Math.round((Number(percent[1]) / 100) * total)
  if (bytes === null) throw new UsageError(`stress: ${text}: expected a size such as 256M or 80%`)
  return bytes
}

function seconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text)
  if (match === null) throw new UsageError(`stress: ${text}: expected a time such as 60s`)
  return Number(match[1]) * { '': 1, s: 1, m: 60, h: 3600, d: 86400 }[match[2] as '' | 's' | 'm' | 'h' | 'd']
}
