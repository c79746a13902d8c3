/** Graphs of top's summary (procps-ng 4.0.2, sum_rx): a share in two parts, of bars or of blocks. */

/** What the keys t and m go through: figures, bars, blocks, nothing. */
export const [FIGURES, BARS, BLOCKS, NOTHING] = [0, 1, 2, 3]
export const MODES = 4
const [BOLD, REVERSED, PLAIN] = ['\x1b[1m', '\x1b[7m', '\x1b[0m']
/** What stands before the graph and after it; and how long it is at most. */
const [AROUND, LONGEST] = [27, 100]

export interface Graph {
  readonly one: number
  readonly two: number
  readonly text: string
}

/** Two parts of a whole, in percent, and drawn on a screen of so many columns. */
export function graph(total: number, part1: number, part2: number, mode: number, cols: number): Graph {
  const length = Math.max(0, Math.min(LONGEST, cols - AROUND))
  const one = total > 0 ? (100 * part1) / total : 0
  const rest = total > 0 ? (100 * part2) / total : 0
  const two = rest < 0 || one + rest > 100.1 ? 0 : rest
  const first = Math.min(length, Math.trunc((one * length) / 100 + 0.5))
  const second = Math.min(length - first, Math.trunc((two * length) / 100 + 0.5))
  const fill = mode === BARS ? '|' : ' '
  const draw = (style: string, n: number): string => (n === 0 ? '' : `${style}${fill.repeat(n)}${PLAIN}`)
  const text = draw(mode === BARS ? BOLD : REVERSED, first) + draw(mode === BARS ? '' : REVERSED, second)
  return { one, two, text: `[${text}${' '.repeat(length - first - second)}] ` }
}
