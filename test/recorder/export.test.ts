/** What comes out of a recording: tables as Parquet, a report that runs nothing, and files that are whole or not there. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { join } from 'node:path'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SERIES } from '@shared/counters'
import type { ExportFormat, TraceEvent } from '@shared/protocol'
import { csvLines } from '../../src-main/recorder/export'
import { recorderHere, type Recorder } from '../../src-main/recorder/recorder'
import { curvesOf } from '../../src-main/recorder/report/curves'
import { loadSqlite, type Sqlite } from '../../src-main/recorder/sqlite'
import { FAKE_META, fakeSample } from '../support/fakeSample'

const folder = mkdtempSync(join(tmpdir(), 'memscope-export-'))
const file = join(folder, 'whole.memscope')
const SAMPLES = 2000
const PEAK = 1234
const EVIL = `<script>alert("x")</script>'&\u202e`
const KILL = {
  ms: 2000,
  kind: 'oom_kill',
  text: `killed ${EVIL}`,
  pid: 7,
  name: '<b>leaky</b>',
  oom: { badness: 4711, oom_score_adj: 500, anon_rss_kB: 2048, swap_kB: 1024, report: [`Out of memory: ${EVIL}`] },
} as unknown as TraceEvent
let recorder: Recorder
let sqlite: Sqlite

beforeAll(async () => {
  sqlite = (await loadSqlite()) as Sqlite
  recorder = recorderHere()
  const machine = { ...(FAKE_META.machine as object), title: `A machine ${EVIL}`, about: EVIL } as never
  await recorder.ask('record', { file, meta: { ...FAKE_META, machine, source: EVIL }, keep: false })
  recorder.put({ put: 'names', from: 0, list: ['', 'init', EVIL] })
  for (let i = 0; i < SAMPLES; i++) recorder.put({ put: 'sample', data: sampleOf(i) })
  recorder.put({ put: 'events', list: [{ ms: 1000, kind: 'spawn', text: EVIL, pid: 1, name: 'init' }, KILL] })
  const command = { type: 'writeFile', path: EVIL, text: '1' }
  recorder.put({ put: 'command', command: { step: 250, ms: 1000, command } })
  await recorder.ask('finish', undefined)
})
afterAll(async () => {
  await recorder.stop()
  rmSync(folder, { recursive: true })
})

const place = (name: string): number => 8 + SERIES.findIndex((series) => series.name === name)

/** One sample of swap use stands out; one load is not known; PSI has fractions. */
function sampleOf(i: number): Float64Array {
  const data = fakeSample(i, 3)
  data[place('SwapTotal')] = 1 << 20
  data[place('SwapFree')] = i === PEAK ? 0 : 1 << 20
  data[place('psi_memory_some_avg10')] = i / 8
  data[place('load1')] = i === 5 ? Number.NaN : i
  return data
}

const out = (name: string): string => join(folder, name)
const exportTo = (name: string, format: ExportFormat): Promise<string[]> =>
  recorder.ask('export', { file, out: out(name), format })
function bytesOf(name: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = readFileSync(out(name))
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}
const rowsOf = (name: string) => parquetReadObjects({ file: bytesOf(name) })
const leftovers = (): string[] => readdirSync(folder).filter((name) => name.startsWith('.memscope-'))

describe('Parquet', () => {
  test('is one file a table, with typed columns', async () => {
    const written = await exportTo('tables', 'parquet')
    expect(written).toHaveLength(8)
    expect(readdirSync(out('tables')).sort()).toEqual(written.map((path) => path.slice(out('tables/').length)).sort())
    const { schema, num_rows, key_value_metadata } = parquetMetadata(bytesOf('tables/psi.parquet'))
    expect(num_rows).toBe(BigInt(SAMPLES))
    const typeOf = (name: string) => schema.find((one) => one.name === name)?.type
    expect(typeOf('seconds')).toBe('DOUBLE')
    expect(typeOf('psi_memory_some_avg10')).toBe('DOUBLE')
    expect(typeOf('psi_memory_some_total')).toBe('INT64')
    expect(JSON.parse(key_value_metadata?.[0]?.value ?? '')).toMatchObject({ scenario: 'fake.yaml', seed: 7 })
    expect((await rowsOf('tables/psi.parquet'))[3]).toMatchObject({ seconds: 1.5, psi_memory_some_avg10: 0.375 })
    expect(await rowsOf('tables/oom.parquet')).toMatchObject([{ pid: 7n, name: '<b>leaky</b>', badness: 4711n }])
    expect((await rowsOf('tables/event.parquet'))[0]).toMatchObject({ kind: 'spawn', text: EVIL, value: null })
  })

  test('is one table of all series, to the figure, in several row groups', async () => {
    expect(await exportTo('all.parquet', 'parquet')).toEqual([out('all.parquet')])
    expect(parquetMetadata(bytesOf('all.parquet')).row_groups.length).toBeGreaterThan(1)
    const rows = await rowsOf('all.parquet')
    expect(rows).toHaveLength(SAMPLES)
    for (const i of [0, 5, PEAK, SAMPLES - 1]) {
      const given = sampleOf(i)
      for (const { name } of SERIES) {
        const value = given[place(name)]!
        expect(Number(rows[i]![name] ?? Number.NaN), name).toBe(value)
      }
    }
    expect(rows[5]!['load1']).toBeNull()
  })
})

