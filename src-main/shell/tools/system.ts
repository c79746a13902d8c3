/** uname, nproc, hostname, whoami: small readers of the machine. */
import type { Io, Tool } from '../inside'
import { getopt } from '../options'
import { readOr } from '../procText'

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
