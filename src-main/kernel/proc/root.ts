/** The files and folders directly below /proc, but for those of processes. Linux: fs/proc/root.c and who registers there. */
import { cmdline_text } from '../cmdline'
import type { Kernel } from '../kernel'
import { modules_text } from '../drivers/modules'
import { psi_show, psi_trigger_create } from '../sched/psi'
import { diskstats_text, partitions_text } from './block'
import { kmsg_text } from './kmsg'
import {
  cgroups_text,
  CONSOLES,
  devices_text,
  DMA,
  EXECDOMAINS,
  filesystems_text,
  interrupts_text,
  iomem_text,
  misc_text,
  softirqs_text,
  SYSVIPC_MSG,
  SYSVIPC_SEM,
  SYSVIPC_SHM,
  vmallocinfo_text,
} from './machine_files'
import { kpagecgroup_read, kpagecount_read, kpageflags_read } from './pagemap'
import { sysctl_folder } from './sysctl_folder'
import { sysrq_write } from './sysrq'
import {
  cpuinfo_text,
  loadavg_file,
  meminfo_text,
  schedstat_text,
  stat_text,
  swaps_text,
  uptime_text,
  version_text,
  vmstat_text,
} from './system'
import { file, folder, link, type FileNode, type Node } from './tree'
import { buddyinfo_text, pagetypeinfo_text, slabinfo_text, zoneinfo_text } from './zones'

type Show = (k: Kernel) => string
/** World-readable texts. */
const TEXTS: Readonly<Record<string, Show>> = {
  buddyinfo: buddyinfo_text,
  cgroups: cgroups_text,
  cmdline: cmdline_text,
  consoles: () => CONSOLES,
  cpuinfo: cpuinfo_text,
  devices: devices_text,
  diskstats: diskstats_text,
  dma: () => DMA,
  execdomains: () => EXECDOMAINS,
  filesystems: filesystems_text,
  interrupts: interrupts_text,
  iomem: iomem_text,
  loadavg: loadavg_file,
  locks: () => '',
  meminfo: meminfo_text,
  misc: misc_text,
  modules: modules_text,
  partitions: partitions_text,
  schedstat: schedstat_text,
  softirqs: softirqs_text,
  stat: stat_text,
  swaps: swaps_text,
  uptime: uptime_text,
  version: version_text,
  vmstat: vmstat_text,
  zoneinfo: zoneinfo_text,
}
/** For root alone. */
const PRIVATE: Readonly<Record<string, Show>> = {
  kmsg: kmsg_text,
  pagetypeinfo: pagetypeinfo_text,
  slabinfo: slabinfo_text,
  vmallocinfo: vmallocinfo_text,
}
type Pread = (k: Kernel, offset: number, length: number) => Uint8Array | number
const FRAMES: Readonly<Record<string, Pread>> = {
  kpagecgroup: kpagecgroup_read,
  kpagecount: kpagecount_read,
  kpageflags: kpageflags_read,
}

export function root_files(k: Kernel, self: number, effects: boolean): Readonly<Record<string, Node>> {
  const files: Record<string, Node> = {
    mounts: link('self/mounts'),
    net: link('self/net'),
    ...(k.pressure ? { pressure: pressure_folder(k) } : {}),
    sys: sysctl_folder(k, effects),
    'sysrq-trigger': { ...file(() => 0), read: undefined, mode: 0o200, write: (text) => sysrq_write(k, text, self) },
    sysvipc: folder({ msg: file(() => SYSVIPC_MSG), sem: file(() => SYSVIPC_SEM), shm: file(() => SYSVIPC_SHM) }),
  }
  for (const [name, show] of Object.entries(TEXTS)) files[name] = file(() => show(k))
  for (const [name, show] of Object.entries(PRIVATE)) files[name] = file(() => show(k), { mode: 0o400 })
  for (const [name, pread] of Object.entries(FRAMES)) files[name] = frames(k, pread)
  return files
}

function frames(k: Kernel, pread: Pread): FileNode {
  return { ...file(() => 0), read: undefined, mode: 0o400, pread: (offset, length) => pread(k, offset, length) }
}

/** Made where the kernel was started with psi=1. */
function pressure_folder(k: Kernel): Node {
  const show = (name: 'cpu' | 'io' | 'memory'): FileNode =>
    file(() => psi_show(k, name), { mode: 0o666, write: psi_trigger_create })
  return folder({ io: show('io'), cpu: show('cpu'), memory: show('memory') })
}
