/** Files are written whole or not at all: what was there before stays when one of them cannot be. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { wholeFile, wholeFiles } from '../../src-main/recorder/whole'

const root = mkdtempSync(join(tmpdir(), 'memscope-whole-'))
afterAll(() => rmSync(root, { recursive: true }))

const NAMES = ['a', 'b', 'c']
const write = (file: string, name: string): void => writeFileSync(file, `new ${name}`)
const contents = (folder: string): string[] =>
  readdirSync(folder)
    .sort()
    .map((name) =>
      statSync(join(folder, name)).isDirectory() ? `${name}/` : `${name}: ${readFileSync(join(folder, name), 'utf8')}`,
    )
const refusal = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => 'written',
    (error: Error & { exitCode?: number }) => [error.message.replace(root, '.'), error.exitCode],
  )
function folderOf(name: string): string {
  const folder = join(root, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'a'), 'old a')
  return folder
}

test('a folder that is not there is made, open to whom a folder is open', async () => {
  mkdirSync(join(root, 'plain'))
  const out = join(root, 'made')
  expect(await wholeFiles(out, NAMES, write)).toEqual(NAMES.map((name) => join(out, name)))
  expect(contents(out)).toEqual(['a: new a', 'b: new b', 'c: new c'])
  expect(statSync(out).mode).toBe(statSync(join(root, 'plain')).mode)
})

test('a folder in a place of the files is told before anything is written', async () => {
  const out = folderOf('taken')
  mkdirSync(join(out, 'c'))
  let written = 0
  const asked = wholeFiles(out, NAMES, () => void written++)
  expect(await refusal(asked)).toEqual(['./taken/c: cannot be written: it is a folder', 2])
  expect([written, contents(out)]).toEqual([0, ['a: old a', 'c/']])
})

test('what was replaced comes back when a later file cannot be moved', async () => {
  const out = folderOf('between')
  const asked = wholeFiles(out, NAMES, (file, name) => {
    write(file, name)
    if (name === 'c') mkdirSync(join(out, 'c'))
  })
  expect(await refusal(asked)).toEqual(['./between/c: cannot be written: it is a folder', 2])
  expect(contents(out)).toEqual(['a: old a', 'c/'])
})

test('a folder that came in between is left as it is', async () => {
  const out = join(root, 'late')
  const asked = wholeFiles(out, NAMES, (file, name) => {
    write(file, name)
    if (name !== 'c') return
    mkdirSync(out)
    writeFileSync(join(out, 'mine'), 'mine')
  })
  expect(await refusal(asked)).toEqual(['./late: cannot be written: a folder of that name came in between', 2])
  expect(contents(out)).toEqual(['mine: mine'])
  const one = join(root, 'one')
  expect(await refusal(wholeFile(one, (file) => (write(file, 'x'), void mkdirSync(one))))).toEqual([
    './one: cannot be written: it is a folder',
    2,
  ])
})

test('the files of a folder are written inside it: its parent may be of another file system', async () => {
  const out = folderOf('inside')
  const places: string[] = []
  await wholeFiles(out, NAMES, (file, name) => {
    places.push(file)
    write(file, name)
  })
  expect(places.every((place) => place.startsWith(`${out}/`))).toBe(true)
  expect(contents(out)).toEqual(['a: new a', 'b: new b', 'c: new c'])
  if (process.getuid?.() === 0) return
  const parent = join(root, 'locked')
  mkdirSync(join(parent, 'open'), { recursive: true })
  chmodSync(parent, 0o500)
  expect(await wholeFiles(join(parent, 'open'), NAMES, write)).toHaveLength(3)
  chmodSync(parent, 0o700)
})
