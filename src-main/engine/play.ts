/** Playing the past: the shown instant moves on at the set speed until it reaches now, or the end of the recording. */
import { performance } from 'node:perf_hooks'
import { due, startPace, type Pace } from './pacing'
import { firstMs, liveMs, pushState, type Session } from './session'
import { ignoreSuperseded, neighbour, seek } from './view'

/** Looks for the next sample so often. */
const PLAY_TICK_MS = 50
/** "max" in the past: a sample a tick. */
const MAX_PLAY_SPEED = 64

export function play(s: Session, goLive: () => void): void {
  if (s.view.ms === null) return
  const speed = s.pace.speed === 'max' ? MAX_PLAY_SPEED : s.pace.speed
  // At the end of a recording it begins anew.
  const from = s.live === null && s.view.ms >= liveMs(s) ? firstMs(s) : s.view.ms
  let pace: Pace = startPace(speed, performance.now(), from)
  s.view.playing = true
  pushState(s)
  const begin = async (): Promise<void> => {
    if (from !== s.view.ms) await seek(s, from)
    await tick()
  }
  const tick = async (): Promise<void> => {
    if (!s.view.playing || s.view.ms === null) return
    if (s.pace.speed !== 'max' && pace.speed !== s.pace.speed)
      pace = startPace(s.pace.speed, performance.now(), s.view.ms)
    const target = due(pace, performance.now())
    const next = await neighbour(s, 1)
    if (next === null || target >= liveMs(s)) return atEnd(s, goLive)
    if (next <= target) await seek(s, target)
    setTimeout(() => void tick().catch(ignoreSuperseded), PLAY_TICK_MS)
  }
  setTimeout(() => void begin().catch(ignoreSuperseded), PLAY_TICK_MS)
}

export function stopPlaying(s: Session): void {
  s.view.playing = false
}

async function atEnd(s: Session, goLive: () => void): Promise<void> {
  s.view.playing = false
  if (s.live !== null) return goLive()
  await seek(s, liveMs(s))
}
