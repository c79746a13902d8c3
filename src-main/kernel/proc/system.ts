/** The machine's files directly under /proc (fs/proc/*.c, kernel/, mm/): meminfo, stat, loadavg, uptime and others. */
import { C, M, MEMINFO, VMSTAT } from '@shared/counters'
import type { Kernel } from '../kernel'
import { PF_KTHREAD } from '../kernel'
import { meminfo } from '../mm/vmstat'
import { global_dirty_limits } from '../mm/page_writeback'
import { loadavg_text, nr_iowait, nr_running } from '../sched/loadavg'
import { first_task, next_task } from '../task'
import { row24, kB, ticks } from './text'

/** Seconds since 1970 when every machine boots. */
export const BOOT_TIME = 1_795_342_107

export function meminfo_text(k: Kernel): string {
  const values = meminfo(k)
  return MEMINFO.map(([name, , unit]) =>
    unit === 'kB' ? kB(`${name}:`, values[name]) : `${row24(`${name}:`, values[name])}\n`,
  ).join('')
}

export function vmstat_text(k: Kernel): string {
  const values = new Float64Array(VMSTAT.length)
  vmstat_into(k, values, 0)
  return VMSTAT.map(([name], i) => `${name} ${values[i]}\n`).join('')
}

/** The counters in the order of /proc/vmstat; the dirty thresholds are computed when one looks. */
export function vmstat_into(k: Kernel, out: Float64Array, at: number): void {
  out.set(k.vmstat, at)
  const { background, thresh } = global_dirty_limits(k)
  out[at + C.nr_dirty_threshold] = thresh
  out[at + C.nr_dirty_background_threshold] = background
}

export function stat_text(k: Kernel): string {
  const { user, nice, system, idle, iowait, softirq } = k.cpu
  const columns = [user, nice, system, idle, iowait] as const
  const line = (name: string, of: (c: Float64Array) => number): string =>
    `${name} ${columns.map((c) => ticks(of(c))).join(' ')} 0 ${ticks(of(softirq))} 0 0 0\n`
  const sum = (c: Float64Array): number => {
    let total = 0
    for (let row = 1; row <= k.config.cpus; row++) total += c[row]!
    return total
  }
  let text = line('cpu ', sum)
  for (let cpu = 0; cpu < k.config.cpus; cpu++) text += line(`cpu${cpu}`, (c) => c[cpu + 1]!)
  const intr = k.machine[M.intr]!
  text += `intr ${intr} ${intr}${' 0'.repeat(255)}\n`
  text += `ctxt ${total_ctxt(k)}\nbtime ${BOOT_TIME}\nprocesses ${k.machine[M.processes]}\n`
  text += `procs_running ${nr_running(k)}\nprocs_blocked ${nr_iowait(k)}\n`
  return `${text}softirq ${intr} 0 ${intr} 0 0 0 0 0 0 0 0\n`
}

export function total_ctxt(k: Kernel): number {
  let total = 0
  for (let row = 1; row <= k.config.cpus; row++) total += k.cpu.ctxt[row]!
  return total
}

export function loadavg_file(k: Kernel): string {
  return `${loadavg_text(k)} ${nr_running(k)}/${k.task.meta.nr_live} ${k.var.next_pid - 1}\n`
}

export function uptime_text(k: Kernel): string {
  let idle = 0
  for (let row = 1; row <= k.config.cpus; row++) idle += k.cpu.idle[row]! + k.cpu.iowait[row]!
  const two = (ns: number): string => `${Math.floor(ns / 1e9)}.${String(Math.floor((ns % 1e9) / 1e7)).padStart(2, '0')}`
  return `${two(k.var.now)} ${two(idle)}\n`
}

export function version_text(): string {
  return (
    'Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, ' +
    'GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)\n'
  )
}

export function cmdline_text(k: Kernel): string {
  const thp = `transparent_hugepage=${k.config.thp}`
  const params = ['root=/dev/sda1', 'ro', 'quiet', thp, ...(k.config.psi ? ['psi=1'] : []), ...k.config.bootParams]
  return `${params.join(' ')}\n`
}

export function cpuinfo_text(k: Kernel): string {
  let text = ''
  for (let cpu = 0; cpu < k.config.cpus; cpu++)
    text +=
      `processor\t: ${cpu}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n` +
      `model name\t: Memscope simulated CPU @ 3.00GHz\nstepping\t: 4\nmicrocode\t: 0x1\ncpu MHz\t\t: 3000.000\n` +
      `cache size\t: 16384 KB\nphysical id\t: 0\nsiblings\t: ${k.config.cpus}\ncore id\t\t: ${cpu}\n` +
      `cpu cores\t: ${k.config.cpus}\napicid\t\t: ${cpu}\ninitial apicid\t: ${cpu}\nfpu\t\t: yes\n` +
      `fpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\n` +
      `flags\t\t: fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ` +
      `syscall nx pdpe1gb lm rep_good nopl cpuid pni pcid\n` +
      `bugs\t\t:\nbogomips\t: 6000.00\nclflush size\t: 64\ncache_alignment\t: 64\n` +
      `address sizes\t: 46 bits physical, 48 bits virtual\npower management:\n\n`
  return text
}

export function swaps_text(k: Kernel): string {
  let text = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
  for (let si = 1; si < k.swap_info.meta.high; si++) {
    if (k.swap_info.pages[si] === 0) continue
    const name = k.strings.list[k.swap_info.name[si]!]!
    const size = k.swap_info.pages[si]! * 4
    const used = k.swap_info.inuse[si]! * 4
    const type = k.swap_info.is_file[si] !== 0 ? 'file\t' : 'partition'
    const gap = ' '.repeat(name.length < 40 ? 40 - name.length : 1)
    const tab = (v: number): string => (v < 10000000 ? '\t' : '')
    text += `${name}${gap}${type}\t${size}\t${tab(size)}${used}\t${tab(used)}${k.swap_info.prio[si]}\n`
  }
  return text
}

