/** `readFile` with `*` in its path: every matching file, each line behind its file's path, as `grep '' FILES` prints. */
import type { Kernel } from '../kernel/kernel'
import { proc_list, proc_read } from '../kernel/proc'
import { ENOENT } from '../kernel/uapi'

/** The lines of all files that can be read, in the order of their names; -ENOENT when none matches. */
export function readMatching(k: Kernel, pattern: string, self: number): string | number {
  const texts: string[] = []
  for (const path of matching(k, pattern)) {
    const text = proc_read(k, path, self, true)
    if (typeof text !== 'string') continue
    for (const line of text.replace(/\n$/, '').split('\n')) texts.push(`${path}:${line}\n`)
  }
  return texts.length === 0 ? -ENOENT : texts.join('')
}

function matching(k: Kernel, pattern: string): string[] {
  let paths = ['']
  for (const part of pattern.split('/').filter((p) => p !== '')) {
    if (!part.includes('*')) paths = paths.map((path) => `${path}/${part}`)
    else paths = paths.flatMap((path) => namesIn(k, path, part).map((name) => `${path}/${name}`))
  }
  return paths
}

function namesIn(k: Kernel, folder: string, part: string): string[] {
  const names = proc_list(k, folder === '' ? '/' : folder)
  if (typeof names === 'number') return []
  const words = part.split('*').map((word) => word.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  const wanted = new RegExp(`^${words.join('.*')}$`)
  return names.filter((name) => wanted.test(name)).sort((a, b) => (a < b ? -1 : 1))
}
