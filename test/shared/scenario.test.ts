import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { counterHelp } from '../../src-shared/counter-help'
import { SERIES } from '../../src-shared/counters'
import { expectationResults, observeEvent, openExpectations } from '../../src-shared/expect'
import { parseScenario, scenarioJsonSchema } from '../../src-shared/scenario'
import { PROGRAM_INFOS } from '../../src-main/workload'

const folder = join(import.meta.dirname, '../../resources/scenarios')
const head = 'memscope: scenario/1\ntitle: T\n'
const parse = (text: string) => parseScenario(head + text, 'x.yaml', PROGRAM_INFOS)
const error = (text: string): string => {
  const parsed = parse(text)
  return parsed.ok ? '' : parsed.error
}

describe('a scenario file', () => {
  test.each(readdirSync(folder))(
    '%s of the gallery is valid, has a title, something to watch and expectations',
    (name) => {
      const parsed = parseScenario(readFileSync(join(folder, name), 'utf8'), name, PROGRAM_INFOS)
      expect(parsed.ok ? '' : parsed.error).toBe('')
      if (!parsed.ok) return
      expect(parsed.value.title).not.toBe('')
      expect(parsed.value.watch.length).toBeGreaterThan(0)
      expect(parsed.value.expect.length).toBeGreaterThan(0)
      expect(parsed.value.name).toBe(name.replace('.yaml', ''))
    },
  )

  test('gets sizes in bytes, times in ms and complete parameters', () => {
    const parsed = parse(
      'machine: { ram: 1GiB }\nprocesses:\n  - { program: leak, at: 20s, params: { rate: 24MiB/s } }\n',
    )
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        machine: { ram: 2 ** 30, cpus: 1, swap: [] },
        processes: [{ at: 20_000, params: { rate: 24 * 2 ** 20, start: 8 * 2 ** 20 } }],
        until: 60_000,
      },
    })
  })

  test('an unknown program is named with its line and the known ones', () => {
    expect(error('processes:\n  - { program: leek }\n')).toMatch(
      /^x\.yaml:4: processes\[0\]\.program: unknown program; known: daemon, /,
    )
  })
  test('an unknown parameter is named with the known ones', () => {
    expect(error('processes:\n  - { program: leak, params: { speed: 3 } }\n')).toBe(
      'x.yaml:4: processes[0].params.speed: unknown parameter; known: rate, start',
    )
  })
  test('a wrong unit says what would be right', () => {
    expect(error('until: fast\n')).toBe('x.yaml:3: until: must be a duration such as 250ms, 30s, 5m or 1h')
    expect(error('machine: { ram: lots }\n')).toMatch(/x\.yaml:3: machine\.ram: must be a size such as/)
    expect(error('processes:\n  - { program: leak, params: { rate: quick } }\n')).toMatch(
      /must be a rate such as 24MiB\/s/,
    )
  })
  test('an unknown field is named', () => {
    expect(error('proceses: []\n')).toBe('x.yaml:3: proceses: unknown field')
  })
})

test('the published JSON schema is the one of the code', () => {
  const published = readFileSync(join(folder, '../scenario.schema.json'), 'utf8')
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(scenarioJsonSchema(PROGRAM_INFOS))))
})

test('every counter has a sentence and a source file', () => {
  for (const { name } of SERIES) {
    const { text, source } = counterHelp(name)
    expect(text, name).toMatch(/^[A-Z0-9a-z].*\.$/)
    expect(source, name).toMatch(/^[a-z0-9/_-]+\.c$/)
  }
})

describe('expectations', () => {
  test('count events in their window by name', () => {
    const state = openExpectations([
      { text: 'kill', event: 'oom_kill', name: 'a', count: { min: 1, max: 1 }, from: 1000 },
      { text: 'order', order: ['kswapd_wake', 'oom_kill'] },
    ])
    observeEvent(state, { ms: 500, kind: 'oom_kill', text: '', name: 'a' })
    observeEvent(state, { ms: 900, kind: 'kswapd_wake', text: '' })
    observeEvent(state, { ms: 1500, kind: 'oom_kill', text: '', name: 'a' })
    observeEvent(state, { ms: 1600, kind: 'oom_kill', text: '', name: 'b' })
    expect(expectationResults(state).map((r) => r.pass)).toEqual([true, false])
  })
})
