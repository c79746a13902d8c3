/** Lab programs beside the running machine: told how far they are, and stopped when somebody asks. */
import { beforeEach, expect, test } from 'vitest'
import type { Push, Result } from '@shared/protocol'
import { lab, labCancel } from '../../src-main/engine/answers/lab'
import { openSession, type Session } from '../../src-main/engine/session'
import type { LabResult } from '../../src-main/lab/runner'

let pushes: Push[]
let s: Session
beforeEach(() => {
  pushes = []
  s = openSession({ host: 'cli', userData: null, engine: 'test' }, null, (push) => void pushes.push(push))
})

const program = (times: number): string => `memscope: lab/1
machine: { ram: 128MiB }
steps:
  - mmap: { as: a, length: 16MiB, flags: [private, anonymous] }
  - repeat: { times: ${times}, steps: [ { touch: { area: a, access: write } }, { sleep: { for: 1s } }, { madvise: { area: a, advice: dontneed } } ] }
`

test('a program answers with its lines, and its progress ends', async () => {
  const result = (await lab(s, { type: 'lab', yaml: program(2) })) as Result<LabResult>
  expect(result.ok && result.value.lines.map((line) => line.op)).toEqual(
    ['mmap', 'touch', 'sleep', 'madvise', 'touch', 'sleep', 'madvise'], // repeat itself prints no line
  )
  expect(pushes.at(-1)).toEqual({ type: 'progress', id: 'lab', text: '', done: 1 })
})

test('a long program says how far it is and stops when it is told to', async () => {
  const answer = lab(s, { type: 'lab', yaml: program(100_000) })
  while (pushes.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(pushes[0]).toMatchObject({ type: 'progress', id: 'lab' })
  expect(pushes[0]!.type === 'progress' && pushes[0]!.text).toMatch(/^step \d+ of 300001, [\d.]+ s simulated$/)
  labCancel(s)
  const result = await answer
  expect(!result.ok && result.error).toMatch(/^cancelled after step \d+$/)
})

test('the next program ends the one before it', async () => {
  const first = lab(s, { type: 'lab', yaml: program(100_000) })
  while (s.lab.ms === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const second = await lab(s, { type: 'lab', yaml: program(1) })
  expect(second.ok).toBe(true)
  expect((await first).ok).toBe(false)
})
