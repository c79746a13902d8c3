/** The commands of the machine beyond those of the shell itself. */
import type { Tool } from '../inside'
import { date } from './date'
import { free } from './free'
import { helpOn } from './help'
import { kill, killall } from './kill'
import { lsblk } from './lsblk'
import { pgrep, pidof, pkill } from './pgrep'
import { pmap } from './pmap'
import { ps } from './ps'
import { renice } from './renice'
import { slabtop } from './slabtop'
import { smem } from './smem'
import { stress, stressNg } from './stress'
import { swapoff, swapon } from './swap'
import { dmesg } from './dmesg'
import { sysctl } from './sysctl'
import { hostname, nproc, uname, whoami } from './system'
import { top } from './top'
import { uptime } from './uptime'
import { vmstat } from './vmstat'
import { w } from './w'
import { watch } from './watch'

const list: readonly Tool[] = [
  date, free, vmstat, slabtop, ps, top, pmap, smem, uptime, kill, killall, pkill, pgrep, pidof, renice, swapon, swapoff, sysctl, dmesg,
  w, lsblk,  stress, stressNg, watch, uname, nproc, hostname, whoami, helpOn(() => TOOLS.values()),
] // prettier-ignore

export const TOOLS: ReadonlyMap<string, Tool> = new Map(list.map((tool) => [tool.name, tool]))
