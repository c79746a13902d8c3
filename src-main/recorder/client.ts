/** The recorder in a thread of its own: writing never makes the engine wait for a disk. */
import { Worker } from 'node:worker_threads'
import type { Recorder } from './recorder'
import type { FromRecorder, ToRecorder } from './thread'

/** `file` is the engine's own worker file: it is the recorder's too. */
export function recorderThread(file: string, onFailure: (reason: string) => void): Recorder {
  const worker = new Worker(file, { workerData: { role: 'recorder' } })
  const waiting = new Map<number, { answer: (value: unknown) => void; fail: (error: Error) => void }>()
  let lastId = 0
  let ended: string | null = null
  let onStopped = (): void => undefined

  const end = (reason: string): void => {
    if (ended !== null) return
    ended = reason
    onStopped()
    for (const { fail } of waiting.values()) fail(new Error(reason))
    waiting.clear()
  }
  worker.on('message', (message: FromRecorder) => {
    if ('stopped' in message) return onStopped()
    if ('failed' in message) return onFailure(message.failed)
    const asked = waiting.get(message.id)
    waiting.delete(message.id)
    if ('error' in message) asked?.fail(new Error(message.error))
    else asked?.answer(message.answer)
  })
  worker.on('error', (error: unknown) => {
    onFailure(String(error))
    end(String(error))
  })
  worker.on('exit', () => end('the recorder has stopped'))
  worker.unref()
  const send = (message: ToRecorder, transfer: ArrayBuffer[] = []): void => {
    if (ended === null) worker.postMessage(message, transfer)
  }

  return {
    put(entry) {
      // The engine keeps its own copy of a sample; this one belongs to the recorder.
      if (entry.put === 'sample') send({ put: entry }, [entry.data.buffer as ArrayBuffer])
      else send({ put: entry })
    },
    ask(question, given) {
      if (ended !== null) return Promise.reject(new Error(ended))
      const id = ++lastId
      return new Promise<never>((answer, fail) => {
        waiting.set(id, { answer: answer as (value: unknown) => void, fail })
        send({ id, question, given })
      })
    },
    async stop() {
      if (ended === null) {
        const stopped = new Promise<void>((resolve) => (onStopped = resolve))
        worker.ref()
        send({ stop: true })
        await stopped
      }
      await worker.terminate()
    },
  }
}