describe('CSV', () => {
  test('has texts that no spreadsheet runs, quoted as RFC 4180 has them', () => {
    const db = new sqlite(':memory:')
    db.exec(
      `CREATE TABLE t (a, b); INSERT INTO t VALUES ('=1+1', 'a "b", c'), ('-x', NULL), (-1, 'two' || char(10) || 'lines')`,
    )
    expect([...csvLines(db, 'SELECT a, b AS "b,c" FROM t')].join('')).toBe(
      `a,"b,c"\n'=1+1,"a ""b"", c"\n'-x,\n-1,"two\nlines"\n`,
    )
    db.close()
  })

  test('is of one instant, however long the recording goes on meanwhile', async () => {
    const going = out('growing.memscope')
    await recorder.ask('record', { file: going, meta: FAKE_META, keep: false })
    for (let i = 0; i < 500; i++) recorder.put({ put: 'sample', data: sampleOf(i) })
    let isDone = false
    const done = recorder
      .ask('export', { file: going, out: out('instant'), format: 'csv' })
      .finally(() => (isDone = true))
    for (let i = 500; !isDone; i++) {
      recorder.put({ put: 'sample', data: sampleOf(i) })
      await recorder.ask('commit', undefined)
      await setImmediate()
    }
    await done
    const tables = ['meminfo', 'vmstat', 'psi'].map((name) => readFileSync(out(`instant/${name}.csv`), 'utf8'))
    const lengths = tables.map((text) => text.split('\n').length - 2)
    expect(new Set(lengths).size).toBe(1)
    await recorder.ask('finish', undefined)
  })
})

