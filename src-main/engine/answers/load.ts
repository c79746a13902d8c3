/** Loading a scenario: a new machine from its boot, and a new recording of it. */
import type { CommandOf, Result } from '@shared/protocol'
import { openHistory } from '../history'
import { stand, takeSample, wake } from '../loop'
import { bootMachine } from '../machine'
import { sessionFile, startRecording } from '../recording'
import { defaultScenario, findScenario, readScenario, type ScenarioSource } from '../scenarios'
import { pushState, type Session } from '../session'
import { crash } from './crashes'
import { pushHello } from './hello'

export async function loadScenario(s: Session, { name, yaml, seed }: CommandOf<'loadScenario'>): Promise<Result> {
  const source =
    yaml !== undefined
      ? readScenario(yaml, name ?? 'scenario.yaml')
      : name !== undefined
        ? findScenario(name)
        : defaultScenario()
  return load(s, source, seed)
}

export function restart(s: Session): Promise<Result> {
  return load(s, s.scenario ?? defaultScenario(), undefined)
}

/** `record` names the file of the recording; else it is one of the sessions that are kept by themselves. */
export async function load(
  s: Session,
  source: ScenarioSource,
  seed: number | undefined,
  file?: string,
): Promise<Result> {
  stand(s)
  s.view.token++
  const { speed } = s.pace
  s.scenario = source
  Object.assign(s, { live: null, past: null, crashed: null, opened: null, branchedAt: null })
  s.view.ms = null
  s.view.playing = false
  s.epoch++
  s.history = openHistory()
  s.kept.list = []
  s.checkpoint = { ms: 0, wallMs: 0, busy: false }
  s.outbox = { series: [], sample: null, sampleWallMs: 0, watchWallMs: 0 }
  for (const sleeper of s.sleepers.splice(0)) sleeper.wake()
  try {
    const m = bootMachine(source, seed)
    await startRecording(s, m, file ?? sessionFile(s, source.scenario.name), file !== undefined)
    s.live = m
    s.running = true
    s.pace = { ...s.pace, speed }
    pushHello(s)
    takeSample(s, m)
  } catch (error) {
    crash(s, error)
    return { ok: false, error: `the machine stopped: ${(error as Error).message}` }
  }
  pushState(s)
  wake(s)
  return { ok: true, value: { seed: s.live.seed, name: source.scenario.name } }
}
