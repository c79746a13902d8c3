/** Signals by name and number, and how they are sent. */
import { SIGNAL_NAMES } from '@shared/signals'
import type { Io } from '../inside'
import { Errno } from '../inside'
import { UsageError } from '../options'

const [RTMIN, RTMAX] = [34, 64]

/** The name of a signal without SIG, '' where it has none. */
export function signalName(number: number): string {
  if (number < SIGNAL_NAMES.length) return SIGNAL_NAMES[number] ?? ''
  if (number < RTMIN || number > RTMAX) return ''
  if (number === RTMIN) return 'RTMIN'
  if (number === RTMAX) return 'RTMAX'
  return number < 50 ? `RTMIN+${number - RTMIN}` : `RTMAX-${RTMAX - number}`
}

/** The number of `9`, `KILL`, `SIGKILL` or `kill`; null where it is none. */
export function signalOf(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text) <= RTMAX ? Number(text) : null
  const name = text.toUpperCase().replace(/^SIG/, '')
  for (let number = 0; number <= RTMAX; number++) if (signalName(number) === name && name !== '') return number
  return name === 'POLL' ? signalOf('IO') : null
}

export function signalNumber(name: string, text: string): number {
  const number = signalOf(text)
  if (number === null) throw new UsageError(`${name}: unknown signal: ${text}`)
  return number
}

/** Goes through all words; one that fails does not keep the others from being done. Returns whether none failed. */
export function each(words: readonly string[], io: Io, one: (word: string) => void): boolean {
  let isWhole = true
  for (const word of words) {
    try {
      one(word)
    } catch (error) {
      if (!(error instanceof UsageError) && !(error instanceof Errno)) throw error
      io.err(`${error.message}\n`)
      isWhole = false
    }
  }
  return isWhole
}
