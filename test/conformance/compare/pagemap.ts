/**
 * The pagemap steps of `formats`: of one page each, the flag bits of its pagemap word, how often it is mapped and its
 * kpageflags, all exact. Which frame it is in is not compared.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import { exact, missing, type Comparator } from './figure'

const BITS = [
  ['present', 63n],
  ['swapped', 62n],
  ['file_or_shared', 61n],
  ['exclusive', 56n],
  ['soft_dirty', 55n],
] as const

export const comparePagemap: Comparator = (real, lines) =>
  real.steps
    .filter(({ step }) => step.startsWith('pagemap '))
    .flatMap((step) => {
      const word = (file: string): bigint | null => wordOf(lines, step.step, file)
      const entry = word('pagemap')
      if (entry === null) return [missing(step.step)]
      const figures = BITS.map(([name, bit]) => exact(step.step, name, step[name] as number, Number((entry >> bit) & 1n)))
      figures.push(exact(step.step, 'kpagecount', step['kpagecount'] as number, Number(word('kpagecount') ?? 0n)))
      const flags = `0x${(word('kpageflags') ?? 0n).toString(16)}`
      return [...figures, exact(step.step, 'kpageflags', step['kpageflags'] as string, flags)]
    })

/** A page without a frame has no count and no flags. */
function wordOf(lines: readonly LabLine[], label: string, file: string): bigint | null {
  const line = lines.find((l) => l.label === label && l.path?.endsWith(`/${file}`) === true)
  return line?.text === undefined ? null : BigInt(line.text.trim())
}
