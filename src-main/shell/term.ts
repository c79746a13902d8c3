/**
 * A terminal on the machine: a line editor with history and completion, then the shell. A command that stands alone on
 * its line and is one of ours gets the terminal itself: it prints as it goes, and full-screen ones get the keys.
 */
import { complete } from './completion'
import { KEY, openLine, type Line } from './line'
import type { Inside, Tool } from './inside'
import { openShell, runTool } from './shell'
import { TOOLS } from './tools'
import type { Keys } from './tools/screen'

export interface Term {
  input(data: string): void
  resize(cols: number, rows: number): void
  /** Forgets the keys typed ahead of the running command. */
  forget(): void
  close(): void
}
export interface TermOptions {
  readonly inside: Inside
  readonly write: (data: string) => void
  /** Called before each command: the machine that is to be looked at may have to be made first. */
  readonly ready: () => Promise<void>
  readonly cols: number
  readonly rows: number
}

const CTRL_C = '\x03'
const CLEAR = '\x1b[2J\x1b[3J\x1b[H'
const GREETING =
  'The simulated machine. Try free -h, vmstat 1, slabtop, top, ps aux; Tab completes, `help` lists the rest.\n'

export function openTerm({ inside, write, ready, cols, rows }: TermOptions): Term {
  const shell = openShell(inside)
  const size = { cols, rows }
  const keys: Keys = { onKey: null }
  const queue: string[] = []
  let running: AbortController | null = null
  let isClosed = false

  const print = (text: string): void => write(text.replace(/\r?\n/g, '\r\n'))
  const prompt = (): string => `\x1b[1;32mroot@memscope\x1b[0m:\x1b[1;34m${tilde(shell.cwd())}\x1b[0m# `
  const line: Line = openLine({
    write,
    prompt,
    cols: () => size.cols,
    complete: (text, at) => complete(inside, shell.cwd(), text, at),
    enter: (text) => void start(text),
    clear: () => write(CLEAR),
  })

  async function start(text: string): Promise<void> {
    if (text.trim() === 'exit' || text.trim() === 'clear' || text.trim() === 'reset') {
      if (text.trim() !== 'exit') write(CLEAR)
      return line.show()
    }
    if (text.trim() === '') return line.show()
    running = new AbortController()
    const { signal } = running
    const given = Promise.race([run(text, signal), aborted(signal)])
    try {
      await given
    } catch (error) {
      if (!signal.aborted) print(`${(error as Error).message}\n`)
    }
    running = null
    keys.onKey = null
    if (isClosed) return
    line.show()
    for (const data of queue.splice(0)) input(data)
  }

  async function run(text: string, signal: AbortSignal): Promise<void> {
    await ready()
    const alone = toolAlone(text)
    if (alone === null) {
      const { stdout, stderr } = await shell.exec(text, { signal, ...size })
      if (!signal.aborted) print(stdout + stderr)
      return
    }
    const out = (written: string): void => (signal.aborted ? undefined : print(written))
    await runTool(alone.tool, alone.args, {
      inside,
      out,
      err: out,
      stdin: '',
      get cols() {
        return size.cols
      },
      get rows() {
        return size.rows
      },
      tty: true,
      signal,
      run: (command) => shell.exec(command, { signal, ...size }),
      ...{ keys },
    })
  }

  function input(data: string): void {
    if (running === null) {
      line.input(data)
      return
    }
    for (const key of data.match(KEY) ?? []) {
      if (keys.onKey !== null) keys.onKey(key)
      else if (key === CTRL_C) {
        write('^C\r\n')
        running.abort()
      } else queue.push(key)
    }
  }

  print(GREETING)
  line.show()
  return {
    input,
    resize(newCols, newRows) {
      Object.assign(size, { cols: newCols, rows: newRows })
    },
    forget() {
      queue.length = 0
    },
    close() {
      isClosed = true
      running?.abort()
    },
  }
}

/** `vmstat 1`, but not `vmstat 1 | head` or `vmstat $x`: those are the shell's. */
function toolAlone(text: string): { tool: Tool; args: string[] } | null {
  if (/[|&;<>$`(){}*?#\\~!\n]|\[/.test(text)) return null
  const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')
  if (words.slice(1).some((word) => /^\S*["']/.test(word))) return null
  const tool = TOOLS.get(words[0] ?? '')
  return tool === undefined ? null : { tool, args: words.slice(1) }
}

function tilde(path: string): string {
  return path === '/root' ? '~' : path
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
}
