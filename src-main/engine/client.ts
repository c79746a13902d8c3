/**
 * The host's end of an engine: the only thing that the desktop app and the headless host know about it.
 *
 *   to the worker    { id, command }
 *   from the worker  { id, result } | { push } | { stopped: true }   (the last answers `shutdown`)
 *
 * A worker that dies does not take its host along: it becomes a `crash` push, and every request that waits fails.
 */
import { Worker } from 'node:worker_threads'
import type { Push, Result } from '@shared/protocol'
import workerPath from './worker?modulePath'

export interface EngineOptions {
  readonly host: 'electron' | 'serve' | 'cli'
  /** Where recordings and crash capsules go; null keeps nothing. */
  readonly userData: string | null
  /** A scenario's name in the gallery or the path of its file. */
  readonly scenario?: string
  readonly seed?: number
  readonly record?: string | null
}

export interface EngineClient {
  request(command: unknown): Promise<Result>
  /** Calls `listener` with every push until the returned function is called. */
  onPush(listener: (push: Push) => void): () => void
  /** Ends the engine; resolves when its recording is closed and its thread is gone. */
  stop(): Promise<void>
}

type FromWorker =
  { readonly id: number; readonly result: Result } | { readonly push: Push } | { readonly stopped: true }

/** A worker that has not said `stopped` by then is ended by force. */
const STOP_TIMEOUT_MS = 10_000

export function startEngine(options: EngineOptions, path: string = workerPath): EngineClient {
  const worker = new Worker(path, { workerData: options })
  const listeners = new Set<(push: Push) => void>()
  const waiting = new Map<number, (result: Result) => void>()
  let lastId = 0
  let ended: string | null = null
  let stopping: Promise<void> | null = null
  let onStopped = (): void => undefined

  const emit = (push: Push): void => listeners.forEach((listener) => listener(push))
  const failAll = (error: string): void => {
    for (const answer of waiting.values()) answer({ ok: false, error })
    waiting.clear()
  }
  const end = (error: Error): void => {
    if (ended !== null) return
    ended = error.message
    onStopped()
    failAll(`the engine stopped: ${error.message}`)
    if (stopping === null) emit(crashOf(error, options))
  }

  worker.on('message', (message: FromWorker) => {
    if ('push' in message) return emit(message.push)
    if ('stopped' in message) return onStopped()
    waiting.get(message.id)?.(message.result)
    waiting.delete(message.id)
  })
  worker.on('error', (error) => end(error instanceof Error ? error : new Error(String(error))))
  worker.on('exit', (code) => end(new Error(`the engine's thread ended with status ${code}`)))

  function request(command: unknown): Promise<Result> {
    if (ended !== null) return Promise.resolve({ ok: false, error: `the engine stopped: ${ended}` })
    const id = ++lastId
    return new Promise((resolve) => {
      waiting.set(id, resolve)
      worker.postMessage({ id, command })
    })
  }

  async function stopWorker(): Promise<void> {
    const stopped = new Promise<void>((resolve) => (onStopped = resolve))
    if (ended === null) {
      worker.postMessage({ id: ++lastId, command: { type: 'shutdown' } })
      const timer = setTimeout(onStopped, STOP_TIMEOUT_MS)
      await stopped
      clearTimeout(timer)
    }
    await worker.terminate()
    failAll('the engine was stopped')
  }

  return {
    request,
    onPush(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: () => (stopping ??= stopWorker()),
  }
}

/** The crash of a thread that could not write a capsule itself. */
function crashOf(error: Error, options: EngineOptions): Push {
  return {
    type: 'crash',
    capsule: {
      message: error.message,
      stack: error.stack ?? '',
      scenario: options.scenario ?? '',
      seed: options.seed ?? 0,
      step: -1,
      ms: 0,
      commands: [],
      reproduce: `memscope run ${options.scenario ?? 'SCENARIO'} --seed ${options.seed ?? 0}`,
      file: null,
    },
  }
}
