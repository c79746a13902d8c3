/** One record of all caches per session: what the recording has of before the window was there, then every sample. */
import { Sample } from '../../model/sample'
import { slabCaches, trackSlabs, type SlabTrack } from '../../model/slab'
import { sampleSpacing, Track } from '../../model/track'
import type { Session } from '../../state/session.svelte'

/** A chart is hardly wider. */
const POINTS = 240
interface Kept {
  readonly track: SlabTrack
  /** Samples that come while the past is on its way; null when it is there. */
  waiting: Sample[] | null
}
const keptBy = new WeakMap<Session, Kept>()

export function slabTrack(session: Session): SlabTrack {
  return keptOf(session).track
}

function keptOf(session: Session): Kept {
  const known = keptBy.get(session)
  if (known) return known
  const made: Kept = { track: new Track(3600), waiting: null }
  keptBy.set(session, made)
  session.client.subscribe((push) => {
    if (push.type !== 'sample') return
    const sample = new Sample(push.data)
    if (made.waiting === null) put(session, made.track, sample, spacingOf(session))
    else made.waiting.push(sample)
  })
  return made
}

/** Another machine or recording is shown: its past, then what came meanwhile. */
export async function beginSlabTrack(session: Session): Promise<void> {
  const kept = keptOf(session)
  const { track } = kept
  const mine: Sample[] = (kept.waiting = [])
  track.clear()
  const result = await session.request<{ readonly samples: readonly Float64Array[] }>(
    { type: 'slabHistory', from: 0, to: session.state.liveMs, points: POINTS },
    { quiet: true },
  )
  if (kept.waiting !== mine) return
  kept.waiting = null
  const past = (result.ok ? result.value.samples : []).map((data) => new Sample(data))
  const lastMs = past.at(-1)?.ms ?? -1
  const spacing = past.length > 1 ? (lastMs - past[0]!.ms) / (past.length - 1) : 0
  for (const sample of past) put(session, track, sample, spacing)
  for (const sample of mine) if (sample.ms > lastMs) put(session, track, sample, Math.max(spacingOf(session), spacing))
  session.changed()
}

const spacingOf = (session: Session): number => sampleSpacing(session.machine?.sampleMs ?? 500, session.state.speed)

function put(session: Session, track: SlabTrack, sample: Sample, spacing: number): void {
  trackSlabs(track, sample.ms, slabCaches(sample, session.names), spacing)
}
