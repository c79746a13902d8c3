/** Who waits for pushes that carry an id: detail views and consoles. */
import type { WatchSpec } from '@shared/protocol'

export interface Watcher {
  readonly what: WatchSpec
  readonly listener: (data: unknown) => void
}

export class Listeners {
  readonly watchers = new Map<string, Watcher>()
  readonly terminals = new Map<string, (data: string) => void>()
}

/** Jobs that take long, by their id. */
export type Progress = ReadonlyMap<string, { readonly text: string; readonly done: number }>
export const NO_PROGRESS: Progress = new Map()

export function withProgress(now: Progress, id: string, text: string, done: number): Progress {
  const next = new Map(now)
  if (done >= 1) next.delete(id)
  else next.set(id, { text, done })
  return next
}
