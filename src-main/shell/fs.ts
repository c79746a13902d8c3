/** The file system that the shell sees: /proc and /sys are the machine's, the rest is a small one in memory. */
import { InMemoryFs, type IFileSystem } from 'just-bash'
import { Errno, type Inside } from './inside'
import type { Refusals } from './refusals'
import { GROUP, PASSWD } from './users'

type Fs = IFileSystem
type Stat = Awaited<ReturnType<Fs['stat']>>

const MACHINE = /^\/(proc|sys)(\/|$)/
const MAX_LINKS = 16
const FILES = {
  '/root/.keep': '',
  '/tmp/.keep': '',
  '/etc/passwd': PASSWD,
  '/etc/group': GROUP,
  '/etc/hostname': 'memscope\n',
}

/** `inMemory` lasts as long as the console; what is under /proc and /sys is asked anew each time. */
export function machineFs(
  inside: Inside,
  refusals: Pick<Refusals, 'refuse' | 'opened'>,
  inMemory: Fs = new InMemoryFs(FILES),
): Fs {
  const isMachine = (path: string): boolean => MACHINE.test(path)
  const epoch = new Date(0)
  const fail = (error: unknown, path: string): never => {
    if (error instanceof Errno)
      throw new Error(`${error.code}: ${error.message.replace(/^.*: /, '').toLowerCase()}, '${path}'`)
    throw error
  }
  const guarded = <T>(path: string, call: () => T): T => {
    try {
      return call()
    } catch (error) {
      return fail(error, path)
    }
  }

  /** The entry of a path without following a link at its end. */
  const entry = (path: string): 'file' | 'dir' | 'link' => {
    if (path === '/proc' || path === '/sys') return 'dir'
    const at = path.lastIndexOf('/')
    const found = inside.list(follow(path.slice(0, at))).find((e) => e.name === path.slice(at + 1))
    if (found === undefined) throw new Errno('ENOENT')
    return found.type
  }
  /** A path with every link in it followed. */
  const follow = (path: string, depth = 0): string => {
    if (depth > MAX_LINKS) throw new Errno('EINVAL')
    const parts = path.split('/').filter((p) => p !== '')
    let done = ''
    for (let i = 0; i < parts.length; i++) {
      const next = `${done}/${parts[i]}`
      if (done === '' || entry(next) !== 'link') {
        done = next
        continue
      }
      const target = inside.readlink(next)
      const rest = parts.slice(i + 1).join('/')
      return follow(normal(`${target.startsWith('/') ? target : `${done}/${target}`}/${rest}`), depth + 1)
    }
    return done
  }
  const stat = (path: string, type: 'file' | 'dir' | 'link'): Stat => ({
    isFile: type === 'file',
    isDirectory: type === 'dir',
    isSymbolicLink: type === 'link',
    mode: type === 'dir' ? 0o555 : type === 'link' ? 0o777 : /^\/(proc\/sys|sys)\//.test(path) ? 0o644 : 0o444,
    size: 0,
    mtime: epoch,
  })
  /** A redirection opens its file with an empty write; the kernel hears of what is written only. */
  const write = (path: string, content: string | Uint8Array): void => {
    const text = typeof content === 'string' ? content : Buffer.from(content).toString()
    if (text === '') refusals.opened.add(path)
    try {
      if (text !== '') return inside.write(followNew(path), text)
      if (entry(follow(path)) === 'dir') refusals.refuse(path, 'EISDIR', true)
    } catch (error) {
      if (!(error instanceof Errno)) throw error
      if (!refusals.opened.has(path)) fail(error, path)
      refusals.refuse(path, error.code, text === '')
    }
  }
  const followNew = (path: string): string => {
    try {
      return follow(path)
    } catch {
      return path
    }
  }
  /** `-p`: what is missing above is made first, and nothing is wrong when all is there. */
  const makeDir = (path: string, parents: boolean): void => {
    if (!parents) return inside.mkdir(path)
    const parts = path.split('/').filter((part) => part !== '')
    for (let i = 2; i <= parts.length; i++) {
      const at = `/${parts.slice(0, i).join('/')}`
      if (!inside.list(`/${parts.slice(0, i - 1).join('/')}`).some((e) => e.name === parts[i - 1])) inside.mkdir(at)
    }
  }
  const denied = (path: string): never => fail(new Errno('EPERM'), path)

  return {
    readFile: async (path, options) => {
      if (!isMachine(path)) return inMemory.readFile(path, options)
      return guarded(path, () => inside.read(follow(path)))
    },
    readFileBuffer: async (path) => {
      if (!isMachine(path)) return inMemory.readFileBuffer(path)
      return guarded(path, () => Buffer.from(inside.read(follow(path))))
    },
    writeFile: async (path, content, options) =>
      isMachine(path) ? write(path, content) : inMemory.writeFile(path, content, options),
    appendFile: async (path, content, options) =>
      isMachine(path) ? write(path, content) : inMemory.appendFile(path, content, options),
    exists: async (path) => {
      if (!isMachine(path)) return inMemory.exists(path)
      try {
        entry(path)
        return true
      } catch {
        return false
      }
    },
    stat: async (path) => {
      if (!isMachine(path)) return inMemory.stat(path)
      return guarded(path, () => {
        const real = follow(path)
        return stat(real, entry(real))
      })
    },
    lstat: async (path) => (isMachine(path) ? guarded(path, () => stat(path, entry(path))) : inMemory.lstat(path)),
    mkdir: async (path, options) =>
      isMachine(path) ? guarded(path, () => makeDir(path, options?.recursive === true)) : inMemory.mkdir(path, options),
    readdir: async (path) => {
      if (isMachine(path)) return guarded(path, () => inside.list(follow(path)).map((e) => e.name))
      const names = await inMemory.readdir(path)
      return path === '/' ? [...new Set([...names, 'proc', 'sys'])].sort() : names
    },
    readdirWithFileTypes: async (path) => {
      if (isMachine(path))
        return guarded(path, () =>
          inside.list(follow(path)).map(({ name, type }) => ({
            name,
            isFile: type === 'file',
            isDirectory: type === 'dir',
            isSymbolicLink: type === 'link',
          })),
        )
      const list = (await inMemory.readdirWithFileTypes?.(path)) ?? []
      const extra = ['proc', 'sys'].filter((name) => path === '/' && !list.some((e) => e.name === name))
      return [...list, ...extra.map((name) => ({ name, isFile: false, isDirectory: true, isSymbolicLink: false }))]
    },
    rm: async (path, options) =>
      isMachine(path) ? guarded(path, () => inside.rmdir(path)) : inMemory.rm(path, options),
    cp: async (from, to, options) => {
      if (!isMachine(from) && !isMachine(to)) return inMemory.cp(from, to, options)
      if (isMachine(to)) return write(to, await inMemory.readFile(from))
      return inMemory.writeFile(
        to,
        guarded(from, () => inside.read(follow(from))),
      )
    },
    mv: async (from, to) => (isMachine(from) || isMachine(to) ? denied(from) : inMemory.mv(from, to)),
    resolvePath: (base, path) => inMemory.resolvePath(base, path),
    getAllPaths: () => [...inMemory.getAllPaths(), '/proc', '/sys'],
    chmod: async (path, mode) => (isMachine(path) ? denied(path) : inMemory.chmod(path, mode)),
    symlink: async (target, path) => (isMachine(path) ? denied(path) : inMemory.symlink(target, path)),
    link: async (from, to) => (isMachine(to) ? denied(to) : inMemory.link(from, to)),
    readlink: async (path) => (isMachine(path) ? guarded(path, () => inside.readlink(path)) : inMemory.readlink(path)),
    realpath: async (path) => (isMachine(path) ? guarded(path, () => follow(path)) : inMemory.realpath(path)),
    utimes: async (path, atime, mtime) => (isMachine(path) ? undefined : inMemory.utimes(path, atime, mtime)),
  }
}

/** A path without `.` and `..`. */
function normal(path: string): string {
  const out: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') out.pop()
    else if (part !== '' && part !== '.') out.push(part)
  }
  return `/${out.join('/')}`
}
