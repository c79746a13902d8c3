/** sysctl (procps-ng 4.0.2). */
import { Errno, type Entry, type Inside, type Io, type Tool } from '../inside'
import { getopt, OptionError } from '../options'

const SYS = '/proc/sys'
const LONG = {
  all: 'a', deprecated: 'd', 'dry-run': 'D', binary: 'b', ignore: 'e', names: 'N', values: 'n', load: 'p', quiet: 'q', write: 'w', system: 'S', pattern: 'r',
  help: 'h', version: 'V',
} // prettier-ignore

export const sysctl: Tool = {
  name: 'sysctl',
  about: 'show and set kernel parameters',
  suite: 'procps',
  usageStatus: 0,
  run(args, io) {
    const { flags, values, rest } = getopt('sysctl', args, 'bneNwfp::qoxaAXr:Vdh', LONG)
    const pattern = values.has('r') ? new RegExp(values.get('r')!) : null
    if (flags.has('a') || flags.has('A') || flags.has('X')) {
      const names = below(io.inside, SYS).filter((path) => pattern === null || pattern.test(dotted(path)))
      for (const path of names) showOne(path, flags, io, true)
      return 0
    }
    if (rest.length === 0) throw new OptionError('', 1)
    let status = 0
    for (const word of rest) {
      const isSetting = flags.has('w') || word.includes('=')
      if (isSetting) status |= setOne(word, flags, io)
      else status |= showAll(pathOf(word), flags, io)
    }
    return status
  },
}

/** The files that a name stands for: itself, all below a folder, or those that fit its * and ?; null where there is none. */
function matching(io: Io, path: string, flags: ReadonlySet<string>): (string | null)[] {
  if (/[*?[]/.test(path)) {
    const text = path
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')
    const pattern = new RegExp(`^${text}$`)
    const found = below(io.inside, SYS).filter((known) => pattern.test(known))
    if (found.length > 0) return found
  } else {
    const entry = entryOf(io.inside, path)
    if (entry?.type === 'dir') return below(io.inside, path)
    if (entry !== null) return [path]
  }
  if (!flags.has('e')) io.err(`sysctl: cannot stat ${path}: No such file or directory\n`)
  return flags.has('e') ? [] : [null]
}

function showAll(path: string, flags: ReadonlySet<string>, io: Io): number {
  const found = matching(io, path, flags)
  const isList = found.length !== 1 || found[0] !== path
  return found.reduce((status, one) => status | (one === null ? 1 : showOne(one, flags, io, isList)), 0)
}

/** In a list, what can't be read is left out. */
function showOne(path: string, flags: ReadonlySet<string>, io: Io, isList: boolean): number {
  const name = dotted(path)
  try {
    const value = io.inside.read(path)
    if (flags.has('N')) io.out(`${name}\n`)
    else if (flags.has('b')) io.out(value.replace(/\n$/, ''))
    // What reads as nothing (vm.stat_refresh) is no line.
    else if (value !== '')
      for (const line of value.replace(/\n$/, '').split('\n'))
        io.out(flags.has('n') ? `${line}\n` : `${name} = ${line}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof Errno)) throw error
    if (isList) return 0
    if (error.code === 'EACCES') io.err(`sysctl: permission denied on key '${name}'\n`)
    else if (error.code !== 'EPERM' && error.code !== 'EIO') io.err(`sysctl: reading key "${name}": ${textOf(error)}\n`)
    return 1
  }
}

function setOne(word: string, flags: ReadonlySet<string>, io: Io): number {
  const at = word.indexOf('=')
  if (at <= 0) {
    io.err(`sysctl: ${at < 0 ? `"${word}" must be of the form name=value` : `malformed setting "${word}"`}\n`)
    return 1
  }
  const [path, value] = [pathOf(word.slice(0, at).trim()), word.slice(at + 1)]
  const name = dotted(path)
  try {
    if (entryOf(io.inside, path) === null) {
      if (!flags.has('e')) io.err(`sysctl: cannot stat ${path}: No such file or directory\n`)
      return flags.has('e') ? 0 : 1
    }
    io.inside.write(path, `${value}\n`)
  } catch (error) {
    if (!(error instanceof Errno)) throw error
    if (error.code === 'EACCES') io.err(`sysctl: permission denied on key "${name}"\n`)
    else io.err(`sysctl: setting key "${name}": ${textOf(error)}\n`)
    return 1
  }
  if (flags.has('N')) io.out(`${name}\n`)
  else if (!flags.has('q')) io.out(flags.has('n') ? `${value}\n` : `${name} = ${value}\n`)
  return 0
}

function textOf(error: Errno): string {
  return error.message.replace(/^.*: /, '')
}

/** `vm.swappiness`, `vm/swappiness` or a whole path as a path: the first separator says which is meant. */
function pathOf(name: string): string {
  if (name.startsWith(SYS)) return name
  const first = /[./]/.exec(name)?.[0]
  const swapped = first === '.' ? name.replace(/[./]/g, (c) => (c === '.' ? '/' : '.')) : name
  return `${SYS}/${swapped}`
}

function dotted(path: string): string {
  return path.slice(SYS.length + 1).replace(/[./]/g, (c) => (c === '/' ? '.' : '/'))
}

function entryOf(inside: Inside, path: string): Entry | null {
  const at = path.lastIndexOf('/')
  try {
    return inside.list(path.slice(0, at)).find((e) => e.name === path.slice(at + 1)) ?? null
  } catch {
    return null
  }
}

/** All files below a folder, in the order of their names. */
function below(inside: Inside, folder: string): string[] {
  return inside
    .list(folder)
    .flatMap((e) => (e.type === 'dir' ? below(inside, `${folder}/${e.name}`) : [`${folder}/${e.name}`]))
    .sort()
}
