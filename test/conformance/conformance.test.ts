/**
 * `npm run conformance`: every experiment of reference/ against the same steps on the simulated machine. Prints a
 * table per experiment (figures that disagree; all with CONFORMANCE_ALL=1), a line per experiment, and the sum last.
 */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab } from '../../src-main/lab/runner'
import { compare } from './compare'
import type { Figure } from './compare/figure'
import { experimentIds, programPath, readExperiment} from './reference'

const total: Figure[] = []
const lines: string[] = []
const only = process.env['CONFORMANCE']

function run(name: string): Figure[] {
  const real = readExperiment(name)
  const path = programPath(name)
  if (!existsSync(path)) return compare(real, [])
  const loaded = parseLab(readFileSync(path, 'utf8'), path)
  if (!loaded.ok) throw new Error(loaded.error)
  const { program } = loaded.value
  // The state before the first step, as the measuring program's own "null" step shows it.
  const first = { op: 'munlockall', args: {}, label: 'null', mayFail: [] } as const
  const { lines } = runLab({ program: { ...program, steps: [first, ...program.steps] }, lines: [] })
  return compare(real, lines)
}

function share(figures: readonly Figure[], kind: Figure['kind']): string {
  const all = figures.filter((f) => f.kind === kind)
  const good = all.filter((f) => f.ok).length
  return `${good} of ${all.length} (${all.length === 0 ? 100 : ((100 * good) / all.length).toFixed(1)} %)`
}

function print(name: string, figures: readonly Figure[]): void {
  const shown = process.env['CONFORMANCE_ALL'] === undefined ? figures.filter((f) => !f.ok) : figures
  if (shown.length > 0) console.log(`\n${name}`)
  for (const f of shown) {
    const difference = typeof f.real === 'number' && typeof f.got === 'number' ? f.got - f.real : ''
    console.log(
      `  ${f.ok ? 'ok   ' : 'WRONG'} ${f.kind} ${f.step.slice(0, 60).padEnd(60)} ${f.name.padEnd(26)} ` +
        `expected ${f.real} got ${f.got} ${difference === '' ? '' : `(${difference > 0 ? '+' : ''}${difference})`}`,
    )
  }
  lines.push(`${name.padEnd(44)} exact ${share(figures, 'exact')}, close ${share(figures, 'close')}`)
}

const names = experimentIds().filter((name) => only === undefined || name.includes(only))
test.each(names)('%s answers as the measured machine', { timeout: 120_000 }, (name) => {
  const figures = run(name)
  total.push(...figures)
  print(name, figures)
  expect(figures.length).toBeGreaterThan(0)
})

test('the sum', () => {
  console.log(`\n${lines.join('\n')}`)
  const sum = (kind: Figure['kind'], word: string): string => share(total, kind).replace(/^(\d+) of/, `$1 ${word} of`)
  console.log(`conformance: ${sum('exact', 'exact')}, ${sum('close', 'close')}`)
  expect(total.length).toBeGreaterThan(0)
})
