/** The library of recordings as the engine lists it. */
export interface Recording {
  readonly path: string
  readonly title: string
  readonly scenario: string
  readonly seed: number
  readonly ms: number
  readonly bytes: number
  readonly startedAt: string | number
  readonly samples: number
}
export interface Library {
  readonly dir: string
  readonly current: string | null
  readonly list: readonly Recording[]
}

export function libraryOf(value: unknown): Library {
  const { dir = '', current = null, list = [] } = (value ?? {}) as Partial<Library>
  return { dir, current, list: [...list].sort((a, b) => startOf(b) - startOf(a)) }
}

function startOf(recording: Recording): number {
  const { startedAt } = recording
  return typeof startedAt === 'number' ? startedAt : Date.parse(startedAt) || 0
}

/** `2026-11-23 04:48`, in the reader's own time. */
export function startText(recording: Recording): string {
  const at = new Date(startOf(recording))
  if (startOf(recording) === 0) return '–'
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}

export const fileName = (path: string): string => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)

/** A neighbour of the recording with another ending: where an export goes. */
export function exportPath(path: string, format: 'csv' | 'json' | 'memscope'): string {
  const stem = path.replace(/\.memscope$/, '')
  return format === 'memscope' ? `${stem}-copy.memscope` : `${stem}.${format}`
}
