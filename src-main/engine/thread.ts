/** The map of the engine's thread: messages in, answers and pushes out. See client.ts for the messages. */
import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { commandSchema, type Push, type Result } from '@shared/protocol'
import { version } from '../../package.json'
import { recorderThread } from '../recorder/client'
import { answer } from './answers'
import { crash } from './answers/crashes'
import { load } from './answers/load'
import type { EngineOptions } from './client'
import { defaultScenario, findScenario } from './scenarios'
import { openSession } from './session'
import { watchCost } from './cost'

const port = parentPort!
const { host, userData, scenario, seed, record, workerFile } = workerData as EngineOptions & { workerFile: string }

const push = (message: Push): void => port.postMessage({ push: message })
const recorder = recorderThread(workerFile, (reason) => {
  session.recorderNote = reason
  push({ type: 'progress', id: 'recorder', text: `the recording stopped: ${reason}`, done: 1 })
})
const session = openSession({ host, userData, engine: version }, recorder, push)
const booted = boot().catch((error: unknown) => crash(session, error))
const cost = watchCost(session, performance)

port.on('message', (message: { id: number; command: unknown }) => void serve(message.id, message.command))
process.on('uncaughtException', (error) => crash(session, error))
process.on('unhandledRejection', (error) => crash(session, error))

async function boot(): Promise<void> {
  const source = scenario === undefined ? defaultScenario() : findScenario(scenario)
  await load(session, source, seed, record ?? undefined)
}

async function serve(id: number, given: unknown): Promise<void> {
  await booted
  const parsed = commandSchema.safeParse(given)
  if (!parsed.success) return reply(id, { ok: false, error: `not a command: ${parsed.error.issues[0]?.message ?? ''}` })
  if (parsed.data.type === 'shutdown') return stop()
  reply(id, await answer(session, parsed.data))
}

function reply(id: number, result: Result): void {
  port.postMessage({ id, result })
}

async function stop(): Promise<void> {
  session.running = false
  clearInterval(cost)
  for (const { term } of session.consoles.values()) term.close()
  await recorder.stop().catch(() => undefined)
  port.postMessage({ stopped: true })
  port.close()
}
