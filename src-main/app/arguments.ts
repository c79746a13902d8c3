/** What the command line of the app says. */
import { resolve } from 'node:path'

/** A recording to open: by double click, or `npm start -- session.memscope`. */
export function recordingArgument(argv: readonly string[]): string | null {
  const path = argv.slice(1).find((word) => word.endsWith('.memscope') && !word.startsWith('-'))
  return path === undefined ? null : resolve(path)
}

/** `--attach URL` or `--attach=URL`: the engine runs elsewhere. */
export function attachArgument(argv: readonly string[]): string | null {
  const at = argv.findIndex((word) => word === '--attach' || word.startsWith('--attach='))
  if (at < 0) return null
  const url = argv[at]!.slice('--attach='.length) || argv[at + 1]
  if (url === undefined || !URL.canParse(url))
    throw new Error('--attach: expected the address that `memscope serve` printed')
  return url
}
