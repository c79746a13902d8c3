/** The recordings in a folder: listing them, and making room for new ones. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openUntrusted } from './check'
import { openReader } from './reader'
import type { Sqlite } from './sqlite'
import type { RecordingInfo } from './types'

export const EXTENSION = '.memscope'
/** What all sessions that were kept by themselves may take together. */
export const KEEP_BYTES = 2 * 2 ** 30
const KEEP_AT_LEAST = 3

export function sessionsFolder(userData: string): string {
  const folder = join(userData, 'sessions')
  mkdirSync(folder, { recursive: true })
  return folder
}

interface Found {
  readonly path: string
  readonly bytes: number
  readonly mtimeMs: number
}

function filesIn(folder: string): Found[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(EXTENSION))
  return names
    .map((name) => {
      const path = join(folder, name)
      const { size, mtimeMs } = statSync(path)
      return { path, bytes: size, mtimeMs }
    })
    .sort((a, b) => b.mtimeMs - a.mtimeMs)
}

/** The newest first; what cannot be read is left out. */
export function listRecordings(sqlite: Sqlite, folder: string, except: string | null = null): RecordingInfo[] {
  return filesIn(folder).flatMap(({ path }) => {
    if (path === except) return []
    try {
      const db = openUntrusted(sqlite, path)
      try {
        return openReader(db).info(path)
      } finally {
        db.close()
      }
    } catch {
      return []
    }
  })
}

/** Removes the oldest sessions beyond what is kept. */
export function prune(folder: string, keepBytes = KEEP_BYTES): void {
  let total = 0
  filesIn(folder).forEach(({ path, bytes }, i) => {
    total += bytes
    if (i < KEEP_AT_LEAST || total <= keepBytes) return
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  })
}
