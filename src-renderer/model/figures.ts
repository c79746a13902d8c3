/** Figures that tables print beside format.ts: changes and shares. */
import { count, fixed } from './format'

/** `+1,204`, `−38`, `0`. */
export function delta(value: number): string {
  return value > 0 ? `+${count(value)}` : count(value)
}
/** One decimal where it says something: `9.8`, `0`. */
export function percent(value: number): string {
  return Math.abs(value) < 0.05 ? '0' : fixed(value, 1)
}
