/** What a client needs first: the machine, its names, and which instant is shown. */
import { hostname } from 'node:os'
import type { Push, Result } from '@shared/protocol'
import { infoOf } from '../machine'
import { isRecording, stateOf, type Session } from '../session'

type Hello = Extract<Push, { type: 'hello' }>

export function helloOf(s: Session, names: readonly string[]): Hello | null {
  const machine = s.live === null ? s.opened?.meta.machine : infoOf(s.live)
  if (machine === undefined) return null
  const recorder = isRecording(s) ? `recording to ${s.file}` : s.recorderNote === '' ? 'not recording' : s.recorderNote
  return { type: 'hello', machine, state: stateOf(s), names, host: `${hostname()}, ${s.options.host}`, recorder }
}

async function namesOf(s: Session): Promise<readonly string[]> {
  if (s.live !== null) return s.live.k.strings.list
  return s.opened === null || s.recorder === null ? [] : s.recorder.ask('names', { of: 'opened' })
}

/** Tells everybody that the machine is another one. */
export function pushHello(s: Session): void {
  if (s.live === null) return void namesOf(s).then((names) => pushWith(s, names))
  pushWith(s, s.live.k.strings.list)
}

function pushWith(s: Session, names: readonly string[]): void {
  const hello = helloOf(s, names)
  if (hello !== null) s.push(hello)
}

/** A client is there: it gets the same in the answer, and the sample that is shown. */
export async function hello(s: Session): Promise<Result> {
  const made = helloOf(s, await namesOf(s))
  if (made === null) return { ok: false, error: 'no machine runs yet' }
  s.push(made)
  const latest = s.history.whole.at(-1)
  if (s.view.ms === null && latest !== undefined) s.push({ type: 'sample', data: latest })
  if (s.crashed !== null) s.push({ type: 'crash', capsule: s.crashed })
  return { ok: true, value: made }
}
