/**
 * Numbers that are written to a sysctl, as Linux's handlers read them: a sign and digits (0x… and 0… too) up to a space,
 * tab or newline; of several numbers the first, of a vector as many as there are places. A text of spaces is refused, an
 * empty one does nothing.
 *
 * Linux: kernel/sysctl.c (proc_get_long, __do_proc_dointvec, do_proc_dointvec_minmax_conv, proc_dobool,
 * proc_dointvec_jiffies, do_proc_douintvec_w, __do_proc_doulongvec_minmax).
 */
import { HZ } from '../constants'

export const INT_MAX = 2 ** 31 - 1
export const INT_MIN = -(2 ** 31)
export const UINT_MAX = 2 ** 32 - 1
export const ULONG_MAX = 2 ** 64 - 1
export const LONG_MAX = 2 ** 63 - 1

/** Which handler reads and checks: `int` proc_dointvec(_minmax), `jiffies` the same in seconds, `bool` proc_dobool. */
export type SysctlKind = 'int' | 'uint' | 'ulong' | 'bool' | 'jiffies'

/** What a buffer of the kernel's holds, sign and all (TMPBUFLEN). */
const MOST_CHARACTERS = 20
const ULONG_END = 2n ** 64n
const LONG_END = 2n ** 63n

/** A number as its sign and its 64 bits, or null where it is none. */
function proc_get_long(word: string): { negative: boolean; bits: bigint } | null {
  const negative = word.startsWith('-') && word.length > 1
  const digits = negative ? word.slice(1) : word
  if (word.length > MOST_CHARACTERS) return null
  const octal = /^0[0-7]+$/.test(digits)
  if (!octal && !/^(0|[1-9]\d*|0[xX][\da-fA-F]+)$/.test(digits)) return null
  const bits = BigInt(octal ? `0o${digits.slice(1)}` : digits)
  return bits < ULONG_END ? { negative, bits } : null
}

/** The value that one word gives, or null where its handler refuses it. `min` and `max` bound what is stored. */
export function parse_sysctl(word: string, kind: SysctlKind, min: number, max: number): bigint | null {
  const read = proc_get_long(word)
  if (read === null) return null
  const { negative, bits } = read
  if (kind === 'bool') return bits === 0n ? 0n : 1n
  if (kind === 'jiffies') {
    if (bits > BigInt(Math.floor(INT_MAX / HZ))) return null
  } else if (kind === 'int') {
    if (bits > BigInt(INT_MAX) + (negative ? 1n : 0n)) return null
  } else if (negative || (kind === 'uint' && bits > BigInt(UINT_MAX))) return null
  const value = negative ? -bits : bits
  if (max === LONG_MAX && value >= LONG_END) return null
  return Number(value) < min || Number(value) > max ? null : value
}

/** A vector after a write: values are stored up to the first that is refused; `ok` is false where there is such. */
export function parse_vector(
  text: string,
  kind: SysctlKind,
  [min, max]: readonly [number, number],
  old: readonly string[],
): { values: string[]; ok: boolean } {
  const values = [...old]
  const words = words_of(text).slice(0, old.length)
  for (const [i, word] of words.entries()) {
    const value = parse_sysctl(word, kind, min, max)
    if (value === null) return { values, ok: false }
    values[i] = String(value)
  }
  return { values, ok: words.length > 0 }
}

export function words_of(text: string): string[] {
  return text.split(/[ \t\n]+/).filter((word) => word !== '')
}
