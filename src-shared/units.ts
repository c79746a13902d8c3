/** Durations and sizes as people write them in scenarios, lab programs and on the command line. */

const DURATION: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const SIZE: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mib: 2 ** 20,
  g: 2 ** 30,
  gib: 2 ** 30,
  t: 2 ** 40,
  tib: 2 ** 40,
}

export const DURATION_HINT = 'a duration such as 250ms, 30s, 5m or 1h'
/** Below, image, initrd and what boot allocates leave a Debian 6.1 nothing to start pid 1 with; above is untested. */
export const RAM_MIN = 96 * 2 ** 20
export const RAM_MAX = 64 * 2 ** 30
export const RAM_HINT = 'from 96MiB to 64GiB (a Debian kernel does not boot in less)'
export const SIZE_HINT = 'a size such as 4KiB, 64MiB or 1GiB'

/** Milliseconds of `30s`, `1.5m`, `250ms`; null when it is no duration. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h)$/.exec(text.trim())
  return match === null ? null : Number(match[1]) * DURATION[match[2]!]!
}

/** Bytes of `64MiB`, `100k`, `4096` (k, M and G are powers of two); null when it is no size. */
export function parseSize(text: string | number): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?b?|b)?$/i.exec(String(text).trim())
  if (match === null) return null
  const unit = (match[2] ?? '').toLowerCase().replace(/^([kmgt])b$/, '$1ib')
  const factor = SIZE[unit]
  return factor === undefined ? null : Math.round(Number(match[1]) * factor)
}

/** Bytes per second of `24MiB/s`; null when it is no rate. */
export function parseRate(text: string | number): number | null {
  return parseSize(String(text).replace(/\/s$/, ''))
}

/** `64MiB`, `1.5GiB`, `12kB` is never made: the largest unit that keeps at most one decimal. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size) return `${trim(bytes / size)} ${unit}`
  }
  return `${bytes} B`
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}
