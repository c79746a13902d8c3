/** The way from a process in a list to its own view. */
import type { Screen } from '../../state/screen.svelte'
import type { Session } from '../../state/session.svelte'

export function openProcess(session: Session, screen: Screen, pid: number): void {
  session.pid = pid
  screen.go('process')
}
