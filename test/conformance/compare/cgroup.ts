/**
 * The rules of comparison for cgroup experiments: the files of a cgroup after each phase. Exact: limits, oom and
 * oom_kill. Close: memory.current and peak 5 %, events 25 %, levels of memory.stat 64 pages or 5 %, its events 25 % or
 * 64, pressure 30 %.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import { readRaw, type Numbers, type RealStep } from '../reference'
import { close, exact, missing, zeroOnce, type Comparator, type Figure } from './figure'

const FEW_PAGES = 64
const FEW_BYTES = FEW_PAGES * 4096
const FOLDER = '/sys/fs/cgroup/'
const COUNTS = /^(workingset_|pg|zswpin|zswpout|thp_fault_alloc|thp_collapse_alloc)/

export const compareCgroup: Comparator = (real, lines) => {
  const raw = readRaw(real.id)
  return real.steps
    .filter((s) => s.step.startsWith('after: cg '))
    .flatMap((s) => {
      const files = filesOf(lines, s.step)
      const pressure = raw[`${s.step.replace('after: cg ', '')}/memory.pressure`]
      return files.size === 0 ? [missing(s.step)] : zeroOnce(s.step, compareFiles(s, files, pressure))
    })
}

/** Name → text of the files of a cgroup that were read under a label. */
function filesOf(lines: readonly LabLine[], label: string): Map<string, string> {
  const files = new Map<string, string>()
  for (const line of lines)
    if (line.label === label && line.path?.startsWith(FOLDER) === true)
      files.set(line.path.slice(line.path.lastIndexOf('/') + 1), line.text ?? '')
  return files
}

function compareFiles(real: RealStep, files: ReadonlyMap<string, string>, pressure: string | undefined): Figure[] {
  const figures = Object.entries(real)
    .filter(([name]) => name.startsWith('memory.'))
    .flatMap(([name, value]) => {
      const text = files.get(name)
      if (text === undefined) return [missing(`${real.step} ${name}`)]
      return typeof value === 'object'
        ? table(real.step, name, value as Numbers, numbers(text))
        : [single(real.step, name, value as number | string, text.trim())]
    })
  if (pressure === undefined) return figures
  const got = files.get('memory.pressure') ?? ''
  for (const kind of ['some', 'full']) {
    const [a, b] = [stallOf(pressure, kind), stallOf(got, kind)]
    figures.push(close(real.step, `memory.pressure ${kind} total`, a, b, 2000, 0.3))
  }
  return figures
}

function single(step: string, name: string, real: number | string, text: string): Figure {
  const got = /^\d+$/.test(text) ? Number(text) : text
  if (typeof real !== 'number' || typeof got !== 'number') return exact(step, name, real, got)
  if (/^memory\.(current|peak)$/.test(name)) return close(step, name, real, got, 0, 0.05)
  if (name === 'memory.swap.current') return close(step, name, real, got, FEW_BYTES, 0.05)
  return exact(step, name, real, got)
}

function table(step: string, file: string, real: Numbers, got: Numbers): Figure[] {
  return Object.entries(real).map(([key, a]) => {
    const b = got[key] ?? NaN
    const name = `${file} ${key}`
    if (file !== 'memory.stat') return /^oom/.test(key) ? exact(step, name, a, b) : close(step, name, a, b, 0, 0.25)
    return COUNTS.test(key) ? close(step, name, a, b, FEW_PAGES, 0.25) : close(step, name, a, b, FEW_BYTES, 0.05)
  })
}

/** `name value` lines. */
function numbers(text: string): Numbers {
  return Object.fromEntries(text.split('\n').map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]))
}
function stallOf(text: string, kind: string): number {
  return Number(new RegExp(`^${kind} .*total=(\\d+)`, 'm').exec(text)?.[1] ?? NaN)
}
