/** w (procps-ng 4.0.2): who is logged in and what they do. Nobody is: a console of the machine makes no entry in utmp. */
import type { Tool } from '../inside'
import { getopt } from '../options'
import { uptimeText } from './uptime'

const LONG = { 'no-header': 'h', 'no-current': 'u', short: 's', from: 'f', 'old-style': 'o', 'ip-addr': 'i', pids: 'p', version: 'V', help: '1' } // prettier-ignore

export const w: Tool = {
  name: 'w',
  about: 'who is logged in, and the load',
  suite: 'procps',
  run(args, io) {
    const { flags } = getopt('w', args, 'husfoipV1', LONG)
    if (flags.has('h')) return 0
    const from = flags.has('f') ? '' : 'FROM            '
    const rest = flags.has('s') ? '  IDLE WHAT' : ' LOGIN@   IDLE   JCPU   PCPU WHAT'
    io.out(`${uptimeText(io.inside)}\nUSER     TTY      ${from === '' ? ' ' : from}${rest}\n`)
    return 0
  },
}
