/** One line of input on a terminal: editing keys, history, completion. Knows nothing of shells. */

export interface Completion {
  /** Where the completed word begins, and what it may become. */
  readonly from: number
  readonly words: readonly string[]
}
export interface LineOptions {
  readonly write: (data: string) => void
  readonly prompt: () => string
  readonly cols: () => number
  readonly complete: (text: string, at: number) => Completion
  readonly enter: (text: string) => void
  readonly clear: () => void
}
export interface Line {
  input(data: string): void
  /** Shows the prompt and an empty line. */
  show(): void
}

const MAX_HISTORY = 500
/** An escape sequence, or one character. */
export const KEY = new RegExp(String.raw`\u001b(?:\[[\d;]*[A-Za-z~]|O[A-D]|[bf])|[\s\S]`, 'gu')
const COLOUR = new RegExp(String.raw`\u001b\[[\d;]*m`, 'g')
/** Keys by what terminals send for them. */
const KEYS: Readonly<Record<string, string>> = {
  '\r': 'enter', '\n': 'enter', '\t': 'tab', '\x7f': 'backspace', '\b': 'backspace', '\x01': 'home', '\x05': 'end', '\x02': 'left',
  '\x06': 'right', '\x10': 'up', '\x0e': 'down', '\x04': 'eof', '\x03': 'cancel', '\x0c': 'clear', '\x15': 'killStart', '\x0b': 'killEnd',
  '\x17': 'killWord', '\x1b[A': 'up', '\x1b[B': 'down', '\x1b[C': 'right', '\x1b[D': 'left', '\x1bOA': 'up', '\x1bOB': 'down',
  '\x1bOC': 'right', '\x1bOD': 'left', '\x1b[H': 'home', '\x1b[F': 'end', '\x1b[1~': 'home', '\x1b[4~': 'end', '\x1b[3~': 'delete',
  '\x12': 'search', '\x07': 'abort', '\x1b[1;5C': 'wordRight', '\x1b[1;5D': 'wordLeft', '\x1bf': 'wordRight', '\x1bb': 'wordLeft',
} // prettier-ignore

