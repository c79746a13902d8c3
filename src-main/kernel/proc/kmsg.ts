/** The kernel log as its readers get it: /proc/kmsg, /dev/kmsg. Linux: kernel/printk/printk.c, fs/proc/kmsg.c. */
import type { Kernel } from '../kernel'
import { printk } from '../task'
import { file, type FileNode } from './tree'

/** As dmesg's clock: seconds and microseconds since boot. */
export function log_time(ns: number): string {
  const us = Math.floor(ns / 1000)
  return `[${String(Math.floor(us / 1e6)).padStart(5)}.${String(us % 1e6).padStart(6, '0')}]`
}

/** Level 6, time, text. */
export function kmsg_text(k: Kernel): string {
  return k.log.map(([ns, text]) => `<6>${log_time(ns)} ${text}\n`).join('')
}

/** A record a line: level and facility, number, microseconds, flags. What is written becomes a line of user level. */
export function devkmsg(k: Kernel): FileNode {
  const record = ([ns, text]: readonly [number, string], i: number): string =>
    `6,${i},${Math.floor(ns / 1000)},-;${text}\n`
  const read = (): string => k.log.map(record).join('')
  const write = (text: string): number => {
    for (const line of text.replace(/\n$/, '').split('\n')) printk(k, line.replace(/^<\d+>/, ''))
    return 0
  }
  return file(read, { write, mode: 0o644 })
}
