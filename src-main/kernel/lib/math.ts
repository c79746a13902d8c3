/** Integer arithmetic as C does it, on non-negative numbers up to 2^53. */

export function int_div(a: number, b: number): number {
  return Math.floor(a / b)
}

/** lib/math/int_sqrt.c: the largest r with r * r <= x. */
export function int_sqrt(x: number): number {
  let r = Math.floor(Math.sqrt(x))
  while (r * r > x) r--
  while ((r + 1) * (r + 1) <= x) r++
  return r
}

/** Index of the highest set bit; ilog2(1) is 0. */
export function ilog2(x: number): number {
  return x < 2 ** 31 ? 31 - Math.clz32(x) : 31 + ilog2(Math.floor(x / 2 ** 31))
}

/** Number of bits: fls(0) is 0, fls(1) is 1. */
export function fls(x: number): number {
  return 32 - Math.clz32(x)
}

export function roundup_pow_of_two(x: number): number {
  let p = 1
  while (p < x) p *= 2
  return p
}

export function rounddown_pow_of_two(x: number): number {
  return 2 ** ilog2(x)
}

/** Smallest order whose block holds `bytes` (get_order). */
export function get_order(bytes: number): number {
  let order = 0
  while (4096 * 2 ** order < bytes) order++
  return order
}
