/**
 * Free memory by order, as /proc/buddyinfo shows it at the end of a step. The sum of all blocks is what is free, to the
 * page; how it is spread over the orders differs between two boots of a real machine, so classes of orders are close:
 * what the per-CPU lists hold (0…3), what is larger (4…8), and whole pageblocks (9, 10), which huge pages come from.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import type { RealStep } from '../reference'
import { close, exact, missing, type Comparator, type Figure } from './figure'

export type Zones = Readonly<Record<string, readonly number[]>>

const CLASSES = [
  ['orders 0-3', 0, 3],
  ['orders 4-8', 4, 8],
  ['orders 9-10', 9, 10],
] as const
const FEW_PAGES = 64

export const compareBuddy: Comparator = (real, lines) =>
  real.steps.flatMap((step) => {
    if (typeof step['nr_hugepages'] === 'number') return compareGot(step, step['nr_hugepages'], lines)
    return step['buddyinfo'] === undefined || step.vm === undefined ? [] : compareStep(step, lines)
  })

/** How many huge pages the machine found. */
function compareGot(real: RealStep, nr_hugepages: number, lines: readonly LabLine[]): Figure[] {
  const line = lines.findLast((l) => l.label === real.step && l.text !== undefined)
  return [line === undefined ? missing(real.step) : exact(real.step, 'nr_hugepages', nr_hugepages, Number(line.text))]
}

function compareStep({ step, buddyinfo }: RealStep, lines: readonly LabLine[]): Figure[] {
  const line = lines.findLast((l) => l.label === step && l.path === '/proc/buddyinfo')
  if (line?.text === undefined) return [missing(step)]
  const real = buddyinfo as Zones
  const got = parseBuddyinfo(line.text)
  const free = Object.values(got).reduce((sum, orders) => sum + pages(orders, 0, 10), 0)
  return [exact(step, 'buddyinfo sum', (line.meminfo['MemFree'] ?? 0) / 4, free), ...compareClasses(step, real, got)]
}

export function compareClasses(step: string, real: Zones, got: Zones): Figure[] {
  return Object.keys(real).flatMap((zone) =>
    CLASSES.map(([name, from, to]) => {
      const [a, b] = [pages(real[zone] ?? [], from, to), pages(got[zone] ?? [], from, to)]
      return close(step, `${zone} ${name}`, a, b, FEW_PAGES, 0.2)
    }),
  )
}

export function pages(orders: readonly number[], from: number, to: number): number {
  return orders.reduce((sum, blocks, order) => (order < from || order > to ? sum : sum + blocks * 2 ** order), 0)
}

export function parseBuddyinfo(text: string): Zones {
  const lines = [...text.matchAll(/^Node 0, zone +(\w+) +([\d ]+)$/gm)]
  return Object.fromEntries(lines.map(([, zone, counts]) => [zone!, counts!.trim().split(/ +/).map(Number)]))
}
