/** A recording of anybody: none of its rows is lost silently, none of its cells does harm, what is damaged is named. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetMetadata } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExportFormat, TraceEvent } from '@shared/protocol'
import { recorderHere, type Recorder } from '../../src-main/recorder/recorder'
import { loadSqlite, type Sqlite } from '../../src-main/recorder/sqlite'
import { changedRecording } from '../support/changedRecording'
import { FAKE_META, fakeSample } from '../support/fakeSample'

const folder = mkdtempSync(join(tmpdir(), 'memscope-foreign-'))
const file = join(folder, 'whole.memscope')
let recorder: Recorder
let sqlite: Sqlite

beforeAll(async () => {
  sqlite = (await loadSqlite()) as Sqlite
  recorder = recorderHere()
  await recorder.ask('record', { file, meta: FAKE_META, keep: false })
  for (let i = 0; i < 20; i++) recorder.put({ put: 'sample', data: fakeSample(i, 2) })
  recorder.put({ put: 'events', list: [{ ms: 1000, kind: 'spawn', text: 'init', pid: 1, name: 'init' }] })
  await recorder.ask('finish', undefined)
})
afterAll(async () => {
  await recorder.stop()
  rmSync(folder, { recursive: true })
})

const changed = (name: string, sql: string): string => changedRecording(sqlite, file, name, sql)
async function exported(path: string, format: ExportFormat): Promise<string> {
  const out = path.replace('.memscope', `.${format}`)
  await recorder.ask('export', { file: path, out, format })
  return readFileSync(out, 'utf8')
}
const many = (n: number): string => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})`
const kill = (ms: number, oom: string): string =>
  `INSERT INTO event(ms, kind, pid, name, text, oom) VALUES (${ms}, 'oom_kill', 7, 'leaky', 'killed leaky', ${oom});`

describe('more rows than are held', () => {
  const EVENTS = 100_500
  let path = ''
  beforeAll(() => {
    path = changed(
      'many',
      `${many(EVENTS)} INSERT INTO event(ms, kind, text) SELECT 2000, 'exit', 'left ' || i FROM n;
       ${many(10_050)} INSERT INTO log(ms, text) SELECT 2000, 'line ' || i FROM n;
       ${kill(3000, `'{"badness":4711,"report":["Out of memory"]}'`)}`,
    )
  })

  test('leave the kills in the report, and its totals true', async () => {
    const page = await exported(path, 'html')
    expect(page).toContain('<h2>OOM kills <small>1</small></h2>')
    expect(page).toContain('Out of memory')
    expect(page).toContain(`<h2>Events <small>${EVENTS + 2}</small></h2>`)
    expect(page).toContain(`${EVENTS + 2 - 2000} more rows are in the recording.`)
    expect(page).toContain(`exit ${EVENTS}, spawn 1, oom kill 1`)
  })

  test('are all in the JSON', async () => {
    const json = JSON.parse(await exported(path, 'json')) as { events: TraceEvent[]; log: string[] }
    expect(json.events).toHaveLength(EVENTS + 2)
    expect(json.events.at(-1)).toMatchObject({ kind: 'oom_kill', oom: { badness: 4711 } })
    expect([json.log.length, json.log[0], json.log.at(-1)]).toEqual([10_050, 'line 1', 'line 10050'])
  })

  test('leave the kills in what a window is given', async () => {
    await recorder.ask('open', { file: path })
    const list = await recorder.ask('events', { of: 'opened', from: 0, to: 1e9 })
    expect(list).toHaveLength(100_000)
    expect(list.at(-1)).toMatchObject({ kind: 'oom_kill', ms: 3000 })
    expect(await recorder.ask('firstKill', { of: 'opened' })).toBe(3000)
  })
})

describe('figures that no machine has', () => {
  test.each([
    [
      'a counter',
      'UPDATE sample SET "MemFree" = 1.7e308, pgfault = -1.7e308, psi_io_some_avg10 = 1.79e308 WHERE t = 3',
    ],
    ['an instant', 'UPDATE sample SET ms = 1.7e308 WHERE t = 19'],
    ['all instants', 'UPDATE sample SET ms = 1e300'],
    ['instants beyond each other', 'UPDATE sample SET ms = (t % 2 * 2 - 1) * 1.7e308'],
    ['no number', `UPDATE sample SET "MemFree" = 'text', "MemAvailable" = x'22'`],
  ])('are gaps in the charts: %s', async (name, sql) => {
    const path = changed(name.replaceAll(' ', '-'), sql)
    const page = await exported(path, 'html')
    expect(page).not.toMatch(/Infinity|NaN/)
    expect(page.match(/<svg /g)).toHaveLength(7)
    expect(page.match(/class="grid"/g)!.length).toBeLessThan(400)
    expect(await exported(path, 'csv')).toMatch(/^ms,/)
    expect((JSON.parse(await exported(path, 'json')) as { samples: unknown[] }).samples).toHaveLength(20)
  })
})

describe('damaged cells', () => {
  const refusal = (asked: Promise<unknown>): Promise<unknown> =>
    asked.then(
      () => 'answered',
      (error: Error & { exitCode?: number }) => [error.message.replace(folder, '.'), error.exitCode],
    )

  test('of a command are named: a replay needs it', async () => {
    const path = changed('command', `INSERT INTO command(step, ms, json) VALUES (5, 20, '{"type":')`)
    await recorder.ask('open', { file: path })
    const line = ['./command.memscope: damaged: the command at 20 ms is no JSON', 2]
    expect(await refusal(recorder.ask('commands', { of: 'opened' }))).toEqual(line)
    expect(await refusal(exported(path, 'json'))).toEqual(line)
  })

  test('of a command that is too long are not cut into another', async () => {
    const sql = `INSERT INTO command(step, ms, json) VALUES (5, 20, '"' || hex(zeroblob(4194304)) || '"')`
    const path = changed('long', sql)
    await recorder.ask('open', { file: path })
    expect(await refusal(recorder.ask('commands', { of: 'opened' }))).toEqual([
      './long.memscope: damaged: the command at 20 ms is 8388610 characters long',
      2,
    ])
  })

  test('of a machine are named, and what was open stays open', async () => {
    await recorder.ask('open', { file })
    for (const [name, value, why] of [
      ['m1', '{"title"', 'its machine is no JSON'],
      ['m2', '5', 'its machine is none'],
    ] as const) {
      const path = changed(name, `UPDATE meta SET value = '${value}' WHERE key = 'machine'`)
      expect(await refusal(recorder.ask('open', { file: path }))).toEqual([`./${name}.memscope: damaged: ${why}`, 2])
    }
    expect((await recorder.ask('range', { of: 'opened' }))?.last).toBe(9500)
  })

  test('of a kill leave the kill, which says so', async () => {
    const long = `'{"report":["' || hex(zeroblob(4194304)) || '"]}'`
    const path = changed('kill', kill(1, `'{"bad'`) + kill(2, `'5'`) + kill(3, long) + kill(4, `'{"badness":1}'`))
    await recorder.ask('open', { file: path })
    const list = await recorder.ask('events', { of: 'opened', from: 0, to: 1e9 })
    expect(list.filter(({ kind }) => kind === 'oom_kill').map(({ text, oom }) => [text, oom])).toEqual([
      ['killed leaky (its details are damaged)', undefined],
      ['killed leaky (its details are damaged)', undefined],
      ['killed leaky (its details, 8388623 characters, are left out)', undefined],
      ['killed leaky', { badness: 1 }],
    ])
    expect(await exported(path, 'html')).toContain('<h2>OOM kills <small>4</small></h2>')
  })

  test('that are huge are cut, and say so', async () => {
    const huge = 'hex(zeroblob(100000))'
    const report = `'{"report":["' || hex(zeroblob(2000000)) || '","b"]}'`
    const path = changed(
      'huge',
      `INSERT INTO event(ms, kind, name, text) VALUES (1, ${huge}, ${huge}, ${huge});
       INSERT INTO name VALUES (1, ${huge}); INSERT INTO log(ms, text) VALUES (1, ${huge}); ${kill(2, report)}`,
    )
    await recorder.ask('open', { file: path })
    const [, event] = await recorder.ask('events', { of: 'opened', from: 0, to: 1e9 })
    expect([event?.kind.length, event?.name?.length, event?.text.length]).toEqual([65, 257, 1025])
    expect((await recorder.ask('names', { of: 'opened' }))[1]).toMatch(/^0{4096}…$/)
    expect(await recorder.ask('log', { of: 'opened', to: 1e9 })).toEqual([`${'0'.repeat(4096)}…`])
    expect((await exported(path, 'html')).length).toBeLessThan(200_000)
  })
  test('that are huge are not held together for Parquet', async () => {
    const path = changed(
      'groups',
      `${many(5)} INSERT INTO event(ms, kind, text) SELECT i, 'exit', hex(zeroblob(4194304)) FROM n`,
    )
    const out = join(folder, 'groups')
    await recorder.ask('export', { file: path, out, format: 'parquet' })
    const { buffer, byteOffset, byteLength } = readFileSync(join(out, 'event.parquet'))
    const bytes = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
    const { row_groups, num_rows } = parquetMetadata(bytes)
    expect(num_rows).toBe(6n)
    expect(row_groups.map((group) => Number(group.num_rows))).toEqual([3, 2, 1])
  })
})
