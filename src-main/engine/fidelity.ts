/** The model table of the kernel's README as rows, for the Fidelity view: the same text, so that both stay true. */
import readme from '../kernel/README.md?raw'

/** Read with the command `readFile` like any other file. */
export const FIDELITY_PATH = 'memscope:fidelity'

export interface FidelityRow {
  readonly mechanism: string
  readonly linux: string
  readonly kept: string
  readonly simplified: string
  readonly test: string
  readonly result: string
}

/** Every row of every table whose first column is headed "Mechanism". */
export function fidelityRows(text: string = readme): FidelityRow[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Mechanism') && !/^\|[-\s|]+\|$/.test(line))
    .map((line) => line.slice(1, -1).split('|').map(plain))
    .filter((cells) => cells.length === 5)
    .map(([mechanism = '', linux = '', kept = '', simplified = '', test = '']) => ({
      ...{ mechanism, linux, kept, simplified, test },
      result: kept === '–' ? 'not modelled' : '',
    }))
}

/** A cell without the marks of Markdown. */
function plain(cell: string): string {
  return cell.trim().replaceAll('`', '')
}
