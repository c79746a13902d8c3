/** Stand-in for the engine's thread: answers every command with an error, says `stopped`. */
import { parentPort } from 'node:worker_threads'

const port = parentPort
if (port === null) throw new Error('the engine runs in a worker thread')
port.on('message', (message: { id: number; command: { type: string } }) => {
  if (message.command.type === 'shutdown') {
    port.postMessage({ stopped: true })
    port.close()
  } else port.postMessage({ id: message.id, result: { ok: false, error: `${message.command.type}: not available` } })
})
