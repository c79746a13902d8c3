/** Keys that work everywhere. Views add theirs; what is typed into a field stays there. */
import type { Screen } from './state/screen.svelte'
import type { Session } from './state/session.svelte'
import { VIEWS } from './views'

export function onKey(event: KeyboardEvent, session: Session, screen: Screen): void {
  if (!event.defaultPrevented && act(event, session, screen)) event.preventDefault()
}

function act(event: KeyboardEvent, session: Session, screen: Screen): boolean {
  const { key } = event
  if ((event.ctrlKey || event.metaKey) && !event.altKey) return withControl(key, screen)
  if (key === 'F1') return ((screen.help = !screen.help), true)
  if (isTyping(event.target) || screen.palette || screen.help) return false
  if (key === '?') return ((screen.help = true), true)
  if (key === 'z' || key === 'Z') return (session.togglePause(), true)
  if (key === 'End' && !inGrid(event.target)) return (session.goLive(), true)
  return false
}

function withControl(key: string, screen: Screen): boolean {
  if (key === 'k' || key === 'K') return ((screen.palette = !screen.palette), true)
  if (key === 'e' || key === 'E') return (screen.export(), true)
  const view = VIEWS.find((one) => one.key === key)
  if (view !== undefined) screen.go(view.id)
  return view !== undefined
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
  )
}
function inGrid(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('[role=grid],[role=treegrid]') !== null
}
