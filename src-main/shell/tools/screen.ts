/** A full-screen command on the console: redraws as simulated time passes, ends with q or Ctrl-C. */
import type { Io } from '../inside'

/** Keys that reach a full-screen command; the terminal fills it. */
export interface Keys {
  onKey: ((key: string) => void) | null
}
export interface ScreenIo extends Io {
  readonly keys?: Keys
}

export interface Screen {
  readonly everyMs: number
  readonly draw: () => string | Promise<string>
  readonly press?: (key: string) => void
}

export async function screen(io: ScreenIo, { everyMs, draw, press }: Screen): Promise<number> {
  const quit = new AbortController()
  const repaint = async (): Promise<void> => {
    const lines = (await draw()).split('\n')
    const shown = lines.slice(0, io.rows - 1).map((l) => `${l.slice(0, io.cols)}\x1b[K`)
    io.out(`\x1b[H${shown.join('\n')}\x1b[J`)
  }
  io.signal?.addEventListener('abort', () => quit.abort())
  if (io.keys !== undefined)
    io.keys.onKey = (key) => {
      if (key === 'q' || key === '\x03') return quit.abort()
      press?.(key)
      void repaint()
    }
  io.out('\x1b[?1049h\x1b[?25l\x1b[H')
  try {
    while (!quit.signal.aborted) {
      await repaint()
      await io.inside.sleep(everyMs, quit.signal).catch(() => quit.abort())
    }
  } finally {
    if (io.keys !== undefined) io.keys.onKey = null
    io.out('\x1b[?25h\x1b[?1049l')
  }
  return 0
}
