/** What a command inside the machine can reach: the text of /proc and /sys, the machine's clock, and a few system calls. */
import type { Suite } from './help'

/** A failed call, by the name of its errno. */
export class Errno extends Error {
  readonly code: string

  constructor(code: string, what = '') {
    super(what === '' ? (ERRNO_TEXT[code] ?? code) : `${what}: ${ERRNO_TEXT[code] ?? code}`)
    this.code = code
  }
}

export const ERRNO_TEXT: Readonly<Record<string, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  ESRCH: 'No such process',
  EINTR: 'Interrupted system call',
  EIO: 'Input/output error',
  EAGAIN: 'Resource temporarily unavailable',
  ENOMEM: 'Cannot allocate memory',
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EINVAL: 'Invalid argument',
  EFBIG: 'File too large',
  ENOSPC: 'No space left on device',
  EROFS: 'Read-only file system',
  ENOTEMPTY: 'Directory not empty',
  EOPNOTSUPP: 'Operation not supported',
}

export interface Entry {
  readonly name: string
  readonly type: 'file' | 'dir' | 'link'
}

/** What a command asks of the machine; each is one entry of the command log. */
export type Act =
  | { readonly type: 'kill'; readonly pid: number; readonly signal: number }
  | { readonly type: 'renice'; readonly pid: number; readonly nice: number }
  | {
      readonly type: 'spawn'
      readonly program: string
      readonly name?: string
      readonly count?: number
      readonly params?: Record<string, string | number | boolean>
    }
  | { readonly type: 'swapon'; readonly path: string; readonly bytes?: number; readonly priority?: number }
  | { readonly type: 'swapoff'; readonly path: string }

export interface Inside {
  /** Simulated time since boot. */
  nowMs(): number
  /** Text of a file of /proc or /sys; throws Errno. */
  read(path: string): string
  list(path: string): readonly Entry[]
  readlink(path: string): string
  write(path: string, text: string): void
  mkdir(path: string): void
  rmdir(path: string): void
  /** Lets simulated time pass. Rejects with Errno EINTR when it is given up. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Makes a system call on the user's behalf; answers with the new PIDs where it makes some. Throws Errno. */
  act(act: Act): { readonly pids?: readonly number[] }
}

/** How a command of the machine talks: its words, and where its output goes at once. */
export interface Io {
  readonly inside: Inside
  out(text: string): void
  err(text: string): void
  readonly stdin: string
  readonly cols: number
  readonly rows: number
  /** Output goes to a terminal, and keys come from it. */
  readonly tty: boolean
  readonly signal?: AbortSignal
  /** Runs a whole line of shell and returns what it printed. */
  run(line: string): Promise<{ readonly stdout: string; readonly stderr: string; readonly status: number }>
}

export interface Tool {
  readonly name: string
  readonly about: string
  /** Where its `--help` and its ways come from. */
  readonly suite?: Suite
  /** Its status when an option is none; 1 where nothing else is said. */
  readonly usageStatus?: number
  run(args: readonly string[], io: Io): number | Promise<number>
}
