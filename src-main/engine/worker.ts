/** The file of both threads: the engine's, and the recorder's that the engine starts from the same file. */
import { fileURLToPath } from 'node:url'
import { workerData } from 'node:worker_threads'

const data = workerData as { role?: 'recorder'; workerFile?: string }
if (data.role === 'recorder') await import('../recorder/thread')
else {
  data.workerFile = fileURLToPath(import.meta.url)
  await import('./thread')
}
