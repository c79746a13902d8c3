import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { labJsonSchema, OPERATIONS, parseLab } from '@shared/lab'

const program = (steps: string): string => `memscope: lab/1\nmachine: { ram: 256MiB }\nsteps:\n${steps}`

test('a program is read with sizes in bytes and defaults filled in', () => {
  const loaded = parseLab(program('  - mmap: { as: a, length: 64MiB }\n  - exit: 0\n'), 'p.yaml')
  if (!loaded.ok) throw new Error(loaded.error)
  const [map, end] = loaded.value.program.steps
  expect(map).toMatchObject({
    op: 'mmap',
    args: { as: 'a', length: 64 * 2 ** 20, prot: 'rw', flags: ['private', 'anonymous'] },
  })
  expect(end).toMatchObject({ op: 'exit', args: 0, mayFail: [] })
  expect(loaded.value.lines).toEqual([4, 5])
})

test('nested steps are read, and their errors carry the line inside', () => {
  const bad = parseLab(
    program(
      '  - fork: { as: c }\n  - in: { task: c, steps: [ { exit: 0 },\n      { touch: { area: a, acess: write } } ] }\n',
    ),
    'p.yaml',
  )
  expect(bad.ok).toBe(false)
  if (!bad.ok) {
    expect(bad.error).toContain('p.yaml:6: steps[1].in.steps[1].touch.acess: unknown field')
    expect(bad.error).toContain('touch.access')
  }
})

test.each([
  ['  - mmapp: { as: a }\n', 'p.yaml:4: steps[0].mmapp: unknown operation'],
  ['  - mmap: { as: a, length: lots }\n', 'p.yaml:4: steps[0].mmap.length: must be a size'],
  ['  - sleep: soon\n', 'p.yaml:4: steps[0].sleep'],
  [
    '  - accessAt: { address: "0xzz", access: read }\n',
    'p.yaml:4: steps[0].accessAt.address: must be a quoted hex address',
  ],
  ['  - mmap: { as: a\n', 'p.yaml:'],
])('%s is refused with file, line and field', (steps, message) => {
  const loaded = parseLab(program(steps), 'p.yaml')
  expect(loaded.ok ? '' : loaded.error).toContain(message)
})

test('the published schema is the one the code has and names every operation', () => {
  const file = resolve(import.meta.dirname, '../../resources/lab.schema.json')
  const schema = labJsonSchema()
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema)))
  const { oneOf } = (schema['$defs'] as { step: { oneOf: { required: string[] }[] } }).step
  expect(oneOf.map((o) => o.required[0])).toEqual(Object.keys(OPERATIONS))
})

test('what is wrong is said with what would be right', () => {
  const problem = (step: string): string => {
    const parsed = parseLab(`memscope: lab/1\nsteps:\n  - ${step}\n`, 'p.yaml')
    return parsed.ok ? 'ok' : parsed.error
  }
  expect(problem('truncate: { file: f }')).toBe(
    'p.yaml:3: steps[0].truncate.length: is missing: must be a size such as 4KiB, 64MiB or 1GiB',
  )
  expect(problem('touch: { area: a, access: poke }')).toBe(
    'p.yaml:3: steps[0].touch.access: must be one of read, write, readWrite',
  )
  expect(problem('touch: { area: a, access: read, meanwhile: [ { at: 1s, steps: [ { slep: {} } ] } ] }')).toContain(
    'p.yaml:3: steps[0].touch.meanwhile[0].steps[0].slep: unknown operation',
  )
  expect(problem('mlockall: { flags: current }')).toBe('p.yaml:3: steps[0].mlockall.flags: must be a list')
  expect(problem('mmap: { as: a, length: 4KiB, at: 0x1000 }')).toContain('must be a quoted hex address such as')
  expect(problem('sleep: { for: 3 }')).toBe(
    'p.yaml:3: steps[0].sleep: must be { for: a duration such as 250ms, 30s, 5m or 1h }',
  )
})

test('the description of the format names every operation, argument and word of it', () => {
  const text = readFileSync(resolve(import.meta.dirname, '../../src-main/lab/README.md'), 'utf8')
  const words = new Set(text.match(/\w+/g))
  const named = Object.entries(OPERATIONS).flatMap(([name, schema]) => [
    name,
    ...Object.keys('shape' in schema ? schema.shape : {}),
  ])
  expect(named.filter((word) => !words.has(word))).toEqual([])
})

test('a machine with less memory than a kernel needs is refused', () => {
  const parsed = parseLab('memscope: lab/1\nmachine: { ram: 64MiB }\nsteps: []\n', 'p.yaml')
  expect(parsed.ok ? '' : parsed.error).toMatch(/^p\.yaml:2: machine\.ram: must be from 96MiB to 64GiB/)
})
