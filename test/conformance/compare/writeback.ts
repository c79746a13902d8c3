/**
 * The rules of comparison for dirty memory over time: each sample's dirty pages, thresholds and what was written so far,
 * as levels; free and cached memory as changes since the first sample. All close: 64 pages or 5 %.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import type { Numbers, RealStep } from '../reference'
import { close, missing, zeroOnce, type Comparator, type Figure } from './figure'

const FEW_PAGES = 64
const FEW_KB = 256
const SHARE = 0.05
const LEVELS_KB = ['Dirty', 'Writeback']
const CHANGES_KB = ['MemFree', 'MemAvailable', 'Cached']
const THRESHOLDS = ['nr_dirty_threshold', 'nr_dirty_background_threshold']
const COUNTS = ['nr_written', 'nr_dirtied']

export const compareWriteback: Comparator = (real, lines) => {
  const samples = real.steps.filter((s) => s['nr_dirty_threshold'] !== undefined)
  const times = new Map<string, number>()
  return samples.flatMap((wanted) => {
    const n = (times.get(wanted.step) ?? 0) + 1
    times.set(wanted.step, n)
    const name = n === 1 ? wanted.step : `${wanted.step} ##${n}`
    const [got, first] = [sampleOf(lines, name), sampleOf(lines, 'start')]
    if (got === null || first === null) return [missing(name)]
    return zeroOnce(name, compareSample(name, { wanted, first: samples[0]! }, { got, first }))
  })
}

function compareSample(
  name: string,
  real: { wanted: RealStep; first: RealStep },
  mine: { got: Numbers; first: Numbers },
): Figure[] {
  const level = (key: string, slack: number): Figure =>
    close(name, key, Number(real.wanted[key]), mine.got[key] ?? 0, slack, SHARE)
  const change = (key: string, slack: number): Figure => {
    const a = Number(real.wanted[key]) - Number(real.first[key])
    return close(name, key, a, (mine.got[key] ?? 0) - (mine.first[key] ?? 0), slack, SHARE)
  }
  return [
    ...LEVELS_KB.map((key) => level(key, FEW_KB)),
    ...THRESHOLDS.map((key) => level(key, FEW_PAGES)),
    ...CHANGES_KB.map((key) => change(key, FEW_KB)),
    ...COUNTS.map((key) => change(key, FEW_PAGES)),
  ]
}

/** The sample of a label: the text of vmstat that its step read, and meminfo. */
function sampleOf(lines: readonly LabLine[], label: string): Numbers | null {
  const line = lines.find((l) => l.label === label && l.text !== undefined)
  if (line === undefined) return null
  const vmstat = line.text!.split('\n').map((row) => row.split(' '))
  return { ...line.meminfo, ...Object.fromEntries(vmstat.map(([key, value]) => [key!, Number(value)])) }
}
