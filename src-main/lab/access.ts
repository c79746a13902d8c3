/** Memory accesses of a lab task, across sleeps and lost slices, up to the first fatal signal. */
import { access_list, access_once, access_range } from '../kernel/entry/access'
import { ACCESS_EXEC } from '../kernel/entry/fault'
import { exit_to_user_mode } from '../kernel/entry/syscall'
import { PAGE_SIZE, PTE_P, PTE_PS, PTE_SHIFT, PTE_SWAP, type Kernel } from '../kernel/kernel'
import { prng_below } from '../kernel/lib/prng'
import { content_in_use, filled_with, new_content, set_page_content } from '../kernel/mm/content'
import { mapped_entry } from '../kernel/mm/gup'
import { signal_pending } from '../kernel/task'
import { hex, type LabSignal } from './measure'
import type { Context } from './operations'

export interface Accesses {
  readonly start: number
  readonly count: number
  /** Bytes. */
  readonly stride: number
  readonly write: boolean
  /** Each store after a load of the same page; needs an order. */
  readonly readFirst?: boolean
  readonly backward?: boolean
  /** Order of the accesses: index of each. */
  readonly order?: Int32Array | undefined
  /** Time to stop at (ns), 0 for never. */
  readonly until?: number
  /** What the pages hold, for merging and compression. */
  readonly content?: number | 'unique' | undefined
  /** What the program does between accesses, when its time has come. */
  readonly between?: () => Generator<undefined, void, undefined>
}

/** The signal that ended the accesses, or null when all were made (or the time was up). */
export function* access(c: Context, a: Accesses): Generator<undefined, LabSignal | null, undefined> {
  const { k, task } = c
  const trace = a.order === undefined ? null : traceOf(a)
  const count = trace === null ? a.count : trace.length
  const per = count / a.count
  for (let done = 0; done < count;) {
    if (a.until !== undefined && a.until > 0 && k.var.now >= a.until) return null
    if (a.between !== undefined) yield* a.between()
    k.task.si_signo[task.row] = 0
    const before = done
    done = trace === null ? done + forwardOrBack(k, a, done) : access_list(k, a.start, trace, count, done)
    if (a.write && (a.content !== undefined || content_in_use(k)))
      label(k, a, Math.floor(before / per), Math.floor(done / per))
    if (k.task.si_signo[task.row] !== 0) return take(k, task.row)
    if (signal_pending(k, task.row)) exit_to_user_mode(k)
    if (done < count) yield
  }
  return null
}

/** Jumps to an address: the signal, or null where there is code to run. */
export function* execute({ k, task }: Context, addr: number): Generator<undefined, LabSignal | null, undefined> {
  for (;;) {
    k.task.si_signo[task.row] = 0
    const made = access_once(k, addr, ACCESS_EXEC)
    if (k.task.si_signo[task.row] !== 0) return take(k, task.row)
    if (signal_pending(k, task.row)) exit_to_user_mode(k)
    if (made) return null
    yield
  }
}

function forwardOrBack(k: Kernel, a: Accesses, done: number): number {
  const at = a.backward === true ? a.count - 1 - done : done
  const stride = a.backward === true ? -a.stride : a.stride
  return access_range(k, a.start + at * a.stride, a.count - done, stride, a.write)
}

/** The signal as its handler sees it; the handler returns and the task goes on. */
function take(k: Kernel, row: number): LabSignal {
  const signal = {
    signal: k.task.si_signo[row]!,
    si_code: k.task.si_code[row]!,
    si_addr: hex(k.task.si_addr[row]!),
  }
  k.task.si_signo[row] = 0
  exit_to_user_mode(k)
  return signal
}

/** access_list's words: page number times 2, plus 1 for a store. */
function traceOf(a: Accesses): Int32Array {
  const pages = a.stride / PAGE_SIZE
  const words = a.order!.map((i) => (Math.floor(i * pages) << 1) | (a.write ? 1 : 0))
  return a.readFirst === true
    ? Int32Array.from({ length: words.length * 2 }, (_, i) => words[i >> 1]! - 1 + (i & 1))
    : words
}

/** n draws of 0 … n-1. */
export function randomDraws(k: Kernel, n: number): Int32Array {
  return Int32Array.from({ length: n }, () => prng_below(k, 'lab', n))
}

/** A permutation of 0 … n-1 from the machine's own stream. */
export function randomPages(k: Kernel, n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = prng_below(k, 'lab', i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}

/**
 * Notes what the pages written by accesses `from` … `to` hold. A write that says nothing leaves a page like no other, as
 * soon as a program says anything of contents at all.
 */
function label(k: Kernel, a: Accesses, from: number, to: number): void {
  const mm = k.task.mm[k.var.current]!
  for (let i = from; i < to; i++) {
    const place = a.order === undefined ? (a.backward === true ? a.count - 1 - i : i) : a.order[i]!
    const entry = mapped_entry(k, mm, a.start + place * a.stride)
    const content = typeof a.content === 'number' ? filled_with(a.content) : new_content(k)
    if ((entry & PTE_SWAP) !== 0) k.swap.content[entry >>> PTE_SHIFT] = content
    else if ((entry & PTE_P) !== 0 && (entry & PTE_PS) === 0) set_page_content(k, entry >>> PTE_SHIFT, content)
  }
}
