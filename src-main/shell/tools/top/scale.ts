/** How top fits memory and time into a column: the next larger unit where the digits have no room. */
import { fixed, HZ } from '../../procText'

export const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const
const SUFFIXES = ['', 'm', 'g', 't', 'p'] as const

/** kB from unit `target` on: 0 kB, 1 MiB … */
export function scaleMem(target: number, kB: number, width: number): string {
  let value = Math.fround(kB)
  for (const [i, suffix] of SUFFIXES.entries()) {
    const text = i === 0 ? fixed(value, 0) : `${fixed(value, 1)}${suffix}`
    if (i >= target && text.length <= width) return text
    value = Math.fround(value / 1024)
  }
  return '?'
}

/** Clock ticks as minutes and hundredths, hours, days or weeks: the first that fits. */
export function scaleTics(ticks: number, width: number): string {
  const hundredths = Math.trunc((ticks * 100) / HZ)
  const seconds = Math.trunc(hundredths / 100)
  const [minutes, hours, days] = [Math.trunc(seconds / 60), Math.trunc(seconds / 3600), Math.trunc(seconds / 86400)]
  const two = (n: number): string => String(n).padStart(2, '0')
  const forms = [
    ...(minutes <= 360
      ? [`${minutes}:${two(seconds % 60)}.${two(hundredths % 100)}`, `${minutes}:${two(seconds % 60)}`]
      : []),
    ...(hours <= 96 ? [`${hours},${two(minutes % 60)}`] : []),
    ...(days <= 14 ? [`${days}d+${hours % 24}h`, `${days}d`] : []),
    `${Math.trunc(days / 7)}w+${days % 7}d`,
    `${Math.trunc(days / 7)}w`,
  ]
  return forms.find((text) => text.length <= width) ?? '?'
}
