/** The library of recordings as the engine lists it. */
import type { ExportFormat } from '@shared/protocol'

export interface Recording {
  readonly path: string
  readonly bytes: number
  readonly title: string
  readonly scenario: string
  readonly seed: number
  /** When the session began, ISO 8601. */
  readonly created: string
  readonly firstMs: number
  readonly lastMs: number
  readonly samples: number
  readonly events: number
  readonly oomKills: number
  readonly commands: number
  readonly note?: string
}
export interface Library {
  readonly folder: string
  readonly current: string | null
  /** The newest first. */
  readonly list: readonly Recording[]
}

export function libraryOf(value: unknown): Library {
  const {
    folder,
    current,
    list = [],
  } = (value ?? {}) as { folder?: string | null; current?: string | null; list?: Recording[] }
  const byStart = (a: Recording, b: Recording): number => (a.created < b.created ? 1 : -1)
  return { folder: folder ?? '', current: current ?? null, list: [...list].sort(byStart) }
}

/** `2026-11-23 04:48`, in the reader's own time. */
export function startText({ created }: Recording): string {
  const at = new Date(created)
  if (Number.isNaN(at.getTime())) return '–'
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}

export const fileName = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)

/** What a whole session is exported as, by the file's ending. */
export const EXPORTS: readonly { readonly format: ExportFormat; readonly text: string; readonly title: string }[] = [
  { format: 'html', text: 'report', title: 'One HTML file with charts, OOM kills, commands and events' },
  { format: 'csv', text: 'csv', title: 'Every series, a line a sample' },
  { format: 'parquet', text: 'parquet', title: 'Every series, a row a sample, with typed columns' },
  { format: 'json', text: 'json', title: 'Every series, events, commands and the log' },
  { format: 'memscope', text: 'memscope', title: 'A copy of the recording' },
]