export function filesystems_text(k: Kernel): string {
  const nodev = [
    'sysfs',
    'tmpfs',
    'proc',
    'cgroup',
    'cgroup2',
    'cpuset',
    'devtmpfs',
    'debugfs',
    'tracefs',
    'securityfs',
  ]
  nodev.push('sockfs', 'bpf', 'pipefs', 'ramfs', 'hugetlbfs', 'devpts', 'mqueue', 'pstore')
  return `${nodev.map((name) => `nodev\t${name}\n`).join('')}${k.config.bare ? '' : '\text3\n\text2\n\text4\n'}`
}

export function mounts_text(k: Kernel): string {
  const root = k.config.bare
    ? 'rootfs / rootfs rw,inode64 0 0\n'
    : '/dev/sda1 / ext4 rw,relatime,errors=remount-ro 0 0\n'
  const size = Math.floor(k.var.totalram_pages / 2) * 4
  return (
    'sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n' +
    `udev /dev devtmpfs rw,nosuid,relatime,size=${size}k,nr_inodes=${Math.floor(size / 4)},mode=755,inode64 0 0\n` +
    `${root}tmpfs /dev/shm tmpfs rw,nosuid,nodev,inode64 0 0\n` +
    'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n' +
    'tmpfs /tmp tmpfs rw,nosuid,nodev,inode64 0 0\n'
  )
}

export function partitions_text(k: Kernel): string {
  let text = 'major minor  #blocks  name\n\n'
  for (let d = 1; d < k.device.meta.high; d++) {
    const [major, minor] = dev_numbers(k, d)
    text += `${String(major).padStart(4)}  ${String(minor).padStart(7)} ${String(k.device.pages[d]! * 4).padStart(10)} ${device_name(k, d)}\n`
  }
  return k.device.meta.high > 1 ? text : ''
}

export function diskstats_text(k: Kernel): string {
  const d = k.device
  let text = ''
  for (let i = 1; i < d.meta.high; i++) {
    const [major, minor] = dev_numbers(k, i)
    const ms = (ns: number): number => Math.floor(ns / 1e6)
    const reads = [d.reads[i]!, d.read_merges[i]!, d.read_sectors[i]!, ms(d.read_ns[i]!)]
    const writes = [d.writes[i]!, d.write_merges[i]!, d.write_sectors[i]!, ms(d.write_ns[i]!)]
    const rest = [d.inflight[i]!, ms(d.busy_ns[i]!), ms(d.read_ns[i]! + d.write_ns[i]!), 0, 0, 0, 0, 0, 0]
    text += `${String(major).padStart(4)} ${String(minor).padStart(7)} ${device_name(k, i)} ${[...reads, ...writes, ...rest].join(' ')}\n`
  }
  return text
}

export function device_name(k: Kernel, device: number): string {
  return k.strings.list[k.device.name[device]!]!
}
/** SCSI disks are 8:0, 8:16, …; NVMe drives 259:0, 259:1, … */
export function dev_numbers(k: Kernel, device: number): readonly [number, number] {
  const name = device_name(k, device)
  const nvme = /^nvme(\d+)n1$/.exec(name)
  if (nvme !== null) return [259, Number(nvme[1])]
  return [8, (name.charCodeAt(2) - 97) * 16]
}

export function interrupts_text(k: Kernel): string {
  const cpus = Array.from({ length: k.config.cpus }, (_, i) => i)
  const head = `           ${cpus.map((i) => `CPU${i}`.padEnd(11)).join('')}\n`
  const each = Math.floor(k.machine[M.intr]! / k.config.cpus)
  const row = (name: string, value: number, text: string): string =>
    `${name}: ${cpus.map(() => String(value).padStart(10)).join(' ')}   ${text}\n`
  return `${head}${row('LOC', each, 'Local timer interrupts')}${row('RES', 0, 'Rescheduling interrupts')}${row('TLB', Math.floor(k.machine[M.tlb_flush]! / k.config.cpus), 'TLB shootdowns')}`
}

export function softirqs_text(k: Kernel): string {
  const cpus = Array.from({ length: k.config.cpus }, (_, i) => i)
  const names = ['HI', 'TIMER', 'NET_TX', 'NET_RX', 'BLOCK', 'IRQ_POLL', 'TASKLET', 'SCHED', 'HRTIMER', 'RCU']
  const each = Math.floor(k.machine[M.intr]! / k.config.cpus)
  const head = `                    ${cpus.map((i) => `CPU${i}`.padEnd(11)).join('')}\n`
  return (
    head +
    names
      .map((n) => `${n.padStart(12)}:${cpus.map(() => ` ${String(n === 'TIMER' ? each : 0).padStart(10)}`).join('')}\n`)
      .join('')
  )
}

/** The kernel log as /dev/kmsg readers print it: level 6, seconds, text. */
export function kmsg_text(k: Kernel): string {
  return k.log.map(([ns, text]) => `<6>${log_time(ns)} ${text}\n`).join('')
}
export function log_time(ns: number): string {
  const us = Math.floor(ns / 1000)
  return `[${String(Math.floor(us / 1e6)).padStart(5)}.${String(us % 1e6).padStart(6, '0')}]`
}

export function count_threads(k: Kernel): { all: number; kernel: number } {
  let all = 0
  let kernel = 0
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) {
    all++
    if ((k.task.flags[t]! & PF_KTHREAD) !== 0) kernel++
  }
  return { all, kernel }
}
