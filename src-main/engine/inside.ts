/** The machine as its shell sees it: /proc and /sys by path, and system calls as entries of the command log. */
import type { Result } from '@shared/protocol'
import { proc_list, proc_read, proc_stat } from '../kernel/proc'
import { errno_name } from '../kernel/entry/errno'
import { Errno, type Act, type Entry, type Inside } from '../shell/inside'
import { carryOut, nowMs, type Machine, type MachineCommand } from './machine'

export interface Doors {
  /** The machine to look at: the live one, or that of the instant the views show. */
  readonly machine: () => Machine
  /** Lets simulated time pass. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  /** Carries out a command; what is only looked at refuses. */
  readonly act: (command: MachineCommand) => Result
}

export function insideOf({ machine, sleep, act }: Doors): Inside {
  const checked = <T>(value: T | number, path: string): T => {
    if (typeof value === 'number' && value < 0) throw new Errno(errno_name(value), path)
    return value as T
  }
  const order = (command: MachineCommand): unknown => {
    const result = act(command)
    if (!result.ok) throw errnoOf(result.error)
    return result.value
  }
  return {
    nowMs: () => nowMs(machine()),
    read: (path) => checked(proc_read(machine().k, path), path),
    list(path) {
      const k = machine().k
      const names = checked(proc_list(k, path), path)
      return names.map((name): Entry => {
        const stat = proc_stat(k, `${path === '/' ? '' : path}/${name}`)
        return { name, type: typeof stat === 'number' ? 'file' : stat.kind }
      })
    },
    readlink(path) {
      const stat = checked(proc_stat(machine().k, path), path)
      if (typeof stat === 'number' || stat.target === undefined) throw new Errno('EINVAL', path)
      if (stat.target === '') throw new Errno('ENOENT', path)
      return stat.target
    },
    write: (path, text) => void order({ type: 'writeFile', path, text }),
    mkdir: (path) => void order({ type: 'makeDir', path }),
    rmdir: (path) => void order({ type: 'removeDir', path }),
    sleep,
    act: (given: Act) => order(given) ?? {},
  }
}

/** An error's text begins with its errno where it has one. */
function errnoOf(text: string): Errno {
  const [, code, rest] = /^(E[A-Z]+): (.*)$/s.exec(text) ?? []
  return code === undefined
    ? new Errno('EIO', text)
    : new Errno(code, rest!.replace(/: [^:]*$/, '') === rest ? '' : rest!.replace(/: [^:]*$/, ''))
}

/** A shell's machine in exec and replay: waiting is running on. */
export function runningInside(m: Machine, advanceTo: (ms: number) => void): Inside {
  return insideOf({
    machine: () => m,
    act: (command) => carryOut(m, command),
    sleep(ms, signal) {
      if (signal?.aborted === true) return Promise.reject(new Errno('EINTR'))
      advanceTo(nowMs(m) + ms)
      return Promise.resolve()
    },
  })
}
