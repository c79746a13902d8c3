/** The recorder's thread: `{ put }` is written, `{ id, question, given }` is answered. */
import { parentPort } from 'node:worker_threads'
import { recorderHere, type Question } from './recorder'
import type { Entry } from './types'

export type ToRecorder =
  | { readonly put: Entry }
  | { readonly id: number; readonly question: Question; readonly given: unknown }
  | { readonly stop: true }
export type FromRecorder =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly failed: string }
  | { readonly stopped: true }

const port = parentPort!
const recorder = recorderHere()

port.on('message', (message: ToRecorder) => {
  if ('put' in message) return write(message.put)
  if ('stop' in message)
    return void recorder
      .stop()
      .catch((error: Error) => port.postMessage({ failed: error.message } satisfies FromRecorder))
      .then(() => {
        port.postMessage({ stopped: true } satisfies FromRecorder)
        port.close()
      })
  const { id, question, given } = message
  recorder.ask(question, given as never).then(
    (answer) => port.postMessage({ id, answer } satisfies FromRecorder),
    (error: Error) => port.postMessage({ id, error: error.message } satisfies FromRecorder),
  )
})

/** A disk that is full ends the recording, not the engine. */
function write(entry: Entry): void {
  try {
    recorder.put(entry)
  } catch (error) {
    port.postMessage({ failed: (error as Error).message } satisfies FromRecorder)
    recorder.stop().catch(() => undefined)
  }
}
