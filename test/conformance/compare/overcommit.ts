/**
 * Experiments on overcommit: CommitLimit, the largest single mapping and the sum of 16-MiB mappings by kind, and how
 * Committed_AS moves with each call. What the measuring programs are committed to themselves is not compared.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import type { Numbers, RealStep } from '../reference'
import { close, exact, missing, within, type Comparator, type Figure } from './figure'

const KINDS = 6
const FEW_KB = 256

export const compareOvercommit: Comparator = (real, lines) => {
  const times = new Map<string, number>()
  return real.steps.flatMap((step) => {
    const probe = step['largest_single_MiB'] !== undefined
    if (!probe && step['committed_delta_kB'] === undefined) return []
    const n = (times.get(step.step) ?? 0) + 1
    times.set(step.step, n)
    const label = n === 1 ? step.step : `${step.step} ##${n}`
    const at = lines.findIndex((line) => line.label === label)
    if (at < 0) return [missing(label)]
    return probe ? probes(label, step, lines, at) : [accounting(label, step, lines, at)]
  })
}

/** The lines of a probe in the order of the measuring program: six searches, six sums, six mappings and their ends. */
function probes(label: string, step: RealStep, lines: readonly LabLine[], at: number): Figure[] {
  const group = lines.slice(at).filter((line) => line.label === label)
  const searches = group.filter((line) => line.op === 'probeMmap')
  const mappings = group.filter((line) => line.op === 'mmap')
  const before = lines[at - 1]?.meminfo ?? {}
  const figures = [exact(label, 'CommitLimit', Number(step['CommitLimit']), limitFor(step, before))]
  const kinds = Object.keys(step['largest_single_MiB'] as Numbers)
  kinds.forEach((kind, i) => {
    const largest = (step['largest_single_MiB'] as Numbers)[kind] ?? NaN
    const single = searches[i]?.value ?? NaN
    figures.push({ ...exact(label, `largest ${kind}`, largest, single), ok: within(largest, single, 1, 0) })
    const total = (step['total_16MiB_chunks_MiB(max 65536)'] as Numbers)[kind] ?? NaN
    figures.push(close(label, `total ${kind}`, total, searches[KINDS + i]?.value ?? NaN, 0, 0.05))
    const delta = (step['Committed_AS_delta_kB_of_16MiB'] as Numbers)[kind] ?? NaN
    figures.push(exact(label, `Committed_AS of 16 MiB ${kind}`, delta, committed(lines, mappings[i])))
  })
  return figures
}

/** The simulated CommitLimit as it would be with the real MemTotal. */
function limitFor(step: RealStep, meminfo: Numbers): number {
  const share = (kB: number): number => Math.floor(((kB / 4) * Number(step['ratio'])) / 100) * 4
  const by = Number(step['kbytes']) > 0 ? 0 : share(Number(step['MemTotal'])) - share(meminfo['MemTotal'] ?? NaN)
  return (meminfo['CommitLimit'] ?? NaN) + by
}

/** What one line changed; -1 for a mapping that failed, as the measuring program has it. */
function committed(lines: readonly LabLine[], line: LabLine | undefined): number {
  if (line === undefined) return NaN
  if (line.result !== 'ok') return -1
  const before = lines[lines.indexOf(line) - 1]
  return (line.meminfo['Committed_AS'] ?? NaN) - (before?.meminfo['Committed_AS'] ?? NaN)
}

/** Exact, but where a process comes or goes with what its own program is committed to. */
function accounting(label: string, step: RealStep, lines: readonly LabLine[], at: number): Figure {
  let end = at
  while (lines[end + 1]?.label === label) end++
  const from = lines[at - 1]?.meminfo['Committed_AS'] ?? NaN
  const got = (lines[end]!.meminfo['Committed_AS'] ?? NaN) - from
  const wanted = Number(step['committed_delta_kB'])
  if (/fork|child exits/.test(label)) return close(label, 'Committed_AS', wanted, got, FEW_KB, 0.05)
  return exact(label, 'Committed_AS', wanted, got)
}
