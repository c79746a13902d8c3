/** One record of all caches per session, from the start of the window on. */
import type { Session } from '../../state/session.svelte'
import { Sample } from '../../model/sample'
import { slabCaches, trackSlabs, type SlabTrack } from '../../model/slab'
import { sampleSpacing, Track } from '../../model/track'

const tracks = new WeakMap<Session, SlabTrack>()

export function slabTrack(session: Session): SlabTrack {
  const known = tracks.get(session)
  if (known) return known
  const track: SlabTrack = new Track(3600)
  tracks.set(session, track)
  const add = (sample: Sample): void => {
    const expected = sampleSpacing(session.machine?.sampleMs ?? 500, session.state.speed)
    trackSlabs(track, sample.ms, slabCaches(sample, session.names), expected)
  }
  if (session.sample !== null && session.state.mode !== 'replay') add(session.sample)
  session.client.subscribe((push) => {
    if (push.type === 'hello') track.clear()
    else if (push.type === 'sample') add(new Sample(push.data))
  })
  return track
}
