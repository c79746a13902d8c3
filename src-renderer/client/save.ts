/** Files of the browser or the desktop's save dialog; Ctrl+E: the rows that the charts show. */
import { csvOf } from '../model/csv'
import type { Session } from '../state/session.svelte'

export function saveCsv(session: Session): void {
  const { from, to } = session.span
  const name = `${session.machine?.scenario ?? 'memscope'}-${Math.round(from / 1000)}s-${Math.round(to / 1000)}s.csv`
  saveText(name, 'text/csv', csvOf(session.series, from, to))
}

export function saveText(name: string, type: string, text: string): void {
  saveBlob(name, new Blob([text], { type }))
}

export function saveBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
