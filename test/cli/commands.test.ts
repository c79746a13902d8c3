/** The command line: what run, exec, replay and record print, and that a replay is the machine that was recorded. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { VMSTAT } from '@shared/counters'
import * as exec from '../../src-main/cli/exec'
import * as procfs from '../../src-main/cli/procfs'
import * as record from '../../src-main/cli/record'
import * as replay from '../../src-main/cli/replay'
import * as runs from '../../src-main/cli/run'
import { recorderHere } from '../../src-main/recorder/recorder'
import { smallScenarioFile } from '../support/smallScenario'

const folder = mkdtempSync(join(tmpdir(), 'memscope-cli-'))
const scenario = smallScenarioFile()
const file = join(folder, 'small.memscope')
afterAll(() => rmSync(folder, { recursive: true }))

type Module = {
  run: (call: { args: string[]; options: Record<string, string | boolean>; rest: string[] }) => Promise<number | void>
}
async function output(
  module: Module,
  args: string[],
  options: Record<string, string | boolean> = {},
  rest: string[] = [],
) {
  let text = ''
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((part) => ((text += String(part)), true))
  try {
    const status = await module.run({ args, options, rest })
    return { text, status }
  } finally {
    spy.mockRestore()
  }
}
const json = async (options: Record<string, string>): Promise<runs.RunResult> =>
  JSON.parse((await output(runs, [scenario], { json: true, speed: 'max', ...options })).text) as runs.RunResult

describe('run', () => {
  test('says all of it in one object, the same each time', async () => {
    const [a, b] = [await json({ for: '8s' }), await json({ for: '8s' })]
    expect({ ...a, wallMs: 0 }).toEqual({ ...b, wallMs: 0 })
    expect(a).toMatchObject({ scenario: 'small', seed: 5, simulatedMs: 8000, steps: 2000 })
    expect(Object.keys(a.counters)).toEqual(VMSTAT.map(([name]) => name))
    expect(a.meminfo['MemTotal']).toBeGreaterThan(80_000)
    expect(a.oomKills[0]).toMatchObject({ name: 'leaky-service' })
    expect(a.assertions).toEqual([{ text: 'the leak is killed', value: 1, pass: true }])
    expect(a.hash).toMatch(/^[0-9a-f]{16}$/)
  })

  test('another seed is another machine', async () => {
    expect((await json({ for: '2s', seed: '6' })).hash).not.toBe((await json({ for: '2s' })).hash)
  })

  test('sums up for people', async () => {
    const { text, status } = await output(runs, [scenario], { for: '8s' })
    expect(status).toBe(0)
    expect(text).toContain('OOM      1 kill')
    expect(text).toContain('holds    the leak is killed (1)')
  })

  test('a wrong duration or scenario is one line', async () => {
    await expect(output(runs, [scenario], { for: '8' })).rejects.toThrow(/^--for: expected a duration/)
    await expect(output(runs, ['nowhere'], {})).rejects.toThrow(/^nowhere: no such file, and not in the gallery/)
  })
})

describe('a recording', () => {
  test('changes nothing in the machine, and gives it back', async () => {
    const recorded = await json({ for: '8s', record: file })
    expect(recorded.hash).toBe((await json({ for: '8s' })).hash)
    for (const [at, line] of [
      ['2500ms', 'cat /proc/meminfo /proc/vmstat /proc/zoneinfo /proc/slabinfo'],
      ['6s', 'free -h; ps aux; vmstat 1 2'],
    ] as const) {
      const live = await output(exec, [scenario], { at }, [line])
      expect(live.text.length).toBeGreaterThan(300)
      expect(await output(replay, [file], { at }, [line])).toEqual(live)
    }
  })

  test('is whole, and the same when it is run again', async () => {
    expect(await output(record, ['verify', file])).toMatchObject({
      status: 0,
      text: expect.stringContaining('whole') as string,
    })
    const info = JSON.parse((await output(record, ['info', file], { json: true })).text) as Record<string, unknown>
    expect(info).toMatchObject({ seed: 5, samples: 17, oomKills: 1 })
  })

  test('is exported beside itself in the format that is asked for, and in no other', async () => {
    const { text } = await output(record, ['export', file], { format: 'html' })
    expect(text).toBe(`${join(folder, 'small.html')}\n`)
    expect(readFileSync(text.trim(), 'utf8')).toContain('leaky-service')
    const tables = (await output(record, ['export', file], { format: 'parquet' })).text.trim().split('\n')
    expect(tables).toHaveLength(8)
    for (const path of tables) expect(readFileSync(path).subarray(0, 4).toString()).toBe('PAR1')
    await expect(output(record, ['export', file], { format: 'xml' })).rejects.toThrow(
      '--format: expected one of csv, json, parquet, html, memscope, got "xml"',
    )
  })

  test('goes to no name whose ending is of another format', async () => {
    const refusal = (format: string, name: string): Promise<unknown> =>
      output(record, ['export', file, join(folder, name)], { format }).then(
        () => 'written',
        (error: Error & { exitCode?: number }) => [error.message.slice(folder.length + 1), error.exitCode],
      )
    expect(await refusal('parquet', 'x.csv')).toEqual([
      'x.csv: cannot be written: its ending is that of csv: name it .parquet, or choose the format csv',
      2,
    ])
    expect(await refusal('csv', 'x.HTML')).toMatchObject([expect.stringContaining('name it .csv'), 2])
    expect(await refusal('json', 'x.memscope')).toMatchObject([expect.stringContaining('name it .json'), 2])
    expect(existsSync(join(folder, 'x.csv')) || existsSync(join(folder, 'x.HTML'))).toBe(false)
    expect(await refusal('json', 'x.txt')).toBe('written')
  })

  test('shows its note, which does nothing to the terminal', async () => {
    const noted = join(folder, 'noted.memscope')
    await output(record, ['export', file, noted], { format: 'memscope' })
    const recorder = recorderHere()
    await recorder.ask('note', { file: noted, text: 'the leak\n\u001b[31mand what it cost' })
    await recorder.stop()
    const { text } = await output(record, ['info', noted])
    expect(text).toMatch(/checkpoints, .*\n {2}\| the leak\n {2}\| \ufffd\[31mand what it cost\n$/)
    expect((await output(record, ['info', file])).text).not.toContain('|')
  })

  test('is branched: other decisions from an instant on', async () => {
    const { text } = await output(replay, [file], { at: '2s', branch: true, for: '1s' })
    expect(JSON.parse(text)).toMatchObject({ simulatedMs: 3000 })
  })

  test('has an end', async () => {
    await expect(output(replay, [file], { at: '99s' }, ['free'])).rejects.toThrow(/ends at 8 s/)
  })
})

describe('exec', () => {
  test('lets commands change the machine and wait', async () => {
    const { text } = await output(exec, [scenario], { at: '1s' }, [
      'sysctl vm.swappiness=3; sleep 2; cat /proc/sys/vm/swappiness; cut -d. -f1 /proc/uptime',
    ])
    expect(text).toBe('vm.swappiness = 3\n3\n3\n')
  })
})

describe('procfs', () => {
  test('writes a tree that the commands read as they read the machine', async () => {
    const out = join(folder, 'tree')
    expect(await output(procfs, [scenario], { at: '3s', out })).toMatchObject({ status: 0 })
    const { insideFolder } = await import('../support/procDir')
    const { openShell } = await import('../../src-main/shell/shell')
    const line = 'free; ps -e; vmstat -s'
    const live = await output(exec, [scenario], { at: '3s' }, [line])
    expect((await openShell(insideFolder(out)).exec(line)).stdout).toBe(live.text)
  })
})
