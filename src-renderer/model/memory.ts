/** Where the memory went: the parts of MemTotal, and the figures that are derived from /proc/meminfo. */
import type { CounterName } from '@shared/counters'
import type { Rows, RowValue } from './series'

/** Reads a machine series at the instant that is looked at. */
export type Read = (name: CounterName) => number

export type PartId =
  'anon' | 'shmem' | 'pgtable' | 'kstack' | 'slab-u' | 'slab-r' | 'hugetlb' | 'other' | 'file' | 'buffers' | 'free'

export interface Part {
  readonly id: PartId
  readonly label: string
  /** The colour token of the category, the same in every view. */
  readonly color: `--mem-${string}`
  /** kB. */
  readonly value: (read: Read) => number
  /** How the figure comes about, for "explain". */
  readonly terms: readonly (readonly ['+' | '−', CounterName])[]
}

type Terms = Part['terms']

const FILE: Terms = [
  ['+', 'Cached'],
  ['−', 'Shmem'],
]
const PARTS: readonly (readonly [PartId, string, Terms])[] = [
  ['anon', 'AnonPages', [['+', 'AnonPages']]],
  ['shmem', 'Shmem', [['+', 'Shmem']]],
  ['pgtable', 'PageTables', [['+', 'PageTables']]],
  ['kstack', 'KernelStack', [['+', 'KernelStack']]],
  ['slab-u', 'SUnreclaim', [['+', 'SUnreclaim']]],
  ['slab-r', 'SReclaimable', [['+', 'SReclaimable']]],
  ['hugetlb', 'Hugetlb', [['+', 'Hugetlb']]],
  ['file', 'Cached (file)', FILE],
  ['buffers', 'Buffers', [['+', 'Buffers']]],
  ['free', 'MemFree', [['+', 'MemFree']]],
]
const partOf = ([id, label, terms]: (typeof PARTS)[number]): Part => ({
  id,
  label,
  color: `--mem-${id}`,
  terms,
  value: (read) => addUp(read, terms),
})

const KNOWN = PARTS.map(partOf)
/** What the kernel holds without a line of its own in meminfo: the rest, so that the parts reach MemTotal. */
const OTHER: Part = {
  id: 'other',
  label: 'Other kernel',
  color: '--mem-other',
  terms: [['+', 'MemTotal'], ...KNOWN.flatMap((part) => part.terms.map(([sign, name]) => [flip(sign), name] as const))],
  value: (read) => Math.max(0, rest(read)),
}

/** From what cannot be freed (bottom) to free (top). They sum to MemTotal at every instant. */
export const STACK: readonly Part[] = [...KNOWN.slice(0, 7), OTHER, ...KNOWN.slice(7)]

/** The parts as functions of a row, for a stacked chart. Parts that depend on all others are reckoned once per row. */
export function stackRows(rows: Rows): readonly RowValue[] {
  let known = -1
  let values: number[] = []
  const all = (row: number): number[] => {
    if (row === known && row !== rows.length - 1) return values
    known = row
    return (values = stackOf((name) => rows.at(name, row)))
  }
  return STACK.map((part, i) =>
    part.id === 'other' || part.id === 'file'
      ? (row) => all(row)[i] ?? Number.NaN
      : (row) => part.value((name) => rows.at(name, row)),
  )
}

/** kB of every part, with the sum of all parts held at MemTotal even where meminfo counts a page twice. */
export function stackOf(read: Read): number[] {
  const values = STACK.map((part) => part.value(read))
  const over = -Math.min(0, rest(read))
  // SwapCached pages and pages in per-CPU batches can be counted under two names; the file cache yields.
  const file = STACK.findIndex((part) => part.id === 'file')
  values[file] = Math.max(0, (values[file] ?? 0) - over)
  return values
}

export function usedKb(read: Read): number {
  return read('MemTotal') - read('MemAvailable')
}
export function swapUsedKb(read: Read): number {
  return read('SwapTotal') - read('SwapFree')
}
/** The bands of htop's memory meter: without what is free, in the order of the stack. */
export const METER: readonly Part[] = STACK.filter((part) => part.id !== 'free')

function rest(read: Read): number {
  return read('MemTotal') - KNOWN.reduce((sum, part) => sum + part.value(read), 0)
}
function addUp(read: Read, terms: Terms): number {
  return terms.reduce((sum, [sign, name]) => sum + (sign === '+' ? read(name) : -read(name)), 0)
}
function flip(sign: '+' | '−'): '+' | '−' {
  return sign === '+' ? '−' : '+'
}
