/** Following a number down: from a list to the process, from an address to its frame, from a frame to its cache. */
import type { Screen } from '../state/screen.svelte'
import type { Session } from '../state/session.svelte'

export function openProcess(session: Session, screen: Screen, pid: number, address: number | null = null): void {
  session.pid = pid
  session.address = address
  screen.go('process')
}
export function openFrame(session: Session, screen: Screen, pfn: number): void {
  session.pfn = pfn
  screen.memory = 'frames'
  screen.go('memory')
}
export function openCache(session: Session, screen: Screen, cache: string): void {
  session.cache = cache
  screen.go('slab')
}
