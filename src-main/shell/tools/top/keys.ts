/** What the keys of top do. */
import { Errno, type Io } from '../../inside'
import { UsageError } from '../../options'
import { userId } from '../../users'
import { signalNumber } from '../signals'
import type { Ask } from '../screen'
import { COLUMNS, filterOf } from './filter'
import type { View } from './frame'
import { MODES } from './graph'

export interface State {
  readonly view: View
  delay: number
  /** The page of help while it is shown. */
  help: string | null
  /** What was last done or refused. */
  note: string
  /** The row for it: the empty one above the header. */
  noteRow: number
  /** The tasks as they are drawn without scrolling. */
  lines: () => readonly string[]
}

const HELP = `Help for Interactive Commands - top of the simulated machine

  P,M,T,N   Sort by: P %CPU; M %MEM; T TIME+; N PID
  <,>       Sort by the column on the left, on the right
  R         Reverse the sort
  c,i,1     Toggle: c name or command line; i idle tasks; 1 one line for all CPUs or each
  t,m       Summary: t of CPU, m of memory, in figures, bars, blocks or not at all
  E,e       Scale of memory: E of the summary; e of the tasks
  u         Only the tasks of a user
  o,O       Add a filter such as USER=root or !%CPU<1, ignoring case or not
  =         Show all tasks again
  L,&       Locate a string, and the next one
  n or #    How many tasks are shown
  k,r       Manipulate tasks: k kill; r renice
  d or s    Set the delay between updates
  Up,Down   Scroll; PgUp and PgDn by ten; Home to the first
  Space     Update now
  q         Quit

Press any key to go on`

export async function pressed(key: string, ask: Ask, state: State, io: Io): Promise<void> {
  const { view } = state
  state.note = ''
  if (state.help !== null) {
    state.help = null
    return
  }
  const sorts: Readonly<Record<string, string>> = { P: '%CPU', M: '%MEM', T: 'TIME+', N: 'PID' }
  if (sorts[key] !== undefined) view.sort = sorts[key]
  else if (key === '<' || key === '>') view.sort = neighbour(view.sort, key === '<' ? -1 : 1)
  else if (key === 'R') view.reversed = !view.reversed
  else if (key === 'c') view.commandLines = !view.commandLines
  else if (key === 'i') view.idle = !view.idle
  else if (key === '1') view.eachCpu = !view.eachCpu
  else if (key === 't') view.cpuMode = (view.cpuMode + 1) % MODES
  else if (key === 'm') view.memoryMode = (view.memoryMode + 1) % MODES
  else if (key === 'E') view.summaryScale = (view.summaryScale + 1) % 6
  else if (key === 'e') view.taskScale = (view.taskScale + 1) % 5
  else if (key === 'h' || key === '?') state.help = HELP
  else if (SCROLL[key] !== undefined) view.from = Math.max(0, view.from + SCROLL[key])
  else if (key === '=') Object.assign(view, { filters: [], user: null, from: 0, max: Infinity })
  else if (key === '\x0f') state.note = ` <Ctrl+O> ${view.filters.map(({ text }) => `'${text}'`).join(' + ') || 'none'}`
  else if (key === '&') locate(state, view.from + 1)
  else if ('dsunk#roOL'.includes(key)) await asked(key, ask, state, io).catch((error: unknown) => refuse(error, state))
  else if (!' \r\n\x0c'.includes(key)) state.note = ` Unknown command - try 'h' for help`
}

/** Lines by what terminals send for arrows and pages. */
const SCROLL: Readonly<Record<string, number>> = {
  '\x1b[A': -1, '\x1bOA': -1, '\x1b[B': 1, '\x1bOB': 1, '\x1b[5~': -10, '\x1b[6~': 10, '\x1b[H': -Infinity, '\x1b[1~': -Infinity,
} // prettier-ignore

function neighbour(sort: string, step: number): string {
  const at = COLUMNS.indexOf(sort) + step
  return COLUMNS[Math.max(0, Math.min(COLUMNS.length - 1, at))]!
}

/** Scrolls to the next task whose line holds what is looked for. */
function locate(state: State, from: number): void {
  const { view } = state
  if (view.located === '') {
    state.note = ' Locate next inactive, use "L"'
    return
  }
  const at = state.lines().findIndex((line, i) => i >= from && line.includes(view.located))
  if (at < 0) state.note = ` ${from > view.from ? 'no more' : 'no'} matches: "${view.located}"`
  else view.from = at
}

function refuse(error: unknown, state: State): void {
  if (!(error instanceof UsageError) && !(error instanceof Errno)) throw error
  state.note = ` ${error.message}`
}

async function asked(key: string, ask: Ask, state: State, io: Io): Promise<void> {
  const { view } = state
  if (key === 'd' || key === 's') {
    const text = await ask(`Change delay from ${state.delay.toFixed(1)} to`)
    if (text === null || text === '') return
    if (!/^\d+(\.\d*)?$|^\.\d+$/.test(text)) throw new UsageError('Unacceptable floating point')
    state.delay = Math.max(0.1, Number(text))
  } else if (key === 'u') {
    const text = await ask('Which user (blank for all)')
    if (text === null) return
    view.user = text === '' ? null : userId(text)
    if (text !== '' && view.user === null) throw new UsageError('Invalid user')
  } else if (key === 'n' || key === '#') {
    const text = await ask(`Maximum tasks = ${view.max === Infinity ? 0 : view.max}, change to (0 is unlimited)`)
    if (text === null || text === '') return
    if (!/^\d+$/.test(text)) throw new UsageError('Unacceptable integer')
    view.max = Number(text) === 0 ? Infinity : Number(text)
  } else if (key === 'o' || key === 'O') {
    const how = key === 'o' ? 'ignoring case' : 'case sensitive'
    const text = await ask(`add filter #${view.filters.length + 1} (${how}) as: [!]FLD?VAL`)
    if (text === null || text.trim() === '') return
    view.filters = [...view.filters, filterOf(text.trim(), key === 'o')]
    view.from = 0
  } else if (key === 'L') {
    const text = await ask('Locate string')
    if (text === null) return
    view.located = text
    if (text !== '') locate(state, view.from)
  } else if (key === 'k') {
    const pid = await askPid(ask, 'PID to signal/kill')
    if (pid === null) return
    const signal = await ask(`Send pid ${pid} signal [15/sigterm]`)
    if (signal === null) return
    io.inside.act({ type: 'kill', pid, signal: signal === '' ? 15 : signalNumber('top', signal) })
  } else {
    const pid = await askPid(ask, 'PID to renice')
    if (pid === null) return
    const nice = await ask(`Renice PID ${pid} to value`)
    if (nice === null || nice === '') return
    if (!/^-?\d+$/.test(nice)) throw new UsageError('Unacceptable integer')
    io.inside.act({ type: 'renice', pid, nice: Math.max(-20, Math.min(19, Number(nice))) })
  }
}

async function askPid(ask: Ask, question: string): Promise<number | null> {
  const text = await ask(question)
  if (text === null || text === '') return null
  if (!/^\d+$/.test(text)) throw new UsageError('Unacceptable integer')
  return Number(text)
}
