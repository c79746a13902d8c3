/** The texts of /proc and /sys that a lab program read, by label and path, and what the comparators take from them. */
import type { LabLine } from '../../../src-main/lab/measure'
import type { Numbers } from '../reference'

/** Texts by path; of the last line where a path was read twice under one label. */
export function textsOf(lines: readonly LabLine[], label: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const line of lines)
    if (line.label === label && line.path !== undefined && line.text !== undefined) texts.set(line.path, line.text)
  return texts
}

/** Lines `path:text` of a path with `*`, by the path. */
export function byPath(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf(':', line.lastIndexOf('/'))
    if (at > 0) found.set(line.slice(0, at), line.slice(at + 1))
  }
  return found
}

/** `Name:   123 kB` and `name 123`. */
export function numbersOf(text: string): Numbers {
  const rows = text.split('\n').flatMap((line) => {
    const match = /^(\S+?):?\s+(\d+)/.exec(line)
    return match === null ? [] : [[match[1]!, Number(match[2])] as const]
  })
  return Object.fromEntries(rows)
}

export interface Zone {
  readonly zone: string
  readonly free: number
  readonly min: number
  readonly low: number
  readonly high: number
  readonly spanned: number
  readonly present: number
  readonly managed: number
  readonly protection: readonly number[]
  readonly pcp_high: number
  readonly pcp_batch: number
}

/** The populated zones of /proc/zoneinfo; of the per-CPU lists the first CPU's. */
export function zonesOf(text: string): Zone[] {
  return text
    .split(/^(?=Node )/m)
    .map((part): Zone => {
      const number = (name: string): number => Number(new RegExp(`\\b${name}:?\\s+(\\d+)`).exec(part)?.[1] ?? NaN)
      return {
        zone: /zone +(\S+)/.exec(part)?.[1] ?? '',
        free: number('pages free'),
        min: number('min'),
        low: number('low'),
        high: number('high'),
        spanned: number('spanned'),
        present: number('present'),
        managed: number('managed'),
        protection: (/protection: \(([^)]*)\)/.exec(part)?.[1] ?? '').split(',').map(Number),
        pcp_high: Number(/pagesets[^]*?high: +(\d+)/.exec(part)?.[1] ?? NaN),
        pcp_batch: Number(/pagesets[^]*?batch: +(\d+)/.exec(part)?.[1] ?? NaN),
      }
    })
    .filter((zone) => zone.present > 0)
}
