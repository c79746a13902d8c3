/**
 * Files that are there whole or not at all: written in a folder on the file system of their place, then moved into it.
 * When a move fails, those before it are taken back.
 */
import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** What the user can put right: where to write. */
export class NotWritten extends Error {
  readonly exitCode: number
  constructor(path: string, why: string, exitCode = 2) {
    super(`${path}: cannot be written: ${why}`)
    this.exitCode = exitCode
  }
}

/** What was replaced could be neither kept in its place nor brought back: its folder stays. */
class Stranded extends NotWritten {}

const WHY: Readonly<Record<string, readonly [text: string, exitCode: number]>> = {
  ENOENT: ['no such folder', 2],
  ENOTDIR: ['a part of its path is a file', 2],
  EACCES: ['permission denied', 2],
  EPERM: ['permission denied', 2],
  EROFS: ['the file system is read-only', 2],
  EISDIR: ['it is a folder', 2],
  ENOTEMPTY: ['a folder of that name came in between', 2],
  EEXIST: ['a folder of that name came in between', 2],
  EXDEV: ['its place is on another file system than its folder', 2],
  EBUSY: ['something is mounted there', 2],
  ENOSPC: ['no space left on the device', 1],
}

/** `write` is told where to write the one file of `out`. */
export async function wholeFile(out: string, write: (temporary: string) => void | Promise<void>): Promise<string[]> {
  if (isFolder(out)) throw new NotWritten(out, 'it is a folder')
  await within(dirname(resolve(out)), out, async (folder) => {
    const temporary = join(folder, 'file')
    await write(temporary)
    renameSync(temporary, out)
  })
  return [out]
}

/** The files `names` in the folder `out`, all of them or, when one cannot be, none; what else is in it stays. */
export async function wholeFiles(
  out: string,
  names: readonly string[],
  write: (temporary: string, name: string) => void | Promise<void>,
): Promise<string[]> {
  const isThere = statSync(out, { throwIfNoEntry: false }) !== undefined
  if (isThere && !isFolder(out)) throw new NotWritten(out, 'it is a file')
  for (const name of names) refuseFolder(join(out, name))
  // A folder may be a file system of its own, and its parent another's.
  await within(isThere ? resolve(out) : dirname(resolve(out)), out, async (folder) => {
    const made = join(folder, 'new')
    mkdirSync(made)
    for (const name of names) await write(join(made, name), name)
    if (isThere) replace(out, names, made, join(folder, 'old'))
    else renameSync(made, out)
  })
  return names.map((name) => join(out, name))
}

/** Moves the files of `made` to `out`. What they replace is kept in `old` until the last is in its place. */
function replace(out: string, names: readonly string[], made: string, old: string): void {
  mkdirSync(old)
  const undo: (() => void)[] = []
  const move = (from: string, to: string): void => {
    renameSync(from, to)
    undo.unshift(() => renameSync(to, from))
  }
  try {
    for (const name of names) {
      const place = join(out, name)
      refuseFolder(place)
      if (lstatSync(place, { throwIfNoEntry: false }) !== undefined) move(place, join(old, name))
      move(join(made, name), place)
    }
  } catch (error) {
    try {
      for (const back of undo) back()
    } catch {
      throw new Stranded(out, `${(error as Error).message}; what was there is in ${old}`, 1)
    }
    throw error
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** A link is replaced, whatever it leads to. */
function refuseFolder(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) throw new NotWritten(path, 'it is a folder')
}

/** Makes a folder in `parent` for as long as `write` takes. */
async function within(parent: string, out: string, write: (folder: string) => Promise<void>): Promise<void> {
  let folder: string | null = null
  let isStranded = false
  try {
    folder = mkdtempSync(join(parent, '.memscope-'))
    await write(folder)
  } catch (error) {
    isStranded = error instanceof Stranded
    const [text, exitCode] = WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? []
    throw text === undefined ? error : new NotWritten(out, text, exitCode)
  } finally {
    if (folder !== null && !isStranded) rmSync(folder, { recursive: true, force: true })
  }
}
