/** A bug of ours stops the machine, not the engine: it is written down, shown, and what is there can be looked at. */
import { capsuleOf } from '../crash'
import { stand } from '../loop'
import { pushState, type Session } from '../session'

export function crash(s: Session, error: unknown): void {
  stand(s)
  s.running = false
  s.crashed = capsuleOf(error, s.live, s.options.userData)
  s.push({ type: 'crash', capsule: s.crashed })
  pushState(s)
}
