/** The model table of the kernel's README and the conformance results, for the Fidelity view: the same texts. */
import type { Mechanism } from '@shared/fidelity'
import { percent, scoreOf, type ConformanceRow } from '@shared/conformance'
import results from '../../resources/conformance.json?raw'
import readme from '../kernel/README.md?raw'

/** Read with the command `readFile` like any other file. */
export const FIDELITY_PATH = 'memscope:fidelity'
export const CONFORMANCE_PATH = 'memscope:conformance'

export function conformanceRows(text: string = results): ConformanceRow[] {
  return JSON.parse(text) as ConformanceRow[]
}

/** Every row of every table whose first column is headed "Mechanism". */
export function fidelityRows(text: string = readme, measured = conformanceRows()): Mechanism[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Mechanism') && !/^\|[-\s|]+\|$/.test(line))
    .map((line) => line.slice(1, -1).split('|').map(plain))
    .filter((cells) => cells.length >= 5)
    .map(([mechanism = '', linux = '', kept = '', simplified = '', test = '', families = '']) => ({
      ...{ mechanism, linux, kept, simplified, test },
      result: kept === '–' ? 'not modelled' : resultOf(measured, families),
    }))
}

/** The families of experiments that show a mechanism, each with its result: `faults/c04: exact 98.0 %, close 95.0 %`. */
function resultOf(rows: readonly ConformanceRow[], families: string): string {
  return families
    .split(/[\s,]+/)
    .filter((family) => rows.some((row) => row.id.startsWith(family)) && family !== '')
    .map((f) => `${f}: exact ${percent(scoreOf(rows, f, 'exact'))}, close ${percent(scoreOf(rows, f, 'close'))}`)
    .join('\n')
}

/** A cell without the marks of Markdown. */
function plain(cell: string): string {
  return cell.trim().replaceAll('`', '')
}
