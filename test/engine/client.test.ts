/** The host's end of an engine's thread. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Push } from '@shared/protocol'
import { startEngine, type EngineClient } from '../../src-main/engine/client'

const dir = mkdtempSync(join(tmpdir(), 'memscope-client-'))
const file = join(dir, 'worker.mjs')
writeFileSync(
  file,
  `import { parentPort, workerData } from 'node:worker_threads'
   parentPort.on('message', ({ id, command }) => {
     if (command.type === 'die') throw new Error('a bug')
     if (command.type === 'shutdown') return parentPort.postMessage({ stopped: true })
     if (command.type === 'tell') parentPort.postMessage({ push: { type: 'log', lines: [workerData.host] } })
     if (command.type !== 'wait') parentPort.postMessage({ id, result: { ok: true, value: command.type } })
   })`,
)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const start = (): EngineClient => startEngine({ host: 'cli', userData: null, scenario: 'idle', seed: 7 }, file)

test('a command is answered by its own result', async () => {
  const engine = start()
  const answers = await Promise.all(['a', 'b', 'c'].map((type) => engine.request({ type })))
  expect(answers).toEqual(['a', 'b', 'c'].map((value) => ({ ok: true, value })))
  await engine.stop()
})

test('pushes reach every listener that is still listening', async () => {
  const engine = start()
  const [heard, gone]: [Push[], Push[]] = [[], []]
  engine.onPush((push) => heard.push(push))
  engine.onPush((push) => gone.push(push))()
  await engine.request({ type: 'tell' })
  expect(heard).toEqual([{ type: 'log', lines: ['cli'] }])
  expect(gone).toEqual([])
  await engine.stop()
})

test('a thread that dies becomes a crash push and fails what waits', async () => {
  const engine = start()
  const pushed = new Promise<Push>((resolve) => engine.onPush(resolve))
  const waiting = engine.request({ type: 'wait' })
  void engine.request({ type: 'die' })
  expect(await waiting).toEqual({ ok: false, error: 'the engine stopped: a bug' })
  expect(await pushed).toMatchObject({ type: 'crash', capsule: { message: 'a bug', scenario: 'idle', seed: 7 } })
  expect(await engine.request({ type: 'a' })).toMatchObject({ ok: false })
  await engine.stop()
})

test('stopping is no crash, and may be asked for twice', async () => {
  const engine = start()
  const pushes: Push[] = []
  engine.onPush((push) => pushes.push(push))
  await engine.request({ type: 'a' })
  await Promise.all([engine.stop(), engine.stop()])
  expect(pushes).toEqual([])
})
