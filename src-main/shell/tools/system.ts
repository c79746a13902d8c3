/** sysctl, dmesg, uname, nproc, hostname: small readers of the machine. */
import type { Inside, Io, Tool } from '../inside'
import { Errno } from '../inside'
import { getopt, UsageError } from '../options'
import { readOr, readStat } from '../procText'

const SYS = '/proc/sys'

export const sysctl: Tool = {
  name: 'sysctl',
  about: 'show and set kernel parameters',
  run(args, io) {
    const { flags, rest } = getopt('sysctl', args, 'anNwqeb', {
      all: 'a',
      values: 'n',
      names: 'N',
      write: 'w',
      quiet: 'q',
      ignore: 'e',
    })
    const print = (name: string, value: string): void =>
      io.out(flags.has('n') ? `${value}\n` : flags.has('N') ? `${name}\n` : `${name} = ${value}\n`)
    if (flags.has('a')) {
      for (const name of all(io.inside, SYS)) print(name, readOr(io.inside, pathOf(name)).trimEnd())
      return 0
    }
    if (rest.length === 0) throw new UsageError('sysctl: no variables specified')
    let status = 0
    for (const word of rest) {
      const at = word.indexOf('=')
      const name = (at < 0 ? word : word.slice(0, at)).trim().replaceAll('/', '.')
      try {
        if (at >= 0) io.inside.write(pathOf(name), `${word.slice(at + 1).trim()}\n`)
        if (at < 0 || !flags.has('q')) print(name, io.inside.read(pathOf(name)).trimEnd())
      } catch (error) {
        if (!(error instanceof Errno)) throw error
        if (error.code === 'ENOENT') io.err(`sysctl: cannot stat ${pathOf(name)}: No such file or directory\n`)
        else io.err(`sysctl: setting key "${name}": ${error.message.replace(/^.*: /, '')}\n`)
        status = error.code === 'ENOENT' ? 1 : 255
      }
    }
    return status
  },
}

function pathOf(name: string): string {
  return `${SYS}/${name.replaceAll('.', '/')}`
}

function all(inside: Inside, folder: string): string[] {
  return inside
    .list(folder)
    .flatMap((e) =>
      e.type === 'dir'
        ? all(inside, `${folder}/${e.name}`)
        : [`${folder}/${e.name}`.slice(SYS.length + 1).replaceAll('/', '.')],
    )
    .sort()
}

export const dmesg: Tool = {
  name: 'dmesg',
  about: 'the kernel log',
  run(args, io) {
    const { flags, values } = getopt('dmesg', args, 'TtxkHl:L::w', {
      ctime: 'T',
      notime: 't',
      human: 'H',
      level: 'l',
      color: 'L',
    })
    void values
    const boot = readStat(io.inside).btime
    for (const line of readOr(io.inside, '/proc/kmsg').split('\n')) {
      if (line === '') continue
      const [, time = '', text = ''] = /^(?:<\d+>)?\[\s*([\d.]+)\] ?(.*)$/.exec(line) ?? []
      if (time === '') io.out(`${line}\n`)
      else if (flags.has('t')) io.out(`${text}\n`)
      else if (flags.has('T')) io.out(`[${dateText(boot + Number(time))}] ${text}\n`)
      else io.out(`[${time.padStart(12)}] ${text}\n`)
    }
    return 0
  },
}

function dateText(seconds: number): string {
  const [day, date, month, year, clock] = new Date(Math.trunc(seconds) * 1000).toUTCString().split(/,? /)
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${clock} ${year}`
}

export const uname: Tool = {
  name: 'uname',
  about: 'the kernel that runs',
  run(args, io) {
    const { flags } = getopt('uname', args, 'asnrvmpio', { all: 'a' })
    const version = readOr(io.inside, '/proc/version', 'Linux version 6.1.0 (memscope) #1 SMP')
    const release = /Linux version (\S+)/.exec(version)?.[1] ?? '6.1.0'
    const build = /#\d.*$/.exec(version.trim())?.[0] ?? '#1 SMP'
    const host = readOr(io.inside, '/proc/sys/kernel/hostname', 'memscope').trim()
    const parts: [string, string][] = [['s', 'Linux'], ['n', host], ['r', release], ['v', build], ['m', 'x86_64'], ['o', 'GNU/Linux']] // prettier-ignore
    const wanted = parts.filter(([flag]) => flags.has(flag) || flags.has('a'))
    io.out(`${(wanted.length === 0 ? parts.slice(0, 1) : wanted).map(([, text]) => text).join(' ')}\n`)
    return 0
  },
}

export const nproc: Tool = {
  name: 'nproc',
  about: 'number of CPUs',
  run(_args, io) {
    io.out(`${[...io.inside.read('/proc/stat').matchAll(/^cpu\d+ /gm)].length}\n`)
    return 0
  },
}

export const hostname: Tool = {
  name: 'hostname',
  about: "the machine's name",
  run(_args, io) {
    io.out(`${readOr(io.inside, '/proc/sys/kernel/hostname', 'memscope').trim()}\n`)
    return 0
  },
}

export const whoami: Tool = {
  name: 'whoami',
  about: 'the user',
  run(_args, io: Io) {
    io.out('root\n')
    return 0
  },
}
