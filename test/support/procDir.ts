/** A machine made of files: `Inside` over a folder that holds a captured /proc. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Errno, type Inside } from '../../src-main/shell/inside'

export function insideFolder(root: string, now = 0): Inside & { readonly acts: unknown[] } {
  let ms = now
  const acts: unknown[] = []
  const at = (path: string): string => join(root, path)
  const guarded = <T>(path: string, call: () => T): T => {
    try {
      return call()
    } catch (error) {
      throw new Errno((error as NodeJS.ErrnoException).code ?? 'EIO', path)
    }
  }
  return {
    acts,
    nowMs: () => ms,
    read: (path) => guarded(path, () => readFileSync(at(path), 'utf8')),
    list: (path) =>
      guarded(path, () =>
        readdirSync(at(path), { withFileTypes: true }).map((e) => ({
          name: e.name,
          type: e.isDirectory() ? ('dir' as const) : e.isSymbolicLink() ? ('link' as const) : ('file' as const),
        })),
      ),
    readlink: (path) => guarded(path, () => readlinkSync(at(path))),
    write: (path, text) => guarded(path, () => writeFileSync(at(path), text)),
    mkdir: (path) => void acts.push({ type: 'mkdir', path }),
    rmdir: (path) => void acts.push({ type: 'rmdir', path }),
    sleep: (time) => {
      ms += time
      return Promise.resolve()
    },
    act: (act) => {
      acts.push(act)
      return {}
    },
  }
}
