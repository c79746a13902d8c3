/** A recording gives back exactly what was written, survives its writer's death, and refuses what is not its own. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openUntrusted } from '../../src-main/recorder/check'
import { recorderHere } from '../../src-main/recorder/recorder'
import { loadSqlite, type Sqlite } from '../../src-main/recorder/sqlite'
import { changedRecording } from '../support/changedRecording'
import { sampleShape } from '../../src-shared/sample'
import { FAKE_META, fakeSample } from '../support/fakeSample'

const folder = mkdtempSync(join(tmpdir(), 'memscope-recorder-'))
const file = join(folder, 'whole.memscope')
const SAMPLES = 200
let sqlite: Sqlite

beforeAll(async () => {
  sqlite = (await loadSqlite()) as Sqlite
  expect(typeof sqlite).toBe('function')
  await write(file)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Processes come and go at sample 69, 139, … */
const nrProc = (i: number): number => 40 - (i % 70 === 69 ? 3 : 0)

async function write(path: string): Promise<void> {
  const recorder = recorderHere()
  await recorder.ask('record', { file: path, meta: FAKE_META, keep: false })
  recorder.put({ put: 'names', from: 0, list: ['', 'init', 'leaky-service'] })
  for (let i = 0; i < SAMPLES; i++) recorder.put({ put: 'sample', data: fakeSample(i, nrProc(i)) })
  recorder.put({ put: 'events', list: [{ ms: 1000, kind: 'spawn', text: 'init', pid: 1, name: 'init' }] })
  recorder.put({ put: 'log', ms: 5, lines: ['[    0.000000] Linux version 6.1.0'] })
  recorder.put({ put: 'command', command: { step: 250, ms: 1000, command: { type: 'dropCaches', mode: 3 } } })
  await recorder.stop()
}

describe('a recording', () => {
  test('is one file after closing', () => {
    expect(existsSync(`${file}-wal`)).toBe(false)
    expect(readFileSync(file).subarray(0, 15).toString()).toBe('SQLite format 3')
  })

  test('gives back every sample as it was, with processes that came and went', async () => {
    const recorder = recorderHere()
    await recorder.ask('open', { file })
    for (const i of [0, 1, 59, 60, 61, 69, 70, 119, 120, 139, 140, 199]) {
      expect(await recorder.ask('sampleAt', { of: 'opened', ms: i * 500 + 499 })).toEqual(fakeSample(i, nrProc(i)))
    }
    await recorder.stop()
  })

  test('knows its range, names, events, log and commands', async () => {
    const recorder = recorderHere()
    const info = await recorder.ask('open', { file })
    expect(info).toMatchObject({
      samples: SAMPLES,
      events: 1,
      commands: 1,
      firstMs: 0,
      lastMs: (SAMPLES - 1) * 500,
      seed: 7,
    })
    expect(await recorder.ask('names', { of: 'opened' })).toEqual(['', 'init', 'leaky-service'])
    expect(await recorder.ask('events', { of: 'opened', from: 0, to: 1e9 })).toEqual([
      { ms: 1000, kind: 'spawn', text: 'init', pid: 1, name: 'init' },
    ])
    expect(await recorder.ask('log', { of: 'opened', to: 1e9 })).toHaveLength(1)
    expect(await recorder.ask('commands', { of: 'opened' })).toEqual([
      { step: 250, ms: 1000, command: { type: 'dropCaches', mode: 3 } },
    ])
    expect(await recorder.ask('neighbour', { of: 'opened', ms: 500, step: 1 })).toBe(1000)
    expect(await recorder.ask('neighbour', { of: 'opened', ms: 500, step: -1 })).toBe(0)
    await recorder.stop()
  })

  test('thins a long range evenly', async () => {
    const recorder = recorderHere()
    await recorder.ask('open', { file })
    const series = await recorder.ask('series', { of: 'opened', from: 0, to: 1e9, points: 50 })
    expect(series).toHaveLength(50)
    expect(series[1]![1]).toBe(2000)
    const slabs = await recorder.ask('slabs', { of: 'opened', from: 0, to: 1e9, points: 50 })
    expect(slabs.map((data) => data[1])).toEqual(series.map((data) => data[1]))
    const whole = await recorder.ask('sampleAt', { of: 'opened', ms: 2000 })
    const [now, then] = [sampleShape(slabs[1]!), sampleShape(whole!)]
    expect([now.nr_proc, now.nr_slab, now.nr_buddy]).toEqual([0, then.nr_slab, 0])
    expect(slabs[1]!.subarray(now.slab)).toEqual(whole!.subarray(then.slab, then.buddy))
    await recorder.stop()
  })

  test('is read by any SQLite client through its views', () => {
    const db = openUntrusted(sqlite, file)
    const count = (view: string): unknown => db.prepare(`SELECT count(*) FROM ${view}`).pluck().get()
    expect(count('v_meminfo')).toBe(SAMPLES)
    expect(count('v_vmstat')).toBe(SAMPLES)
    expect(count('v_swap')).toBe(SAMPLES)
    expect(count('v_psi')).toBe(SAMPLES)
    expect(count('v_event')).toBe(1)
    expect(count('v_oom')).toBe(0)
    const state =
      'SELECT count(*) FROM v_process WHERE seconds <= 34.5 AND (until_seconds > 34.5 OR until_seconds IS NULL) AND NOT gone'
    expect(db.prepare(state).pluck().get()).toBe(nrProc(69))
    expect(count('v_slab')).toBeGreaterThan(150)
    db.close()
  })

  test('exports tables, one table, JSON and itself', async () => {
    const recorder = recorderHere()
    const out = (name: string): string => join(folder, name)
    expect(await recorder.ask('export', { file, out: out('csv'), format: 'csv' })).toHaveLength(8)
    expect(readFileSync(out('csv/meminfo.csv'), 'utf8').split('\n')).toHaveLength(SAMPLES + 2)
    await recorder.ask('export', { file, out: out('all.csv'), format: 'csv' })
    expect(readFileSync(out('all.csv'), 'utf8')).toMatch(/^ms,nr_free_pages,/)
    await recorder.ask('export', { file, out: out('all.json'), format: 'json' })
    const json = JSON.parse(readFileSync(out('all.json'), 'utf8')) as { samples: unknown[]; seed: number }
    expect(json.samples).toHaveLength(SAMPLES)
    await recorder.ask('export', { file, out: out('copy.memscope'), format: 'memscope' })
    expect((await recorder.ask('open', { file: out('copy.memscope') })).samples).toBe(SAMPLES)
    await recorder.stop()
  })

  test('goes on in a new file from an instant of its past', async () => {
    const recorder = recorderHere()
    await recorder.ask('open', { file })
    const fork = join(folder, 'fork.memscope')
    await recorder.ask('fork', { of: 'opened', file: fork, ms: 20_000 })
    recorder.put({ put: 'sample', data: fakeSample(41, 10, 1) })
    await recorder.ask('finish', undefined)
    expect((await recorder.ask('open', { file: fork })).samples).toBe(42)
    expect(await recorder.ask('sampleAt', { of: 'opened', ms: 20_500 })).toEqual(fakeSample(41, 10, 1))
    expect(await recorder.ask('sampleAt', { of: 'opened', ms: 20_000 })).toEqual(fakeSample(40, nrProc(40)))
    await recorder.stop()
  })
})

