/** SQLite, where this runtime can load it. */
import type BetterSqlite3 from 'better-sqlite3'

export type Database = BetterSqlite3.Database
export type Sqlite = new (file: string, options?: BetterSqlite3.Options) => Database

/** better-sqlite3 needs Node-API 10; older runtimes crash while loading it. */
const NAPI_NEEDED = 10

/** The constructor, or a line that says why there is none. */
export async function loadSqlite(): Promise<Sqlite | string> {
  if (Number(process.versions['napi'] ?? 0) < NAPI_NEEDED)
    return `recording needs Node-API ${NAPI_NEEDED}, this runtime has ${process.versions['napi'] ?? 'none'}`
  try {
    return (await import('better-sqlite3')).default
  } catch (error) {
    return `SQLite cannot be loaded: ${(error as Error).message.split('\n', 1)[0]}`
  }
}
