/** uptime (procps-ng 4.0.2), and the line that top begins with. */
import type { Inside, Tool } from '../inside'
import { getopt, OptionError } from '../options'
import { readStat } from '../procText'

const LONG = { pretty: 'p', help: 'h', since: 's', version: 'V' }

export const uptime: Tool = {
  name: 'uptime',
  about: 'how long the machine has run, and its load',
  suite: 'procps',
  run(args, io) {
    const { inside } = io
    const { flags, rest } = getopt('uptime', args, 'phsV', LONG)
    if (rest.length > 0) throw new OptionError('')
    if (flags.has('s'))
      io.out(`${new Date(readStat(inside).btime * 1000).toISOString().slice(0, 19).replace('T', ' ')}\n`)
    else if (flags.has('p')) io.out(`${pretty(Number.parseFloat(inside.read('/proc/uptime')))}\n`)
    else io.out(`${uptimeText(inside)}\n`)
    return 0
  },
}

export function uptimeText(inside: Inside): string {
  const seconds = Math.trunc(Number.parseFloat(inside.read('/proc/uptime')))
  const clock = new Date((readStat(inside).btime + seconds) * 1000).toISOString().slice(11, 19)
  const [days, hours, minutes] = [
    Math.trunc(seconds / 86400),
    Math.trunc(seconds / 3600) % 24,
    Math.trunc(seconds / 60) % 60,
  ]
  let text = ` ${clock} up `
  if (days > 0) text += `${days} ${days > 1 ? 'days' : 'day'}, `
  text += hours > 0 ? `${String(hours).padStart(2)}:${String(minutes).padStart(2, '0')}, ` : `${minutes} min, `
  const load = inside.read('/proc/loadavg').split(' ').slice(0, 3)
  return `${text} 0 user,  load average: ${load.join(', ')}`
}

function pretty(seconds: number): string {
  const units: [number, string][] = [
    [Math.trunc(seconds / 604800), 'week'],
    [Math.trunc(seconds / 86400) % 7, 'day'],
    [Math.trunc(seconds / 3600) % 24, 'hour'],
    [Math.trunc(seconds / 60) % 60, 'minute'],
  ]
  const words = units.filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}${n > 1 ? 's' : ''}`)
  return `up ${words.length === 0 ? '0 minutes' : words.join(', ')}`
}
