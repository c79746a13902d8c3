/** An engine that answers every command with its type, and pushes what a test tells it to. */
import type { Push } from '@shared/protocol'
import type { EngineClient } from '../../src-main/engine/client'

export interface FakeEngine extends EngineClient {
  readonly asked: { type: string; id?: string }[]
  push(push: Push): void
}

export function fakeEngine(): FakeEngine {
  const listeners = new Set<(push: Push) => void>()
  const asked: FakeEngine['asked'] = []
  return {
    asked,
    push: (push) => listeners.forEach((listener) => listener(push)),
    request(command) {
      asked.push(command as { type: string })
      return Promise.resolve({ ok: true, value: (command as { type: string }).type })
    },
    onPush(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: () => Promise.resolve(),
  }
}
