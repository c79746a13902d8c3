/** A recording as somebody may have changed it. */
import { copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Sqlite } from '../../src-main/recorder/sqlite'

/** A copy of `file` beside it, changed by `sql`; its path. */
export function changedRecording(sqlite: Sqlite, file: string, name: string, sql: string): string {
  const path = join(dirname(file), `${name}.memscope`)
  copyFileSync(file, path)
  const db = new sqlite(path)
  db.exec(sql)
  db.close()
  return path
}
