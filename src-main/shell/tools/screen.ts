/** A full-screen command on the console: redraws as simulated time passes, takes keys and answers, ends with q or Ctrl-C. */
import type { Io } from '../inside'

/** Keys that reach a full-screen command; the terminal fills it. */
export interface Keys {
  onKey: ((key: string) => void) | null
}
export interface ScreenIo extends Io {
  readonly keys?: Keys
}

/** Asks for a line on the screen; null when it is given up with Escape. */
export type Ask = (question: string) => Promise<string | null>
export interface Screen {
  readonly everyMs: () => number
  /** The lines; one may begin with SGR sequences, which then hold for the whole line. */
  readonly draw: () => string | Promise<string>
  /** What a key does; nothing for those that only look again. */
  readonly press?: (key: string, ask: Ask) => void | Promise<void>
  /** Row of questions and of what is said, from 0. */
  readonly noteRow?: () => number
  /** Ends after so many pictures. */
  readonly count?: number
}

// eslint-disable-next-line no-control-regex
const STYLE = /^(?:\x1b\[[\d;]*m)+/
// eslint-disable-next-line no-control-regex
const ANY_STYLE = /\x1b\[[\d;]*m/g
const RESET = '\x1b[0m'

export async function screen(io: ScreenIo, options: Screen): Promise<number> {
  const { draw, press, everyMs, noteRow = () => 0, count = Infinity } = options
  const quit = new AbortController()
  let question: { text: string; typed: string; done: (line: string | null) => void } | null = null
  let isDrawing = false

  const repaint = async (): Promise<void> => {
    if (isDrawing) return
    isDrawing = true
    const lines = (await draw()).split('\n').slice(0, io.rows)
    isDrawing = false
    if (question !== null) lines[noteRow()] = `\x1b[1m${question.text} ${question.typed}`
    const shown = lines.map((line) => `${cut(line, io.cols)}\x1b[K`)
    const cursor = question === null ? '' : `\x1b[${noteRow() + 1};${question.text.length + question.typed.length + 2}H\x1b[?25h` // prettier-ignore
    io.out(`\x1b[?25l\x1b[H${shown.join('\n')}${shown.length < io.rows ? '\x1b[J' : ''}${cursor}`)
  }
  const ask: Ask = (text) =>
    new Promise((resolve) => {
      question = { text, typed: '', done: resolve }
    })
  const answer = (line: string | null): void => {
    const asked = question
    question = null
    asked?.done(line)
  }
  const type = (key: string): void => {
    if (key === '\r' || key === '\n') answer(question!.typed)
    else if (key === '\x1b') answer(null)
    else if (key === '\x7f' || key === '\b') question!.typed = question!.typed.slice(0, -1)
    else if (key >= ' ' && key.length === 1) question!.typed += key
  }
  io.signal?.addEventListener('abort', () => quit.abort())
  if (io.keys !== undefined)
    io.keys.onKey = (key) => {
      if (key === '\x03' || (key === 'q' && question === null)) return quit.abort()
      if (question !== null) type(key)
      else void Promise.resolve(press?.(key, ask)).then(repaint)
      void repaint()
    }
  io.out('\x1b[?1049h\x1b[?25l\x1b[H')
  try {
    for (let i = 0; i < count && !quit.signal.aborted; i++) {
      await repaint()
      await io.inside.sleep(everyMs(), quit.signal).catch(() => quit.abort())
    }
  } finally {
    answer(null)
    if (io.keys !== undefined) io.keys.onKey = null
    io.out('\x1b[?25h\x1b[?1049l')
  }
  return 0
}

/** A line cut at the margin. One with styles inside is left as it is: whoever made it knows its length. */
function cut(line: string, cols: number): string {
  const style = STYLE.exec(line)?.[0] ?? ''
  const text = line.slice(style.length)
  const shown = ANY_STYLE.test(text) ? text : text.slice(0, cols)
  ANY_STYLE.lastIndex = 0
  return style === '' && shown === text ? shown : `${style}${shown}${RESET}`
}
