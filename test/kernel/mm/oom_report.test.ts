/**
 * The OOM report of the simulated machine beside the measured one: the same lines in the same order. Numbers, names of
 * tasks and code bytes differ; every word around them must not.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab } from '../../../src-main/lab/runner'
import { programPath, readRaw } from '../../conformance/reference'

/** Digits and the names of tasks become placeholders; runs of spaces one. */
function shape(line: string): string {
  return (
    line
      .replace(/^Code: .*/, 'Code:')
      .replace(/^RSP: .*/, 'RSP:')
      .replace(/^((R\w\w: )\w+ ?)+$/, 'registers')
      .replace(/ \([UMEHI]+\)/g, '')
      .replace(/all_unreclaimable\? \w+/, 'all_unreclaimable?')
      // Modules without a signature tainted the measured kernel where it had a disk.
      .replace(/Not tainted|Tainted: G +E/, 'tainted?')
      .replace(/\b(oomp|grow|grow2|lab|init|dd|hold-[-\d]+|forkbomb[-\d]*)\b/g, 'TASK')
      .replace(/0x[0-9a-f]+(?!\()/g, 'X')
      .replace(/\d+/g, 'N')
      .replace(/ +-?N/g, ' N')
      .trim()
  )
}

/** Reports of a log: from the first line to the kill (or the end of a panic), the table of tasks without its rows. */
function reports(lines: readonly string[]): string[][] {
  const found: string[][] = []
  for (const line of lines) {
    if (/ invoked oom-killer: /.test(line)) found.push([])
    const last = found.at(-1)
    if (last === undefined || /^\[ +\d+\]/.test(line) || line.trim() === '') continue
    const done = /Killed process|Kernel Offset/.test(last.at(-1) ?? '')
    if (!done) last.push(line)
  }
  return found
}

function simulated(name: string): string[][] {
  const path = programPath(name)
  const loaded = parseLab(readFileSync(path, 'utf8'), path)
  if (!loaded.ok) throw new Error(loaded.error)
  return reports(runLab(loaded.value).log)
}

/** What a path or a counter adds to a report of one machine and not of the other. */
const OPTIONAL = /^(\? |TASK_group|Kernel panic|---)/
const shapes = (report: readonly string[]): string[] => report.map(shape).filter((line) => !OPTIONAL.test(line))

test.each([
  'oom__noswap-adj',
  'oom__allocating-task',
  'oom__allocating-task-protected',
  'cgroup__max-oom',
  'cgroup__max-swap',
])('%s: every report has the lines of the measured one', (name) => {
  const real = reports(readRaw(name)['oom_report.txt']!.split('\n'))
  const got = simulated(name)
  expect(got.length).toBe(real.length)
  real.forEach((report, i) => {
    expect(shapes(got[i]!)).toEqual(shapes(report))
  })
})