describe('a report', () => {
  let page = ''
  beforeAll(async () => {
    await exportTo('report.html', 'html')
    page = readFileSync(out('report.html'), 'utf8')
  })

  test('says what it is of: title, scenario, seed, kills, commands', () => {
    expect(page).toMatch(/^<!doctype html>/)
    for (const text of ['fake.yaml, seed 7', '1 GiB RAM', '4\u202f711', '2 MiB', 'writeFile', 'Out of memory: '])
      expect(page).toContain(text)
    expect(page.match(/<svg /g)).toHaveLength(7)
  })

  test('holds no markup of the recording, and a policy that would not run it', () => {
    expect(page).not.toMatch(/<script|<b>leaky|onerror|style=|\u202e/i)
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;')
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(page) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(page).toContain(
      `content="default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"`,
    )
    expect(page).not.toMatch(/(?:src|href)=|url\(|@import/)
  })

  test('is the same each time', async () => {
    await exportTo('again.html', 'html')
    expect(readFileSync(out('again.html'), 'utf8')).toBe(page)
  })

  test('keeps the peaks of a long course', () => {
    const db = new sqlite(file, { readonly: true })
    const spec = { label: 'used', tone: 'swap', plus: ['SwapTotal'], minus: ['SwapFree'], scale: 1 } as const
    const rate = { label: 'a second', tone: 'out', plus: ['nr_free_pages'], scale: 1, rate: true } as const
    const [used, grown] = curvesOf(db, [spec, rate], 0, (SAMPLES - 1) * 500)
    db.close()
    expect(used).toMatchObject({ low: 0, high: 1 << 20, highMs: PEAK * 500, last: 0 })
    expect(used!.points.length / 2).toBeLessThan(1600)
    const at = used!.points.indexOf(1 << 20)
    expect(used!.points[at - 1]).toBe(PEAK * 500)
    // 37 pages more every half second; the first sample has no rate.
    expect(grown).toMatchObject({ low: 74, high: 74, last: 74 })
    expect(grown!.points.slice(0, 2)).toEqual([0, Number.NaN])
  })

  test('of a recording without a sample says so', async () => {
    const empty = out('empty.memscope')
    await recorder.ask('record', { file: empty, meta: { ...FAKE_META, machine: null as never }, keep: false })
    await recorder.ask('finish', undefined)
    await recorder.ask('export', { file: empty, out: out('empty.html'), format: 'html' })
    expect(readFileSync(out('empty.html'), 'utf8')).toContain('It holds no sample.')
  })
})

describe('a note', () => {
  const noteOf = async (path: string): Promise<string> => (await recorder.ask('open', { file: path })).note
  test('is kept in the file, in every export of it, and replaced or taken away', async () => {
    const noted = out('noted.memscope')
    await exportTo('noted.memscope', 'memscope')
    expect(await noteOf(noted)).toBe('')
    await recorder.ask('note', { file: noted, text: `first\n${EVIL}` })
    expect(await noteOf(noted)).toBe(`first\n${EVIL}`)
    await recorder.ask('export', { file: noted, out: out('noted.html'), format: 'html' })
    expect(readFileSync(out('noted.html'), 'utf8')).toContain('<p class="note">first\n&lt;script&gt;')
    await recorder.ask('export', { file: noted, out: out('noted.json'), format: 'json' })
    expect(JSON.parse(readFileSync(out('noted.json'), 'utf8'))).toMatchObject({ note: `first\n${EVIL}` })
    // The file is a recording like any other, and what was recorded is untouched.
    expect(await recorder.ask('open', { file: noted })).toMatchObject({ samples: SAMPLES, note: `first\n${EVIL}` })
    await recorder.ask('note', { file: noted, text: '' })
    expect(await noteOf(noted)).toBe('')
    expect(existsSync(`${noted}-wal`) || existsSync(`${noted}-journal`)).toBe(false)
  })

  test('is kept with the recording that is being written, and not with a branch of it', async () => {
    const [going, branch] = [out('going.memscope'), out('branch.memscope')]
    await recorder.ask('record', { file: going, meta: FAKE_META, keep: false })
    recorder.put({ put: 'sample', data: fakeSample(0, 2) })
    await recorder.ask('note', { file: going, text: 'as it goes' })
    recorder.put({ put: 'sample', data: fakeSample(1, 2) })
    await recorder.ask('fork', { of: 'written', file: branch, ms: 0 })
    await recorder.ask('finish', undefined)
    expect([await noteOf(going), await noteOf(branch)]).toEqual(['as it goes', ''])
  })

  test('is refused by what is no recording', async () => {
    writeFileSync(out('text.memscope'), 'no recording')
    await expect(recorder.ask('note', { file: out('text.memscope'), text: 'x' })).rejects.toThrow(/not a recording/)
    expect(readFileSync(out('text.memscope'), 'utf8')).toBe('no recording')
  })
})

describe('what is written', () => {
  test('replaces what was there, and leaves the neighbours alone', async () => {
    mkdirSync(out('kept'))
    writeFileSync(out('kept/mine.txt'), 'mine')
    writeFileSync(out('kept/oom.csv'), 'old')
    await exportTo('kept', 'csv')
    expect(readFileSync(out('kept/mine.txt'), 'utf8')).toBe('mine')
    expect(readFileSync(out('kept/oom.csv'), 'utf8')).toMatch(/^seconds,/)
    expect(leftovers()).toEqual([])
  })

  test.each(['json', 'html', 'parquet', 'memscope'] as const)('is there whole or not at all: %s', async (format) => {
    // A recording whose tables go amiss in the middle.
    const broken = out(`broken-${format}.memscope`)
    const bytes = readFileSync(file)
    bytes.fill(0xff, Math.floor(bytes.length / 2 / 8192) * 8192, Math.floor(bytes.length / 8192) * 8192)
    writeFileSync(broken, bytes)
    const target = out(`broken.${format}`)
    await expect(recorder.ask('export', { file: broken, out: target, format })).rejects.toThrow()
    expect(existsSync(target)).toBe(false)
    expect(leftovers()).toEqual([])
  })

  test('goes nowhere else: refusals are one line', async () => {
    const refusal = async (target: string, format: ExportFormat): Promise<unknown> =>
      recorder.ask('export', { file, out: target, format }).then(
        () => 'written',
        (error: Error & { exitCode?: number }) => [error.message.replace(folder, '.'), error.exitCode],
      )
    expect(await refusal(out('none/a.json'), 'json')).toEqual(['./none/a.json: cannot be written: no such folder', 2])
    expect(await refusal(file, 'memscope')).toEqual([
      './whole.memscope: cannot be written: it is the recording itself',
      2,
    ])
    expect(await refusal(folder, 'html')).toEqual(['.: cannot be written: it is a folder', 2])
    writeFileSync(out('a-file'), '')
    expect(await refusal(out('a-file'), 'parquet')).toEqual(['./a-file: cannot be written: it is a file', 2])
    expect(await refusal(out('a-file/x.csv'), 'csv')).toEqual([
      './a-file/x.csv: cannot be written: a part of its path is a file',
      2,
    ])
    if (process.getuid?.() === 0) return
    mkdirSync(out('locked'))
    chmodSync(out('locked'), 0o500)
    expect(await refusal(out('locked/a.csv'), 'csv')).toEqual([
      './locked/a.csv: cannot be written: permission denied',
      2,
    ])
  })
})
