/**
 * Experiments on areas: where mmap puts them, how their number changes, errno of calls at the limits. The measuring
 * program's own areas come off: the number is counted from the first that was read.
 */
import { errno_name } from '../../../src-main/kernel/uapi'
import type { LabLine } from '../../../src-main/lab/measure'
import type { RealStep } from '../reference'
import { exact, missing, type Comparator, type Figure } from './figure'

export const compareVma: Comparator = (real, lines) => {
  const base = real.steps.find((step) => step['vmas_before'] !== undefined)
  const own = lines.map(areas).find((n) => n !== undefined)
  return real.steps.flatMap((step) => {
    const group = lines.filter((line) => line.label === step.step)
    if (group.length === 0) return [missing(step.step)]
    return [
      ...answers(step, group),
      ...counts(step, group, Number(base?.['vmas_before']), own ?? NaN),
    ]
  })
}

/** Lines of /proc/PID/maps, where the step read it. */
function areas(line: LabLine): number | undefined {
  return line.path?.endsWith('/maps') === true ? line.text?.trimEnd().split('\n').length : undefined
}

function counts(step: RealStep, group: readonly LabLine[], base: number, own: number): Figure[] {
  const figures: Figure[] = []
  if (step['vmas_after'] !== undefined) {
    const got = group.map(areas).findLast((n) => n !== undefined) ?? NaN
    figures.push(exact(step.step, 'areas more than at first', Number(step['vmas_after']) - base, got - own))
  }
  if (step['splits_ok'] !== undefined) {
    const got = group.find((line) => line.op === 'mprotect')?.value ?? NaN
    figures.push(exact(step.step, 'splits', Number(step['splits_ok']), got))
  }
  return figures
}

/** errno, and the address that mmap chose. `ret` of a step without mmap is an address of the program's own making. */
function answers(step: RealStep, group: readonly LabLine[]): Figure[] {
  const call = group.findLast((line) => line.op !== 'readFile')
  if (step['errno'] === undefined && step['ok'] === undefined) return []
  const errno = Number(step['errno'] ?? 0)
  const figures = [exact(step.step, 'errno', errno === 0 ? 'ok' : errno_name(-errno), resultOf(call))]
  if (call?.op === 'mmap' && errno === 0 && step['ret'] !== undefined) {
    figures.push(exact(step.step, 'address', step['ret'] as string, call.addr ?? 'none'))
  }
  return figures
}

function resultOf(line: LabLine | undefined): string {
  return line === undefined ? 'ok' : typeof line.result === 'string' ? line.result : 'a signal'
}
