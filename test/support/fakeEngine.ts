/** An engine that answers every command with its type, and pushes what a test tells it to. */
import type { Push, Result } from '@shared/protocol'
import type { EngineClient } from '../../src-main/engine/client'

export interface FakeEngine extends EngineClient {
  readonly asked: { type: string; id?: string }[]
  /** What a command is answered with, instead. */
  readonly answers: Record<string, Result>
  push(push: Push): void
}

export function fakeEngine(): FakeEngine {
  const listeners = new Set<(push: Push) => void>()
  const asked: FakeEngine['asked'] = []
  const answers: FakeEngine['answers'] = {}
  return {
    asked,
    answers,
    push: (push) => listeners.forEach((listener) => listener(push)),
    request(command) {
      asked.push(command as { type: string })
      const { type } = command as { type: string }
      return Promise.resolve(answers[type] ?? { ok: true, value: type })
    },
    onPush(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: () => Promise.resolve(),
  }
}
