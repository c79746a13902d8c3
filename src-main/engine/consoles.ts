/** Consoles: a shell on the machine that the views show. In the past it can look, not act. */
import { Errno, type Inside } from '../shell/inside'
import { openTerm, type Term } from '../shell/term'
import { command as giveCommand } from './answers/machine'
import { insideOf } from './inside'
import { nowMs } from './machine'
import { liveMs, type Session } from './session'
import { shownMachine } from './view'

export interface Console {
  readonly term: Term
}

export function openConsole(s: Session, id: string, cols: number, rows: number): Console {
  s.consoles.get(id)?.term.close()
  const begun = { inPast: false }
  const term = openTerm({
    inside: consoleInside(s, begun),
    write: (data) => s.push({ type: 'term', id, data }),
    ready: async () => {
      begun.inPast = s.view.ms !== null
      await shownMachine(s)
    },
    cols,
    rows,
  })
  const console = { term }
  s.consoles.set(id, console)
  return console
}

/** What was typed ahead in the past was meant for the past: on the way to the present it is forgotten. */
export function leavePast(s: Session): void {
  for (const { term } of s.consoles.values()) term.forget()
}

/** A command that began in the past goes on looking when the present is shown, but never acts on it. */
function consoleInside(s: Session, begun: { readonly inPast: boolean }): Inside {
  return insideOf({
    machine() {
      const machine = s.view.ms === null ? s.live : s.past
      if (machine === null) throw new Errno('EAGAIN')
      return machine
    },
    act(command) {
      if (s.view.ms !== null || begun.inPast)
        return { ok: false, error: 'EROFS: the past cannot be changed; branch here to go on with other decisions' }
      return giveCommand(s, command)
    },
    sleep: (ms, signal) => sleep(s, ms, signal),
  })
}

/** Waits for simulated time: of the live machine, or, in the past, of the shown instant that plays on. */
function sleep(s: Session, ms: number, signal?: AbortSignal): Promise<void> {
  const isPast = s.view.ms !== null
  const from = isPast ? s.view.ms! : s.live === null ? liveMs(s) : nowMs(s.live)
  return new Promise((resolve, reject) => {
    const poll = isPast ? setInterval(() => ((s.view.ms ?? Infinity) >= from + ms ? finish() : undefined), 100) : null
    const sleeper = { untilMs: from + ms, wake: finish }
    const giveUp = (): void => {
      finish()
      reject(new Errno('EINTR'))
    }
    function finish(): void {
      if (poll !== null) clearInterval(poll)
      s.sleepers = s.sleepers.filter((other) => other !== sleeper)
      signal?.removeEventListener('abort', giveUp)
      resolve()
    }
    if (signal?.aborted === true) return giveUp()
    signal?.addEventListener('abort', giveUp)
    if (!isPast) s.sleepers.push(sleeper)
  })
}
