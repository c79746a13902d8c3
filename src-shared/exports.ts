/** What a recording is exported as: where it goes when nobody says where, and what a name's ending asks for. */
import { EXPORT_FORMATS, type ExportFormat } from './protocol'

interface Kind {
  /** What follows the recording's own name: of one file. */
  readonly file: string
  /** Likewise of a folder of tables, where a format has one. */
  readonly folder?: string
}
const KINDS: Readonly<Record<ExportFormat, Kind>> = {
  csv: { file: '.csv', folder: '-csv' },
  json: { file: '.json' },
  parquet: { file: '.parquet', folder: '-parquet' },
  html: { file: '.html' },
  memscope: { file: '-copy.memscope' },
}

/** A neighbour of the recording: one file, or all tables in a folder where the format has one. */
export function exportPath(path: string, format: ExportFormat, shape: 'file' | 'tables'): string {
  const { file, folder = file } = KINDS[format]
  return path.replace(/\.memscope$/, '') + (shape === 'tables' ? folder : file)
}

/** Why `out` cannot be what is asked for, and what would be right; null when it can. */
export function endingMismatch(out: string, format: ExportFormat): string | null {
  const ending = EXPORT_FORMATS.find((one) => out.toLowerCase().endsWith(`.${one}`))
  if (ending === undefined || ending === format) return null
  return `its ending is that of ${ending}: name it .${format}, or choose the format ${ending}`
}
