/** top (procps-ng 4.0.2): -b prints pictures one below the other, else it is a screen with its keys. */
import type { Io, Tool } from '../../inside'
import { getopt, UsageError } from '../../options'
import { userId } from '../../users'
import { screen } from '../screen'
import { frame, lookAt, SORTS, type Look, type View } from './frame'
import { FIGURES } from './graph'
import { pressed, type State } from './keys'

const LONG = {
  'batch-mode': 'b', 'cmdline-toggle': 'c', delay: 'd', 'scale-summary-mem': 'E', 'scale-task-mem': 'e', 'threads-show': 'H', help: 'h', 'idle-toggle': 'i',
  iterations: 'n', 'list-fields': 'O', 'sort-override': 'o', pid: 'p', 'accum-time-toggle': 'S', 'secure-mode': 's', 'filter-any-user': 'U',
  'filter-only-euser': 'u', version: 'V', width: 'w', 'single-cpu-toggle': '1',
} // prettier-ignore
/** The first picture shows what the time after the start brought. */
const PRIME_MS = 150
const [BATCH_COLS, WIDEST] = [80, 512]
const HEADER = '\x1b[30;47m'
const BOLD = '\x1b[1m'

export const top: Tool = {
  name: 'top',
  about: 'processes by use of CPU or memory',
  suite: 'procps',
  usageStatus: 0,
  async run(args, io) {
    const { flags, values, rest } = options(args)
    if (rest.length > 0) throw new UsageError(`unknown option '${rest[0]}'`)
    if (flags.has('O')) return printFields(io)
    let last: Look = lookAt(io.inside)
    const state: State = { ...stateOf(flags, values), lines: () => allLines(io, last, state.view) }
    await io.inside.sleep(PRIME_MS, io.signal)
    const draw = (cols: number): string[] => {
      const now = lookAt(io.inside)
      const lines = frame(io.inside, last, now, state.view, cols)
      // A key that only redraws must not empty the shares: they are of the last whole interval.
      if (now.uptime - last.uptime >= state.delay * 0.9 || isFirst) last = now
      isFirst = false
      return lines
    }
    let isFirst = true
    const count = values.has('n') ? Math.trunc(floatOf(values.get('n')!)) : Infinity
    if (!io.tty || flags.has('b')) return batch(io, draw, state, count, colsOf(values, flags))
    return screen(io, {
      everyMs: () => state.delay * 1000,
      noteRow: () => state.noteRow,
      count,
      draw: () => (state.help === null ? styled(draw(io.cols + 1), io, state) : state.help),
      press: (key, ask) => pressed(key, ask, state, io),
    })
  },
}

/** getopt's `w::` and the option `-w N` of top, whose value may stand apart. */
function options(args: readonly string[]): ReturnType<typeof getopt> {
  const joined = args.flatMap((word, i) => {
    if (args[i - 1] === '-w' && /^\d+$/.test(word)) return []
    return word === '-w' && /^\d+$/.test(args[i + 1] ?? '') ? [`-w${args[i + 1]}`] : [word]
  })
  try {
    return getopt('top', joined, 'bcd:E:e:Hhin:Oo:p:SsU:u:Vw::1', LONG)
  } catch (error) {
    // top says no more than that.
    if (error instanceof UsageError) throw new UsageError(error.message, 0)
    throw error
  }
}

/** Every task's line, as L looks through them. */
function allLines(io: Io, last: Look, view: View): string[] {
  const lines = frame(io.inside, last, lookAt(io.inside), { ...view, from: 0, max: Infinity }, io.cols + 1)
  return lines.slice(lines.findIndex((line) => line.includes(' PID USER ')) + 1)
}

function stateOf(flags: ReadonlySet<string>, values: ReadonlyMap<string, string>): Omit<State, 'lines'> {
  const scale = (letter: string, units: string, otherwise: number): number => {
    const text = values.get(letter)
    if (text === undefined) return otherwise
    const at = text.length === 1 ? units.indexOf(text.toLowerCase()) : -1
    if (at < 0) throw new UsageError(`bad memory scaling arg '${text}'`)
    return at
  }
  const field = values.get('o')
  const sort = field === undefined ? '%CPU' : Object.keys(SORTS).find((name) => name.toUpperCase() === field.replace(/^[+-]/, '').toUpperCase()) // prettier-ignore
  if (sort === undefined) throw new UsageError(`unrecognized field name '${field}'`)
  const name = values.get('u') ?? values.get('U')
  const user = name === undefined ? null : userId(name)
  if (name !== undefined && user === null) throw new UsageError(`invalid user`)
  const view: View = {
    sort,
    reversed: field?.startsWith('-') === true,
    summaryScale: scale('E', 'kmgtpe', 1),
    taskScale: scale('e', 'kmgtp', 0),
    commandLines: flags.has('c'),
    eachCpu: flags.has('1'),
    cpuMode: FIGURES,
    memoryMode: FIGURES,
    idle: !flags.has('i'),
    user,
    pids: values.has('p') ? values.get('p')!.split(',').map(pidOf) : null,
    filters: [],
    located: '',
    from: 0,
    max: Infinity,
  }
  return { view, delay: values.has('d') ? delayOf(values.get('d')!) : 3, help: null, note: '', noteRow: 5 }
}

function pidOf(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`bad pid '${text}'`)
  return Number(text)
}

function delayOf(text: string): number {
  const seconds = Number(text)
  if (text === '' || !Number.isFinite(seconds)) throw new UsageError(`bad delay interval '${text}'`)
  if (seconds < 0) throw new UsageError('-d requires positive argument')
  return seconds
}

function floatOf(text: string): number {
  if (!/^\d+(\.\d*)?$/.test(text) || Number(text) < 1) throw new UsageError(`bad iterations argument '${text}'`)
  return Number(text)
}

function colsOf(values: ReadonlyMap<string, string>, flags: ReadonlySet<string>): number {
  if (!flags.has('w')) return BATCH_COLS
  const text = values.get('w') ?? String(WIDEST)
  if (!/^\d+$/.test(text) || Number(text) < 3) throw new UsageError(`bad width arg '${text}'`)
  return Math.min(WIDEST, Number(text))
}

async function batch(
  io: Io,
  draw: (cols: number) => string[],
  state: State,
  count: number,
  cols: number,
): Promise<number> {
  // prettier-ignore
  for (let i = 0; i < count; i++) {
    if (i > 0) await io.inside.sleep(state.delay * 1000, io.signal)
    io.out(`${i > 0 ? '\n' : ''}${draw(cols).join('\n')}\n`)
  }
  return 0
}

/** Bold for what runs, reversed for the header; the note stands between summary and header. */
function styled(lines: readonly string[], io: Io, state: State): string {
  const head = lines.findIndex((line) => line.includes(' PID USER '))
  state.noteRow = head - 1
  return lines
    .slice(0, io.rows)
    .map((line, i) => {
      if (i === head) return HEADER + line.padEnd(io.cols)
      if (i === head - 1) return BOLD + state.note
      return i > head && / R +[\d.]+ +[\d.]+ +\S+ \S/.test(line.slice(40)) ? BOLD + line : line
    })
    .join('\n')
}

function printFields(io: Io): number {
  for (const name of Object.keys(SORTS)) io.out(`${name}\n`)
  return 0
}
