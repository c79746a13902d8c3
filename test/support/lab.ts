/** Runs a lab program given as text; the machine's invariants are checked after every step when `verify` is set. */
import { parseLab } from '../../src-shared/lab'
import { runLab, type LabResult } from '../../src-main/lab/runner'

export function lab(yaml: string, verify = false): LabResult {
  const loaded = parseLab(`memscope: lab/1\n${yaml}`, 'test.yaml')
  if (!loaded.ok) throw new Error(loaded.error)
  return runLab(loaded.value, { verify })
}

/** The sum of a counter over all lines, or over those with a label. */
export function total(result: LabResult, name: string, label?: string): number {
  return result.lines
    .filter((line) => label === undefined || line.label === label)
    .reduce((sum, line) => sum + ((line.vmstat as Record<string, number>)[name] ?? 0), 0)
}
export function kills(result: LabResult): string[] {
  return result.lines.flatMap((line) => (line.killed ?? []).map((kill) => kill.task))
}
