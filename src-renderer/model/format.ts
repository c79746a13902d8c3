/** Numbers and times as the window writes them: exact, grouped, true minus, and a dash for what is unknown. */
export const UNKNOWN = '–'

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** A whole number with separators: `1,024`. */
export function count(value: number): string {
  return Number.isFinite(value) ? minus(grouped.format(Math.round(value) + 0)) : UNKNOWN
}

export function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? minus(value.toFixed(digits)) : UNKNOWN
}

/** kB as /proc prints it. */
export const kB = count

/** kB shown in MiB. */
export function mib(kilobytes: number, digits = 1): string {
  return fixed(kilobytes / 1024, digits)
}

/** A size in bytes in the largest binary unit that keeps it above one: `1 GiB`, `212 MiB`, `1.4 MiB`. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let size = Math.abs(value)
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  const digits = size >= 100 || Number.isInteger(size) ? 0 : 1
  return `${value < 0 ? '−' : ''}${size.toFixed(digits)} ${units[unit]}`
}

/** A tick of a binary axis, short: 0, 512, 1.5k for thousands where a count is meant. */
export function short(value: number): string {
  const size = Math.abs(value)
  const sign = value < 0 ? '−' : ''
  const trim = (x: number): string => String(Number(x.toPrecision(3)))
  if (size >= 1e9) return `${sign}${trim(size / 1e9)}G`
  if (size >= 1e6) return `${sign}${trim(size / 1e6)}M`
  if (size >= 1e4) return `${sign}${trim(size / 1e3)}k`
  return `${sign}${trim(size)}`
}

/** Time since boot: `m:ss.s`, from an hour on `h:mm:ss.s`. */
export function clock(ms: number, tenths = true): string {
  if (!Number.isFinite(ms)) return UNKNOWN
  const total = tenths ? Math.floor(ms / 100 + 1e-6) : Math.floor(ms / 1000 + 1e-6)
  const seconds = tenths ? Math.floor(total / 10) : total
  const h = Math.floor(seconds / 3600)
  const m = Math.floor(seconds / 60) % 60
  const s = String(seconds % 60).padStart(2, '0')
  const head = h > 0 ? `${h}:${String(m).padStart(2, '0')}` : String(m)
  return tenths ? `${head}:${s}.${total % 10}` : `${head}:${s}`
}

/** CPU time as top prints it in TIME+: `m:ss.cc`. */
export function cpuTime(ns: number): string {
  const hundredths = Math.floor(ns / 1e7)
  const minutes = Math.floor(hundredths / 6000)
  const rest = hundredths % 6000
  return `${minutes}:${String(Math.floor(rest / 100)).padStart(2, '0')}.${String(rest % 100).padStart(2, '0')}`
}

/** A length of time: `212 ms`, `38 s`, `2 min 10 s`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return UNKNOWN
  if (ms < 1) return `${Math.round(ms * 1000)} µs`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

function minus(text: string): string {
  return text.replace('-', '−')
}
