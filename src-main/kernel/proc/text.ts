/** Number formats of the kernel's seq_file, and what its files read of what is written. */
import { EINVAL, ERANGE } from '../uapi'

/** `MemTotal:         983744 kB` without the unit: name and value in 24 columns (seq_put_decimal_ull_width). */
export function row24(label: string, value: number): string {
  const name = label.padEnd(16)
  return name + String(value).padStart(Math.max(0, 24 - name.length))
}
export function kB(label: string, value: number): string {
  return `${row24(label, value)} kB\n`
}
export function hex(value: number, width = 8): string {
  return value.toString(16).padStart(width, '0')
}
/** seq_pad: spaces up to column `width`, and one more. */
export function pad(text: string, width: number): string {
  return `${text.padEnd(width)} `
}
/** A number of ns in hundredths of a second (USER_HZ). */
export function ticks(ns: number): number {
  return Math.floor(ns / 10_000_000)
}

/** An integer as kstrtoint takes it: decimal, 0x…, 0…, a newline behind; null else. */
export function kstrtoint(text: string): number | null {
  const word = text.trim()
  if (/^[-+]?(0|[1-9]\d*)$/.test(word)) return Number(word)
  if (/^[-+]?0x[0-9a-f]+$/i.test(word)) return word.startsWith('-') ? -Number(word.slice(1)) : Number(word)
  return /^[-+]?0[0-7]+$/.test(word) ? parseInt(word, 8) : null
}

const INT_MAX = 2 ** 31 - 1

/** An int that is written, handed to `set`: EINVAL where it is no number, ERANGE where it is not within `min` and `max`. */
export function int_write(text: string, min: number, max: number, set: (value: number) => void): number {
  const value = kstrtoint(text)
  if (value === null) return -EINVAL
  if (value < min || value > Math.min(max, INT_MAX)) return -ERANGE
  set(value)
  return 0
}

/** A word for yes or no that is written, handed to `set`; EINVAL where it is none. */
export function bool_write(text: string, set: (on: boolean) => void): number {
  const on = kstrtobool(text)
  if (on === null) return -EINVAL
  set(on)
  return 0
}

/** lib/kstrtox.c, kstrtobool: by the first letter, of on and off the second; null else. */
function kstrtobool(text: string): boolean | null {
  if (/^([yt1]|on)/i.test(text)) return true
  return /^([nf0]|of)/i.test(text) ? false : null
}