export function openLine(options: LineOptions): Line {
  const { write } = options
  const history: string[] = []
  let text = ''
  let at = 0
  /** Place in the history; its length is the line that is being typed. */
  let place = 0
  let draft = ''
  /** Row of the cursor below the prompt's first, as it was drawn. */
  let row = 0
  /** What Ctrl-R looks for, and where in the history it was last found. */
  let sought: { text: string; at: number } | null = null

  const shownPrompt = (): string => (sought === null ? options.prompt() : `(reverse-i-search)\`${sought.text}': `)
  const width = (): number => shownPrompt().replace(COLOUR, '').length
  function draw(): void {
    const cols = options.cols()
    const up = row > 0 ? `\x1b[${row}A` : ''
    const total = width() + text.length
    const end = Math.floor(total / cols)
    row = Math.floor((width() + at) / cols)
    const column = (width() + at) % cols
    const back = end > row ? `\x1b[${end - row}A` : ''
    // A line that ends exactly at the margin needs the wrap spelt out.
    const wrap = total % cols === 0 && total > 0 ? '\r\n' : ''
    write(`\r${up}\x1b[J${shownPrompt()}${text}${wrap}${back}\r${column > 0 ? `\x1b[${column}C` : ''}`)
  }
  function set(next: string, cursor = next.length): void {
    text = next
    at = cursor
    draw()
  }
  function recall(step: number): void {
    const next = place + step
    if (next < 0 || next > history.length) return
    if (place === history.length) draft = text
    place = next
    set(place === history.length ? draft : history[place]!)
  }
  /** The newest line before `from` that has what is sought; the line that was found stays where there is none. */
  function find(wanted: string, from: number): void {
    sought = { text: wanted, at: from }
    for (let i = Math.min(from, history.length - 1); i >= 0; i--) {
      const where = history[i]!.indexOf(wanted)
      if (where < 0) continue
      sought = { text: wanted, at: i }
      return set(history[i]!, where)
    }
    draw()
  }
  /** A key while a search goes on: more to look for, the next older, or an end; then the key does what it does. */
  function searching(key: string): boolean {
    if (sought === null) return false
    if (KEYS[key] === 'search') find(sought.text, sought.at - 1)
    else if (KEYS[key] === 'backspace') find(sought.text.slice(0, -1), history.length - 1)
    else if (key >= ' ' && key.length === 1 && key !== '\x7f') find(sought.text + key, sought.at)
    else {
      sought = null
      if (KEYS[key] === 'abort') set('')
      else draw()
      return KEYS[key] === 'abort' || key === '\x1b'
    }
    return true
  }
  function finish(shown: string): void {
    at = text.length
    draw()
    write(`${shown}\r\n`)
    row = 0
  }
  function enter(): void {
    const entered = text
    finish('')
    text = ''
    at = 0
    if (entered.trim() !== '' && history.at(-1) !== entered) history.push(entered)
    if (history.length > MAX_HISTORY) history.shift()
    place = history.length
    options.enter(entered)
  }
  function completeWord(): void {
    const { from, words } = options.complete(text, at)
    const common = commonStart(words)
    const typed = text.slice(from, at)
    if (words.length === 1 || common.length > typed.length) {
      const word = words.length === 1 && !common.endsWith('/') ? `${common} ` : common
      return set(text.slice(0, from) + word + text.slice(at), from + word.length)
    }
    if (words.length < 2) return
    finish('')
    write(columns(words, options.cols()))
    draw()
  }
  const wordLeft = (): number => text.slice(0, at).replace(/\S+\s*$/, '').length
  const wordRight = (): number => at + (/^\s*\S+/.exec(text.slice(at))?.[0].length ?? 0)

  const actions: Readonly<Record<string, () => void>> = {
    enter,
    tab: completeWord,
    backspace: () => at > 0 && set(text.slice(0, at - 1) + text.slice(at), at - 1),
    delete: () => set(text.slice(0, at) + text.slice(at + 1), at),
    left: () => set(text, Math.max(0, at - 1)),
    right: () => set(text, Math.min(text.length, at + 1)),
    wordLeft: () => set(text, wordLeft()),
    wordRight: () => set(text, wordRight()),
    home: () => set(text, 0),
    end: () => set(text),
    up: () => recall(-1),
    down: () => recall(1),
    killStart: () => set(text.slice(at), 0),
    killEnd: () => set(text.slice(0, at), at),
    killWord: () => set(text.slice(0, wordLeft()) + text.slice(at), wordLeft()),
    eof: () => text !== '' && set(text.slice(0, at) + text.slice(at + 1), at),
    cancel: () => {
      finish('^C')
      place = history.length
      set('')
    },
    search: () => find('', history.length),
    abort: () => set(''),
    clear: () => {
      options.clear()
      row = 0
      draw()
    },
  }

  return {
    show() {
      text = ''
      sought = null
      at = 0
      row = 0
      draw()
    },
    input(data) {
      // Keys, escape sequences, or text that is typed or pasted.
      for (const part of data.match(KEY) ?? []) {
        if (searching(part)) continue
        const action = KEYS[part]
        if (action !== undefined) actions[action]!()
        else if (part >= ' ' && at === text.length && (width() + text.length + 1) % options.cols() !== 0) {
          // Typing at the end: nothing else on the line changes.
          text += part
          at = text.length
          write(part)
        } else if (part >= ' ' && !part.startsWith('\x1b'))
          set(text.slice(0, at) + part + text.slice(at), at + part.length)
      }
    },
  }
}

function commonStart(words: readonly string[]): string {
  let common = words[0] ?? ''
  for (const word of words) while (!word.startsWith(common)) common = common.slice(0, -1)
  return common
}

function columns(words: readonly string[], cols: number): string {
  const shown = words.map((w) => w.replace(/^.*\/(?=.)/, ''))
  const width = Math.max(...shown.map((w) => w.length)) + 2
  const perRow = Math.max(1, Math.floor(cols / width))
  const rows: string[] = []
  for (let i = 0; i < shown.length; i += perRow)
    rows.push(
      shown
        .slice(i, i + perRow)
        .map((w) => w.padEnd(width))
        .join('')
        .trimEnd(),
    )
  return `${rows.join('\r\n')}\r\n`
}
