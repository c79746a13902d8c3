/** How programs take memory bit by bit: at a rate, in areas of a fixed size. */
import { num, pages, touch, type Proc } from '../process'

export const MIB_PAGES = 256
export const TICK_NS = 20_000_000

/** Pages due in this tick at a rate in bytes per second; fractions are carried on. */
export function due(p: Proc, bytes_per_s: number): number {
  const carry = (p.s.v['carry'] ?? 0) + (bytes_per_s / 4096) * (TICK_NS / 1e9)
  p.s.v['carry'] = carry - Math.floor(carry)
  return Math.floor(carry)
}

/** What `size` still asks for, no more than `rate` gives in a tick; a rate of 0 takes `most` at once. */
export function wanted(p: Proc, most: number): number {
  const missing = Math.max(0, pages(p, 'size') - (p.s.v['held'] ?? 0))
  return Math.min(missing, num(p, 'rate') > 0 ? due(p, num(p, 'rate')) : most)
}

/** Writes the next `nr` pages of memory, mapping more when needed. False when the kernel refuses to map. */
export function grow(p: Proc, nr: number, map: (bytes: number) => number): boolean {
  const v = p.s.v
  while (nr > 0) {
    if ((v['left'] ?? 0) === 0) {
      const at = map(v['chunk']! * 4096)
      if (at < 0) return false
      p.s.list.push(at)
      v['at'] = at
      v['left'] = v['chunk']!
    }
    const now = Math.min(nr, v['left']!)
    touch(p, v['at']!, now)
    v['at']! += now * 4096
    v['left']! -= now
    v['held'] = (v['held'] ?? 0) + now
    nr -= now
  }
  return true
}
