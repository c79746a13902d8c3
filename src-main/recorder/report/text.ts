/** Figures and times of a report, the same on every machine. */

const MAX_TEXT = 4096

/** `1:03.5`, `1:02:03`; whole seconds without a fraction. */
export function clock(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  const tenths = Math.round(ms / 100)
  const seconds = Math.floor(tenths / 10)
  const two = (n: number): string => String(n).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  const rest = tenths % 10 === 0 ? '' : `.${tenths % 10}`
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}${rest}`
}

/** Three digits that count, thousands apart. */
export function amount(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const text = size >= 100 || Number.isInteger(value) ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
  return text.replace(/\B(?=(\d{3})+$)/g, size >= 1000 ? '\u202f' : '')
}

/** What a foreign file holds where a text should be: its beginning. */
export function textOf(value: unknown): string {
  if (typeof value === 'number') return String(value)
  return typeof value !== 'string' ? '–' : value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
