/**
 * The rules of comparison for pressure: each sample's some and full of memory and io, averages and total since the first
 * sample: all close, 30 %.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import { close, missing, zeroOnce, type Comparator, type Figure } from './figure'

const SHARE = 0.3
const FIELDS = ['avg10', 'avg60', 'avg300', 'total'] as const
const RESOURCES = ['memory', 'io'] as const
const KINDS = ['some', 'full'] as const

export const comparePsi: Comparator = (real, lines) => {
  const samples = real.steps.filter((s) => Array.isArray(s['memory_some']))
  const first = samples[0]
  return samples.flatMap((sample) => {
    const figures = RESOURCES.flatMap((resource) =>
      KINDS.flatMap((kind): Figure[] => {
        const got = pressure(lines, `${sample.step} ${resource}`, kind)
        const start = pressure(lines, `${first!.step} ${resource}`, kind)
        if (got === null || start === null) return [missing(`${sample.step} ${resource}`)]
        const key = `${resource}_${kind}`
        return FIELDS.map((field, i) => {
          const base = field === 'total' ? i : -1
          const wanted = (sample[key] as number[])[i]! - (base < 0 ? 0 : (first![key] as number[])[base]!)
          return close(sample.step, `${key} ${field}`, wanted, got[i]! - (base < 0 ? 0 : start[base]!), 0, SHARE)
        })
      }),
    )
    return zeroOnce(sample.step, figures)
  })
}

/** `some avg10=1.53 avg60=0.87 avg300=0.50 total=123456` of the text that the labelled step read. */
function pressure(lines: readonly LabLine[], label: string, kind: 'some' | 'full'): number[] | null {
  const text = lines.find((l) => l.label === label)?.text
  const row = text?.split('\n').find((r) => r.startsWith(kind))
  return row === undefined ? null : FIELDS.map((field) => Number(new RegExp(`${field}=([\\d.]+)`).exec(row)?.[1]))
}
