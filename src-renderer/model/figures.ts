/** Figures that tables print beside format.ts: changes, shares, and sizes and durations as people type them. */
import { count, fixed } from './format'

/** `+1,204`, `−38`, `0`. */
export function delta(value: number): string {
  return value > 0 ? `+${count(value)}` : count(value)
}
/** One decimal where it says something: `9.8`, `0`. */
export function percent(value: number): string {
  return Math.abs(value) < 0.05 ? '0' : fixed(value, 1)
}
/** Bytes of a size as typed: `64MiB`, `1.5G`, `4k`, `4096`; NaN when it is none. */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)(?:i?[bB])?\s*$/.exec(text)
  if (!match) return Number.NaN
  return Number(match[1]) * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(match[2]!.toLowerCase())
}
/** ms of a duration as typed: `250ms`, `90s`, `5m`, `1h`, a bare number in s; NaN when it is none. */
export function parseDuration(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*$/.exec(text)
  if (!match) return Number.NaN
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[(match[2] ?? 's') as 'ms' | 's' | 'm' | 'h']
}
