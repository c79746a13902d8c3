/** The jump box: `-30s` and `+5m` count from the instant that is shown, `95s` and `1:35` from boot. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 }

/** The instant in ms, or an explanation of what would be right. */
export function parseJump(text: string, fromMs: number): number | string {
  const given = text.trim().replace('−', '-')
  const wrong = `“${text.trim()}” is no time: -30s, +5m, 95s or 1:35`
  const [, sign = '', body = ''] = /^([+-]?)(.+)$/.exec(given) ?? []
  const ms = clockMs(body) ?? sumMs(body)
  if (ms === null) return wrong
  return Math.max(0, sign === '' ? ms : fromMs + (sign === '-' ? -ms : ms))
}

/** `1:35`, `1:35.5`, `1:02:03`. */
function clockMs(text: string): number | null {
  const [, h = '0', m, s] = /^(?:(\d+):)?(\d+):(\d{2}(?:\.\d+)?)$/.exec(text) ?? []
  if (m === undefined || s === undefined) return null
  return (Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1000
}

/** `95`, `95s`, `1m30s`. A bare number is in seconds. */
function sumMs(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (!/^(\d+(\.\d+)?\s*(ms|s|min|m|h)\s*)+$/.test(text)) return null
  return [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)/g)].reduce(
    (sum, [, value, unit]) => sum + Number(value) * (UNIT_MS[unit ?? 's'] ?? 0),
    0,
  )
}
