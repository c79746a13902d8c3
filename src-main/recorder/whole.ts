/** Files that are there whole or not at all: written in a folder beside their place, then moved into it. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** What the user can put right: where to write. */
export class NotWritten extends Error {
  readonly exitCode: number
  constructor(path: string, why: string, exitCode = 2) {
    super(`${path}: cannot be written: ${why}`)
    this.exitCode = exitCode
  }
}

const WHY: Readonly<Record<string, readonly [text: string, exitCode: number]>> = {
  ENOENT: ['no such folder', 2],
  ENOTDIR: ['a part of its path is a file', 2],
  EACCES: ['permission denied', 2],
  EPERM: ['permission denied', 2],
  EROFS: ['the file system is read-only', 2],
  ENOSPC: ['no space left on the device', 1],
}

/** `write` is told where to write the one file of `out`. */
export async function wholeFile(out: string, write: (temporary: string) => void | Promise<void>): Promise<string[]> {
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory() === true) throw new NotWritten(out, 'it is a folder')
  await beside(out, async (folder) => {
    const temporary = join(folder, 'file')
    await write(temporary)
    renameSync(temporary, out)
  })
  return [out]
}

/** The files `names` in the folder `out`, all of them or none; what else is in it stays. */
export async function wholeFiles(
  out: string,
  names: readonly string[],
  write: (temporary: string, name: string) => void | Promise<void>,
): Promise<string[]> {
  if (statSync(out, { throwIfNoEntry: false })?.isFile() === true) throw new NotWritten(out, 'it is a file')
  await beside(out, async (folder) => {
    for (const name of names) await write(join(folder, name), name)
    mkdirSync(out, { recursive: true })
    for (const name of names) renameSync(join(folder, name), join(out, name))
  })
  return names.map((name) => join(out, name))
}

async function beside(out: string, write: (folder: string) => Promise<void>): Promise<void> {
  let folder: string | null = null
  try {
    folder = mkdtempSync(join(dirname(resolve(out)), '.memscope-'))
    await write(folder)
  } catch (error) {
    const [text, exitCode] = WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? []
    throw text === undefined ? error : new NotWritten(out, text, exitCode)
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true })
  }
}
