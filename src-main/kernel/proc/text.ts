/** Number formats of the kernel's seq_file. */

/** `MemTotal:         983744 kB` without the unit: name and value in 24 columns (seq_put_decimal_ull_width). */
export function row24(label: string, value: number): string {
  const name = label.padEnd(16)
  return name + String(value).padStart(Math.max(0, 24 - name.length))
}
export function kB(label: string, value: number): string {
  return `${row24(label, value)} kB\n`
}
export function hex(value: number, width = 8): string {
  return value.toString(16).padStart(width, '0')
}
/** seq_pad: spaces up to column `width`, and one more. */
export function pad(text: string, width: number): string {
  return `${text.padEnd(width)} `
}
/** A number of ns in hundredths of a second (USER_HZ). */
export function ticks(ns: number): number {
  return Math.floor(ns / 10_000_000)
}
