/**
 * The commands print what procps-ng 4.0.2 prints. Each folder of test/golden/procps holds a captured /proc and the output
 * of the real commands on it, in files named after the command line.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runTool } from '../../src-main/shell/shell'
import { TOOLS } from '../../src-main/shell/tools'
import { insideFolder } from '../support/procDir'

const golden = join(import.meta.dirname, '../golden/procps')
const lines = readFileSync(join(golden, 'commands.txt'), 'utf8').trim().split('\n')

async function output(folder: string, line: string): Promise<string> {
  const [name = '', ...args] = line.split(' ')
  let text = ''
  const add = (part: string): void => void (text += part)
  await runTool(TOOLS.get(name)!, args, {
    inside: insideFolder(join(golden, folder)),
    out: add,
    err: add,
    stdin: '',
    cols: 80,
    rows: 24,
    tty: false,
    run: () => Promise.reject(new Error('no shell here')),
  })
  return text
}

describe.each(['quiet', 'loaded'])('on a %s machine', (folder) => {
  test.each(lines)('%s prints what procps-ng prints', async (line) => {
    const expected = readFileSync(join(golden, folder, `${line.replace(/[ /=,%]/g, '_')}.txt`), 'utf8')
    expect(await output(folder, line)).toBe(expected)
  })
})

test('every captured output is compared', () => {
  for (const folder of ['quiet', 'loaded']) {
    const files = readdirSync(join(golden, folder)).filter((name) => name.endsWith('.txt'))
    expect(files.length).toBe(lines.length)
  }
})

test('what Debian says of its own meminfo is what free says of it', async () => {
  expect(await output('pair', 'free')).toBe(readFileSync(join(golden, 'pair/free.txt'), 'utf8'))
})
