/** The events of a recording: iterated, however many; a list that is held has every OOM kill before the rest. */
import type { TraceEvent } from '@shared/protocol'
import { cut, MAX_CELL, MAX_HELD, numberOf, type Row } from './foreign'
import type { Database } from './sqlite'

/** Characters of the kills' details in a list that is held. */
const MAX_DETAILS = 1 << 27
const columns = (text: number): string =>
  `ms, ${cut('kind', 64)}, pid, ${cut('name', 256)}, value, ${cut('text', text)}, length(oom), substr(oom, 1, ${MAX_CELL})`

export interface Events {
  /** All of them, or those of a kind, in the order of their writing. */
  each(kind?: TraceEvent['kind']): Iterable<TraceEvent>
  /** Those between two instants; of more than can be held all kills and the first of the rest. */
  between(from: number, to: number): TraceEvent[]
  /** How many there are of each kind, the most frequent first. */
  counts(): { readonly kind: string; readonly count: number }[]
  kills(): number
  firstKill(): number | null
}

export function openEvents(db: Database): Events {
  return {
    *each(kind) {
      const where = kind === undefined ? '' : 'WHERE kind = ?'
      const rows = db.prepare(`SELECT ${columns(4096)} FROM event ${where} ORDER BY id`).raw()
      const given = kind === undefined ? [] : [kind]
      for (const row of rows.iterate(...given) as IterableIterator<Row>) yield eventOf(row, MAX_CELL)
    },
    between(from, to) {
      const held = `SELECT id FROM event WHERE ms BETWEEN ? AND ? ORDER BY kind = 'oom_kill' DESC, id LIMIT ${MAX_HELD}`
      const rows = db.prepare(`SELECT ${columns(1024)} FROM event WHERE id IN (${held}) ORDER BY id`).raw()
      let left = MAX_DETAILS
      return Array.from(rows.iterate(from, to) as IterableIterator<Row>, (row) => {
        const event = eventOf(row, Math.min(left, MAX_CELL))
        if (event.oom !== undefined) left -= numberOf(row[6])
        return event
      })
    },
    counts() {
      const sql = `SELECT ${cut('kind', 64)} AS k, count(*) AS n FROM event GROUP BY k ORDER BY n DESC, min(id) LIMIT 100`
      const rows = db.prepare(sql).raw().all() as Row[]
      return rows.map(([kind, count]) => ({ kind: String(kind), count: numberOf(count) }))
    },
    kills: () => db.prepare("SELECT count(*) FROM event WHERE kind = 'oom_kill'").pluck().get() as number,
    firstKill() {
      const ms = db.prepare("SELECT min(ms) FROM event WHERE kind = 'oom_kill'").pluck().get()
      return typeof ms === 'number' ? ms : null
    },
  }
}

/** A kill whose details cannot be had says so in its text. */
function eventOf([ms, kind, pid, name, value, text, length, oom]: Row, most: number): TraceEvent {
  const details = detailsOf(oom, numberOf(length), most)
  return {
    ms: numberOf(ms),
    kind: String(kind) as TraceEvent['kind'],
    text: String(text) + (typeof details === 'string' ? ` (${details})` : ''),
    ...(typeof pid === 'number' ? { pid } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof value === 'number' ? { value } : {}),
    ...(typeof details === 'object' ? { oom: details } : {}),
  }
}

function detailsOf(oom: unknown, length: number, most: number): TraceEvent['oom'] | string {
  if (typeof oom !== 'string') return undefined
  if (length > most) return `its details, ${length} characters, are left out`
  try {
    const value: unknown = JSON.parse(oom)
    if (typeof value === 'object' && value !== null) return value as NonNullable<TraceEvent['oom']>
  } catch {
    // Said as of any other value that is no object.
  }
  return 'its details are damaged'
}
