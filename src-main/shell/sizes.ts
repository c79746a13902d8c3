/** util-linux' short sizes: 512M, 1.5G, 0B. */
export function shortSize(kB: number): string {
  if (kB === 0) return '0B'
  const units = ['K', 'M', 'G', 'T']
  let value = kB
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const tenth = Math.round(value * 10) / 10
  return `${Number.isInteger(tenth) ? tenth : tenth.toFixed(1)}${units[unit]}`
}
