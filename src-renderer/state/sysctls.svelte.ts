/** The sysctls of the shown instant: they follow the timeline, and what a console or the scenario sets. */
import type { Sysctl } from '../model/workload'
import type { Session } from './session.svelte'

/** Read anew no oftener than that, however fast the timeline moves. */
const APART_MS = 1000

/** Calls `take` with the list now and whenever the shown instant moves; to be called while a component starts. */
export function followSysctls(session: Session, take: (list: readonly Sysctl[]) => void): () => Promise<void> {
  let lastMs = -Infinity
  const load = async (): Promise<void> => {
    lastMs = performance.now()
    const result = await session.request<unknown>({ type: 'sysctls' }, { quiet: true })
    if (result.ok && Array.isArray(result.value)) take(result.value as readonly Sysctl[])
  }
  const instant = $derived(
    session.state.mode === 'replay' ? session.state.viewMs : -Math.floor(session.liveMs / APART_MS),
  )
  $effect(() => {
    void session.machine
    void instant
    const timer = setTimeout(() => void load(), Math.max(0, lastMs + APART_MS - performance.now()))
    return () => clearTimeout(timer)
  })
  return load
}
