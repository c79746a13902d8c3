/** A session from its boot to its branches: what a client sees, and that the past is what it was. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Command, Push, RecordingSeries, Result, TraceEvent } from '@shared/protocol'
import { KernelBug } from '@shared/assert'
import { seriesOf } from '@shared/sample'
import { answer } from '../../src-main/engine/answers'
import { load } from '../../src-main/engine/answers/load'
import { hashOf, nowMs } from '../../src-main/engine/machine'
import { openSession, type Session } from '../../src-main/engine/session'
import { recorderHere } from '../../src-main/recorder/recorder'
import { smallScenario } from '../support/smallScenario'

const userData = mkdtempSync(join(tmpdir(), 'memscope-session-'))
let s: Session
let pushes: Push[] = []

const ask = <T = unknown>(command: Command): Promise<Result<T>> => answer(s, command) as Promise<Result<T>>
const value = async <T>(command: Command): Promise<T> => {
  const result = await ask<T>(command)
  if (!result.ok) throw new Error(result.error)
  return result.value
}
const of = <T extends Push['type']>(type: T): Extract<Push, { type: T }>[] =>
  pushes.filter((p): p is Extract<Push, { type: T }> => p.type === type)
const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 3000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

beforeAll(async () => {
  s = openSession({ host: 'cli', userData, engine: 'test' }, recorderHere(), (push) => void pushes.push(push))
  s.pace = { ...s.pace, speed: 'max' }
  await load(s, smallScenario(), undefined)
  await until(() => nowMs(s.live!) >= 9000)
  await ask({ type: 'pause' })
})
afterAll(async () => {
  await s.recorder!.stop()
  rmSync(userData, { recursive: true })
})

describe('a session', () => {
  test('says hello with the machine, its names and where it is recorded', async () => {
    const hello = await value<Extract<Push, { type: 'hello' }>>({ type: 'hello' })
    expect(hello.machine).toMatchObject({ title: 'A small leak', seed: 5, ram: 128 * 2 ** 20, sampleMs: 500 })
    expect(hello.names).toContain('leaky-service')
    expect(hello.recorder).toMatch(/^recording to .*small.*\.memscope$/)
    expect(hello.state).toMatchObject({ mode: 'paused', speed: 'max' })
  })

  test('tells of the OOM kill with its report', async () => {
    const { list } = await value<{ list: TraceEvent[] }>({ type: 'events', from: 0, to: 1e9 })
    const kill = list.find((e) => e.kind === 'oom_kill')
    expect(kill?.oom).toMatchObject({ name: 'leaky-service', constraint: 'CONSTRAINT_NONE' })
    expect(kill!.oom!.report.join('\n')).toContain('Out of memory: Killed process')
    expect(kill!.oom!.candidates.map((c) => c.name)).toContain('steady')
  })

  test('shows a past instant as it was when it was live', async () => {
    const was = s.history.whole.find((d) => d[1] === 3000)!
    pushes = []
    expect(await value({ type: 'seek', ms: 3300 })).toEqual({ ms: 3000 })
    expect(of('view')[0]!.data).toEqual(was)
    expect(await s.recorder!.ask('sampleAt', { of: 'written', ms: 3300 })).toEqual(was)
    expect(of('state').at(-1)!.state).toMatchObject({ mode: 'replay', viewMs: 3000 })
  })

  test('makes the machine of that instant for files and detail views', async () => {
    const text = await value<string>({ type: 'readFile', path: '/proc/meminfo' })
    const was = s.history.whole.find((d) => d[1] === 3000)!
    expect(text).toMatch(new RegExp(`^MemFree: +${seriesOf(was, 'MemFree')} kB$`, 'm'))
    pushes = []
    await ask({ type: 'watch', id: 'w', what: { kind: 'oom' } })
    const watched = of('watch')[0]!.data
    expect(watched).toMatchObject({ kind: 'oom', ms: 3000 })
    if (watched.kind === 'oom') expect(watched.ranking.map((r) => r.name)).toContain('steady')
    await ask({ type: 'unwatch', id: 'w' })
  })

  test('gives every kind of detail view', async () => {
    for (const what of [
      { kind: 'process', pid: 1, address: 0x400000 },
      { kind: 'physical', from: 0, count: 32768 },
      { kind: 'frame', pfn: 5000 },
      { kind: 'slab', cache: 'dentry' },
      { kind: 'swap' },
    ] as const) {
      pushes = []
      expect(await ask({ type: 'watch', id: 'w', what })).toMatchObject({ ok: true })
      expect(of('watch')[0]!.data).toMatchObject({ kind: what.kind, ms: 3000 })
    }
    await ask({ type: 'unwatch', id: 'w' })
  })

  test('cannot be changed in the past', async () => {
    expect(await ask({ type: 'dropCaches', mode: 3 })).toMatchObject({ ok: false })
  })

  test('steps through the past and plays it', async () => {
    expect(await value({ type: 'step', unit: 'sample' })).toEqual({ ms: 3500 })
    await ask({ type: 'setSpeed', speed: 16 })
    await ask({ type: 'play' })
    await until(() => (s.view.ms ?? 0) >= 5000 || s.view.ms === null)
    await ask({ type: 'pause' })
    await ask({ type: 'setSpeed', speed: 'max' })
  })

  test('the latest seek wins', async () => {
    const [first, second] = await Promise.all([ask({ type: 'seek', ms: 2000 }), ask({ type: 'seek', ms: 1000 })])
    expect([first.ok, second.ok]).toEqual([false, true])
    expect(s.view.ms).toBe(1000)
  })

  test('goes live again', async () => {
    pushes = []
    await ask({ type: 'goLive' })
    expect(of('sample')).toHaveLength(1)
    expect(of('state').at(-1)!.state.mode).toBe('paused')
  })

  test('answers what cannot be done with an errno', async () => {
    const error = async (command: Command): Promise<string> => {
      const result = await ask(command)
      return result.ok ? 'ok' : result.error
    }
    expect(await error({ type: 'kill', pid: 99999, signal: 9 })).toMatch(/^ESRCH/)
    expect(await error({ type: 'kill', pid: 1, start_ns: 12345, signal: 9 })).toMatch(/^ESRCH/)
    expect(await error({ type: 'sysctl', set: { 'vm.swappiness': 1000 } })).toMatch(/^EINVAL/)
    expect(await error({ type: 'readFile', path: '/proc/none' })).toMatch(/^ENOENT/)
    expect(await error({ type: 'spawn', program: 'none' })).toMatch(/unknown program/)
    expect(await error({ type: 'loadScenario', yaml: 'nonsense: 1' })).toMatch(/scenario.yaml:1/)
  })

  test('steps once, and to the next sample', async () => {
    const before = nowMs(s.live!)
    await ask({ type: 'step', unit: 'step' })
    expect(nowMs(s.live!)).toBe(before + 4)
    await ask({ type: 'step', unit: 'sample' })
    expect(nowMs(s.live!) % 500).toBe(0)
  })

  test('carries commands out and writes them down; a re-run carries them out again', async () => {
    await ask({ type: 'sysctl', set: { 'vm.swappiness': 10 } })
    await ask({ type: 'spawn', program: 'memhog', name: 'guest', params: { size: '8MiB' } })
    await ask({ type: 'resume' })
    const from = nowMs(s.live!)
    await until(() => nowMs(s.live!) >= from + 2000)
    await ask({ type: 'pause' })
    while (nowMs(s.live!) % 500 !== 0) await ask({ type: 'step', unit: 'step' })
    const hash = hashOf(s.live!)
    const { machineFrom } = await import('../../src-main/engine/rerun')
    const { advanceTo } = await import('../../src-main/engine/machine')
    const again = await machineFrom(null, smallScenario(), 5, s.live!.log)
    advanceTo(again, nowMs(s.live!))
    expect(hashOf(again)).toBe(hash)
    expect(
      of('events')
        .flatMap((p) => p.list)
        .filter((e) => e.kind === 'action'),
    ).not.toHaveLength(0)
  })

  test('branches: the machine goes on from there, the old future is handed over, the old file stays', async () => {
    const file = s.file!
    pushes = []
    await value({ type: 'branch', ms: 2000 })
    expect(nowMs(s.live!)).toBe(2000)
    expect(of('branch')[0]!.original[0]![1]).toBe(2500)
    expect(s.file).not.toBe(file)
    expect(of('hello').at(-1)!.state.branch).toEqual({ atMs: 2000 })
    expect(await ask({ type: 'setOomScoreAdj', pid: 1, value: -500 })).toMatchObject({ ok: true })
  })

  test('opens the recording of before, and branches from it', async () => {
    const { list } = await value<{ list: { path: string; oomKills: number }[] }>({ type: 'recordings' })
    expect(list).toHaveLength(1)
    expect(list[0]!.oomKills).toBe(1)
    await value({ type: 'openRecording', path: list[0]!.path })
    expect(s.live).toBeNull()
    const kill = of('view').at(-1)!.data
    expect(seriesOf(kill, 'oom_kill')).toBe(0)
    const course = await value<RecordingSeries>({ type: 'readRecording', path: list[0]!.path, points: 1000 })
    const died = course.events.find(({ kind }) => kind === 'oom_kill')!.ms
    expect(died - kill[1]!).toBeLessThan(course.sampleMs)
    expect(course.samples.at(-1)![1]).toBe(course.lastMs)
    expect(course.samples.length).toBeGreaterThan(5)
    pushes = []
    await value({ type: 'seek', ms: 4000 })
    expect(seriesOf(of('view')[0]!.data, 'uptime_ms')).toBe(4000)
    expect(await value<string>({ type: 'readFile', path: '/proc/uptime' })).toMatch(/^4\.00 /)
    await value({ type: 'branch', ms: 4000 })
    expect(nowMs(s.live!)).toBeGreaterThanOrEqual(4000)
  })

  test('a console looks at what is shown', async () => {
    await ask({ type: 'pause' })
    pushes = []
    await ask({ type: 'termOpen', id: 't', cols: 100, rows: 30 })
    await ask({ type: 'termInput', id: 't', data: "grep MemTotal /proc/meminfo | awk '{print $2}'\r" })
    const screen = (): string =>
      of('term')
        .map((p) => p.data)
        .join('')
    await until(() => /\r\n\d{5,}\r\n/.test(screen()))
    await ask({ type: 'termClose', id: 't' })
  })

  test('what was typed in the past never acts on the present', async () => {
    await ask({ type: 'seek', ms: 1000 })
    pushes = []
    const was = await value<string>({ type: 'readFile', path: '/proc/sys/vm/swappiness' })
    const other = was.trim() === '7' ? '8' : '7'
    const write = `sysctl vm.swappiness=${other}\r`
    await ask({ type: 'termOpen', id: 't', cols: 100, rows: 30 })
    await ask({ type: 'termInput', id: 't', data: `sleep 5; ${write}` })
    await ask({ type: 'termInput', id: 't', data: write })
    await ask({ type: 'goLive' })
    const screen = (): string =>
      of('term')
        .map((p) => p.data)
        .join('')
    await until(() => screen().split('root@memscope').length > 2)
    expect(screen()).not.toContain(`vm.swappiness = ${other}`)
    expect(await value({ type: 'readFile', path: '/proc/sys/vm/swappiness' })).toBe(was)
    await ask({ type: 'termClose', id: 't' })
  })

  test('a bug of ours leaves a capsule, and the engine answers', async () => {
    pushes = []
    const programs = s.live!.programs as unknown as { step: () => void }
    programs.step = () => {
      throw new KernelBug('a condition that does not hold')
    }
    await ask({ type: 'resume' })
    await until(() => of('crash').length > 0)
    expect(of('crash')[0]!.capsule).toMatchObject({
      seed: 5,
      reproduce: expect.stringMatching(/^memscope run /) as string,
    })
    expect((await ask({ type: 'dropCaches', mode: 1 })).ok).toBe(false)
    expect((await ask({ type: 'loadScenario', yaml: smallScenario().source })).ok).toBe(true)
    await ask({ type: 'pause' })
  })
})