describe('a writer that is killed', () => {
  test('loses at most the last second', async () => {
    const path = join(folder, 'killed.memscope')
    const child = spawn(
      process.execPath,
      [
        '--import',
        join(import.meta.dirname, '../support/typescript.mjs'),
        join(import.meta.dirname, '../support/recordForever.ts'),
        path,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let last = 0
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (data: Buffer) => {
        last = Number(data.toString().trim().split('\n').at(-1))
        if (last >= 25) resolve()
      })
    })
    child.kill('SIGKILL')
    await new Promise((resolve) => child.on('exit', resolve))
    const recorder = recorderHere()
    const info = await recorder.ask('open', { file: path })
    // It writes a sample every 100 ms.
    expect(info.samples).toBeGreaterThanOrEqual(last - 12)
    expect(existsSync(`${path}-wal`)).toBe(false)
    await recorder.stop()
  })
})

describe('a foreign file is refused with one line that says why:', () => {
  const changed = (name: string, sql: string): string => changedRecording(sqlite, file, name, sql)
  const refusal = (path: string): string => {
    try {
      openUntrusted(sqlite, path).close()
    } catch (error) {
      return (error as Error).message
    }
    return 'opened'
  }

  test('one that is not there', () => expect(refusal(join(folder, 'none'))).toMatch(/none: no such file$/))
  test('a folder', () => expect(refusal(folder)).toMatch(/not a file$/))
  test('one that is no SQLite file', () => {
    const path = join(folder, 'text.memscope')
    writeFileSync(path, 'x'.repeat(4096))
    expect(refusal(path)).toMatch(/not an SQLite file/)
  })
  test('one of another application', () =>
    expect(refusal(changed('app', 'PRAGMA application_id = 1'))).toMatch(/another application/))
  test('one of a newer version', () =>
    expect(refusal(changed('newer', 'PRAGMA user_version = 99'))).toMatch(/newer version/))
  test('one with a trigger', () => {
    const sql = 'CREATE TRIGGER evil AFTER INSERT ON meta BEGIN DELETE FROM sample; END'
    expect(refusal(changed('trigger', sql))).toMatch(/unknown trigger "evil"/)
  })
  test('one whose view is another', () => {
    const sql = 'DROP VIEW v_event; CREATE VIEW v_event AS SELECT load_extension(1)'
    expect(refusal(changed('view', sql))).toMatch(/view "v_event" is not ours/)
  })
  test('one without a table', () =>
    expect(refusal(changed('table', 'DROP TABLE checkpoint'))).toMatch(/"checkpoint" is missing/))
  test('one that is cut off', () => {
    const path = join(folder, 'cut.memscope')
    writeFileSync(path, readFileSync(file).subarray(0, 20_000))
    expect(refusal(path)).not.toBe('opened')
  })
  test('a checkpoint that claims to be huge', async () => {
    const path = changed('huge', "INSERT INTO checkpoint VALUES (1, 4, 'x', 'zstd', 99999999999, x'00')")
    const recorder = recorderHere()
    await recorder.ask('open', { file: path })
    await expect(recorder.ask('checkpointAt', { of: 'opened', ms: 100 })).rejects.toThrow(/damaged/)
    await recorder.stop()
  })
})
