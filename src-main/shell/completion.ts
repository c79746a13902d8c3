/** What Tab offers: commands for the first word, then PIDs where a command takes them, sysctl names, and paths. */
import type { Inside } from './inside'
import type { Completion } from './line'
import { pids } from './procText'
import { SHELL_COMMANDS } from './commandNames'
import { TOOLS } from './tools'

const TAKES_PID = new Set(['kill', 'pmap', 'renice'])
const MAX_OFFERED = 400

export function complete(inside: Inside, cwd: string, text: string, at: number): Completion {
  const before = text.slice(0, at)
  const from = before.search(/[^\s|;&<>=]*$/)
  const word = before.slice(from)
  const command = /(?:^|[|;&])\s*(\S*)$/.exec(before)
  if (command !== null) return offer(from, word, [...TOOLS.keys(), ...SHELL_COMMANDS])
  const name = /(?:^.*[|;&])?\s*(\S+)/.exec(before.slice(0, from))?.[1] ?? ''
  if (TAKES_PID.has(name) && !word.startsWith('-') && !word.includes('/'))
    return offer(from, word, pids(inside).map(String))
  if (name === 'sysctl' && !word.startsWith('-')) return offer(from, word, sysctls(inside, '/proc/sys'))
  return { from, words: paths(inside, cwd, word) }
}

function offer(from: number, word: string, known: Iterable<string>): Completion {
  return {
    from,
    words: [...new Set(known)]
      .filter((k) => k.startsWith(word))
      .sort()
      .slice(0, MAX_OFFERED),
  }
}

function paths(inside: Inside, cwd: string, word: string): string[] {
  const slash = word.lastIndexOf('/') + 1
  const [folder, start] = [word.slice(0, slash), word.slice(slash)]
  const path = folder.startsWith('/') ? folder : `${cwd}/${folder}`
  const clean = path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')
  if (clean === '/') return ['proc/', 'sys/'].filter((n) => n.startsWith(start)).map((n) => folder + n)
  try {
    return inside
      .list(clean)
      .filter((e) => e.name.startsWith(start))
      .map((e) => `${folder}${e.name}${e.type === 'dir' ? '/' : ''}`)
      .sort()
      .slice(0, MAX_OFFERED)
  } catch {
    return []
  }
}

function sysctls(inside: Inside, folder: string): string[] {
  try {
    return inside.list(folder).flatMap((e) => {
      const path = `${folder}/${e.name}`
      return e.type === 'dir' ? sysctls(inside, path) : [path.slice('/proc/sys/'.length).replaceAll('/', '.')]
    })
  } catch {
    return []
  }
}
