/**
 * What single calls and accesses answer in the experiments on faults: errno of a call that fails, signal with si_code and
 * si_addr (relative to the area it belongs to), pages that mincore counts, faults that a child counted itself.
 */
import { errno_name } from '../../../src-main/kernel/uapi'
import type { LabLine, LabSignal } from '../../../src-main/lab/measure'
import type { RealStep } from '../reference'
import { close, exact, within, type Comparator, type Figure } from './figure'

/** The page of sp on both machines. */
const SP_PAGE = 0x7fffffffe000
const NULL = '(nil)'

export const compareSignals: Comparator = (real, lines) => {
  const figures: Figure[] = []
  const times = new Map<string, number>()
  let scanned = false
  for (const step of real.steps) {
    const n = (times.get(step.step) ?? 0) + 1
    times.set(step.step, n)
    const label = n === 1 ? step.step : `${step.step} ##${n}`
    const first = lines.findIndex((line) => line.label === label)
    scanned ||= (step.vm?.['pgscan_direct'] ?? 0) + (step.vm?.['pgscan_kswapd'] ?? 0) > 0
    if (first < 0) continue
    const group = lines.slice(first).filter((line) => line.label === label)
    figures.push(...answers(label, step, group), ...signals(label, step, group, areaBefore(lines, first, group)))
    figures.push(...residents(label, step, group, scanned), ...childFaults(label, step, group))
  }
  return figures
}

// ---------------------------------------------------------------- errno

function answers(label: string, step: RealStep, group: readonly LabLine[]): Figure[] {
  if (step['ret'] === undefined) return []
  const real = failed(step['ret']) ? errno_name(-Number(step['errno'])) : 'ok'
  const results = group.map((line) => line.result).filter((result) => typeof result === 'string')
  return [exact(label, 'errno', real, results.find((result) => result !== 'ok') ?? 'ok')]
}
/** errno keeps what an earlier call left in it; only the returned value tells. */
function failed(ret: unknown): boolean {
  return ret === -1 || ret === '0xffffffffffffffff'
}

// ---------------------------------------------------------------- signals

function signals(label: string, step: RealStep, group: readonly LabLine[], area: number): Figure[] {
  if (step['sig'] === undefined) return []
  const got = group.map((line) => line.result).find((result): result is LabSignal => typeof result !== 'string')
  const figures = [
    exact(label, 'signal', Number(step['sig']), got?.signal ?? 0),
    exact(label, 'si_code', Number(step['si_code']), got?.si_code ?? 0),
  ]
  if (Number(step['sig']) === 0) return figures
  const addr = Number(got?.si_addr ?? NaN)
  // A program that counts how far it came need not say where it ended.
  if (step['si_addr'] !== undefined) {
    const from = relativeTo(step, area, Number(group.at(-1)?.addr ?? NaN))
    figures.push(exact(label, 'si_addr', hex(address(step['si_addr']) - from.real), hex(addr - from.got)))
  }
  if (step['pages_ok'] !== undefined) {
    figures.push(exact(label, 'pages_ok', Number(step['pages_ok']), (SP_PAGE - page(addr)) / 4096 - 1))
  }
  if (step['gap_pages'] !== undefined) {
    figures.push(exact(label, 'gap_pages', Number(step['gap_pages']), (page(addr) - area) / 4096))
  }
  return figures
}

/** What si_addr counts from on either side: sp, the accessed address itself, the area, or nothing. */
function relativeTo(step: RealStep, area: number, accessed: number): { real: number; got: number } {
  if (step['start'] !== undefined) return { real: address(step['start']), got: SP_PAGE }
  const base = address(step['base'])
  if (base === 0) return { real: 0, got: 0 }
  if (page(base) === SP_PAGE) return { real: base, got: SP_PAGE }
  if (base === address(step['si_addr'])) return { real: base, got: accessed }
  return { real: base, got: area }
}

/** Start of the area mapped last, up to the end of the step. */
function areaBefore(lines: readonly LabLine[], first: number, group: readonly LabLine[]): number {
  const mapped = [...lines.slice(0, first), ...group].filter((line) => line.op === 'mmap' && line.addr !== undefined)
  return Number(mapped.at(-1)?.addr ?? NaN)
}

function address(text: unknown): number {
  return text === NULL || text === undefined ? 0 : Number(text)
}
function page(addr: number): number {
  return Math.floor(addr / 4096) * 4096
}
function hex(value: number): string {
  return Number.isNaN(value) ? 'none' : `${value < 0 ? '-' : ''}0x${Math.abs(value).toString(16)}`
}

// ---------------------------------------------------------------- counts that the program took itself

/** Faults that a forked child counted and returned: its lines stand between the parent's. */
function childFaults(label: string, step: RealStep, group: readonly LabLine[]): Figure[] {
  if (step['child_minflt'] === undefined) return []
  const touches = group.filter((line) => line.task !== group.at(-1)?.task && line.op === 'touch')
  return [exact(label, 'child_minflt', Number(step['child_minflt']), touches.reduce((n, line) => n + line.minflt, 0))]
}

/** mincore's count beside the step; close after reclaim, which two real runs do not repeat either. */
function residents(label: string, step: RealStep, group: readonly LabLine[], scanned: boolean): Figure[] {
  const figures: Figure[] = []
  for (const [name, value] of Object.entries(step)) {
    if (!/^(\w+_)?resident(_\w+)?$/.test(name)) continue
    const got = group.find((line) => line.op === 'mincore')?.value ?? NaN
    if (scanned) figures.push(close(label, name, Number(value), got, 64, 0.25))
    else figures.push({ ...exact(label, name, Number(value), got), ok: within(Number(value), got, 0, 0) })
  }
  return figures
}
