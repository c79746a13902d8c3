/** The way from a process in a list to its own view. */
import type { Session } from '../../state/session.svelte'

export function openProcess(session: Session, pid: number): void {
  session.pid = pid
  window.location.hash = '#process'
}
