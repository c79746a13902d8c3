/** The shells that are open in the machine. They outlive the view: what they printed is kept and shown again. */
import type { Session } from '../../state/session.svelte'

const KEPT_CHARS = 200_000
const COLOURS = new RegExp(String.raw`\u001b\[[0-9;?]*[a-zA-Z]`, 'g')
/** A prompt and nothing after it. */
const PROMPT = /[$#]\s*$/

export class Shell {
  title = $state('bash')
  closed = $state(false)
  /** What the machine printed so far, the newest part of it. */
  text = ''
  private listener: ((data: string) => void) | null = null
  private opened = false
  private line = ''

  constructor(
    private readonly session: Session,
    readonly id: string,
    readonly number: number,
  ) {}

  async open(cols: number, rows: number): Promise<void> {
    if (this.opened) return this.resize(cols, rows)
    this.opened = true
    this.session.onTerminal(this.id, (data) => this.print(data))
    const result = await this.session.request({ type: 'termOpen', id: this.id, cols, rows }, { quiet: true })
    if (!result.ok) this.print(`\x1b[31mThe shell could not be opened: ${result.error}\x1b[0m\r\n`)
  }
  /** Everything so far, then whatever comes, until the returned function is called. */
  attach(listener: (data: string) => void): () => void {
    if (this.text !== '') listener(this.text)
    this.listener = listener
    return () => (this.listener = null)
  }
  input(data: string): void {
    // While a command runs, keys are the command's.
    const isTyping = this.title === 'bash'
    for (const char of data) {
      if (!isTyping && char !== '\x03') continue
      if (char === '\r' || char === '\n') {
        this.title = this.line.trim().slice(0, 24) || 'bash'
        this.line = ''
      } else if (char === '\x7f') this.line = this.line.slice(0, -1)
      else if (char === '\x03') {
        this.line = ''
        this.title = 'bash'
      } else if (char >= ' ') this.line += char
    }
    void this.session.request({ type: 'termInput', id: this.id, data })
  }
  resize(cols: number, rows: number): void {
    void this.session.request({ type: 'termResize', id: this.id, cols, rows }, { quiet: true })
  }
  close(): void {
    this.closed = true
    void this.session.request({ type: 'termClose', id: this.id }, { quiet: true })
  }
  private print(data: string): void {
    this.text = (this.text + data).slice(-KEPT_CHARS)
    this.listener?.(data)
    // A prompt at the end of a line means that the command is done.
    if (PROMPT.test(this.text.slice(-120).replace(COLOURS, ''))) this.title = 'bash'
  }
}

export class Shells {
  list = $state.raw<readonly Shell[]>([])
  current = $state.raw<Shell | null>(null)
  private last = 0

  constructor(private readonly session: Session) {
    session.client.subscribe((push) => {
      // Another machine has other shells.
      if (push.type === 'hello') this.reset(`${push.machine.scenario} ${push.machine.seed}`)
    })
  }
  add(): Shell {
    const shell = new Shell(
      this.session,
      `sh${++this.last}-${Math.round(performance.timeOrigin) % 1_000_000}`,
      this.last,
    )
    this.list = [...this.list, shell]
    this.current = shell
    return shell
  }
  remove(shell: Shell): void {
    shell.close()
    this.list = this.list.filter((other) => other !== shell)
    if (this.current === shell) this.current = this.list.at(-1) ?? null
  }
  private machine = ''
  private reset(machine: string): void {
    const isSame = this.machine === machine
    this.machine = machine
    if (isSame) return
    this.list = []
    this.current = null
  }
}

const known = new WeakMap<Session, Shells>()
export function shellsOf(session: Session): Shells {
  let shells = known.get(session)
  if (!shells) known.set(session, (shells = new Shells(session)))
  return shells
}
