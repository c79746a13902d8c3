import { test } from 'vitest'
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseLab } from '@shared/lab'
import { runLab } from '../src-main/lab/runner'
test('x', () => {
  const p = parseLab(readFileSync('test/conformance/formats.yaml', 'utf8'), 'x')
  if (!p.ok) throw new Error(p.error)
  const { lines } = runLab(p.value)
  for (const l of lines) {
    if (l.result !== 'ok') console.log(l.label ?? l.op, JSON.stringify(l.result))
    if (l.label) { const f = '/tmp/fmt/' + l.label; mkdirSync(dirname(f), { recursive: true }); writeFileSync(f, l.text ?? '') }
  }
})
