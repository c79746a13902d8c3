/** ps (procps-ng 4.0.2). */
import type { Io, Tool } from '../../inside'
import { HelpAsked } from '../../options'
import { processes, wholeOf, type Proc, type Whole } from '../../processes'
import { wishOf, type Wish } from './options'

type Shown = Wish['columns'][number]
const WHOLE_SIGNALS = 16
const MAX_COLS = 131072

export const ps: Tool = {
  name: 'ps',
  about: 'processes',
  suite: 'procps',
  run(args, io) {
    if (args.includes('--help')) throw new HelpAsked('help')
    if (args.includes('--version') || args.includes('-V')) throw new HelpAsked('version')
    const wish = wishOf(args, io.inside)
    const whole = wholeOf(io.inside)
    const chosen = sorted(processes(io.inside).filter(wish.wants), wish, whole)
    const cols = colsOf(io, wish)
    const columns = wish.columns.map((c) => ({ ...c, width: c.isPid ? Math.max(c.width, whole.pidWidth) : c.width }))
    const rows = wish.tree === null ? chosen.map((p) => [p, ''] as const) : forest(chosen, wish.tree)
    if (wish.header) io.out(`${lay(columns, cols, (c) => c.header, true)}\n`)
    for (const [p, prefix] of rows)
      io.out(`${lay(columns, cols, (c) => (c.isCommand ? prefix : '') + c.text(p, whole), false)}\n`)
    return chosen.length === 0 ? 1 : 0
  },
}

function colsOf(io: Io, { width }: Wish): number {
  if (!io.tty) return MAX_COLS
  return Math.min(MAX_COLS, width === null ? io.cols : Math.max(io.cols, width))
}

/** A row. A cell that is too wide takes room from the padding of the next; the last one may go to the margin. */
function lay(columns: readonly Shown[], cols: number, cell: (c: Shown) => string, isHeader: boolean): string {
  let text = ''
  // Where the next column should begin.
  let begins = 0
  const total = columns.reduce((sum, c) => sum + c.width + 1, 0)
  // Signals are shown whole where there is room for all of them.
  const isRoomy = total + columns.filter((c) => c.stand === 'signal').length * (WHOLE_SIGNALS - 9) <= cols
  columns.forEach((c, i) => {
    const isLast = i === columns.length - 1
    const room = isLast ? Math.max(0, cols - Math.max(begins, text.length)) : c.width
    const isWide = c.stand === 'signal' && isRoomy
    const shown = isHeader || isWide ? cell(c) : cut(c, cell(c), room)
    const width = isWide ? WHOLE_SIGNALS : c.width
    const padding = c.stand === 'right' || c.stand === 'signal' ? Math.max(0, width - shown.length) : 0
    const space = Math.max(i === 0 ? 0 : 1, begins - text.length + padding)
    text += ' '.repeat(space) + shown
    begins += width + 1
  })
  return text
}

function cut(c: Shown, text: string, room: number): string {
  if (c.stand === 'name' && text.length > room) return `${text.slice(0, Math.max(0, room - 1))}+`
  if (c.stand === 'signal') return /^0*.{1,8}$/.test(text) ? text.slice(-8).padStart(8, '0') : `<${text.slice(-8)}`
  return c.stand === 'wchan' || c.stand === 'rest' ? text.slice(0, room) : text
}

function sorted(list: Proc[], { sort, tree }: Wish, whole: Whole): Proc[] {
  const compare = (a: Proc, b: Proc): number => {
    for (const { sign, column } of sort) {
      const [x, y] = [column.key(a, whole), column.key(b, whole)]
      if (x !== y) return x < y ? -sign : sign
    }
    return 0
  }
  if (tree === null) return sort.length === 0 ? list : list.sort(compare)
  // Siblings stand in the order in which they were started, where nothing else is asked for.
  const byStart = list.sort((a, b) => a.stat.field(22) - b.stat.field(22))
  return sort.length === 0 ? byStart.sort((a, b) => a.stat.field(4) - b.stat.field(4)) : byStart.sort(compare)
}

/** Processes in tree order: with the branches that `ps f` draws (init's children stand at the margin), or indented. */
function forest(list: readonly Proc[], kind: NonNullable<Wish['tree']>): [Proc, string][] {
  const there = new Set(list.map((p) => p.pid))
  const out: [Proc, string][] = []
  const walk = (p: Proc, stem: string, depth: number, last: boolean): void => {
    const own = depth === 0 ? '' : kind === 'indented' ? '  ' : ' \\_ '
    out.push([p, stem + own])
    const deeper = depth === 0 ? '' : stem + (kind === 'indented' ? '  ' : last ? '    ' : ' |  ')
    const below = list.filter((child) => child.stat.field(4) === p.pid)
    const isFlat = p.pid === 1 && kind === 'branches'
    below.forEach((child, i) => walk(child, isFlat ? '' : deeper, isFlat ? 0 : depth + 1, i === below.length - 1))
  }
  for (const p of [...list].reverse()) if (!there.has(p.stat.field(4))) walk(p, '', 0, true)
  return out
}
