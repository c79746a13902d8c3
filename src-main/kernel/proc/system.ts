/** The machine's files directly under /proc (fs/proc/*.c, kernel/, mm/): meminfo, stat, loadavg, uptime and others. */
import { C, M, MEMINFO, VMSTAT } from '@shared/counters'
import { HZ, JIFFY_NS, PF_KTHREAD, type Kernel } from '../kernel'
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
  // The local timer's are in the sum and in no line of the interrupt controller.
  const lines = new Array<number>(NR_IRQS).fill(0)
  lines[DISK_IRQ] = sum(k.cpu.irq)
  text += `intr ${k.machine[M.intr]} ${lines.join(' ')}\n`
  text += `ctxt ${total_ctxt(k)}\nbtime ${BOOT_TIME}\nprocesses ${k.machine[M.processes]}\n`
  text += `procs_running ${nr_running(k)}\nprocs_blocked ${nr_iowait(k)}\n`
  const timer = sum(k.cpu.loc)
  const rcu = sum(k.cpu.softirq_rcu)
  return `${text}softirq ${timer + rcu} 0 ${timer} 0 0 0 0 0 0 0 ${rcu}\n`
}

/** Numbers that the interrupt controllers of a PC may have. */
const NR_IRQS = 256
/** The first message-signalled interrupt after the 24 lines of the I/O APIC: the disks' controller. */
export const DISK_IRQ = 24

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
  for (let row = 1; row <= k.config.cpus; row++) idle += k.cpu.idle[row]!
  const two = (ns: number): string => `${Math.floor(ns / 1e9)}.${String(Math.floor((ns % 1e9) / 1e7)).padStart(2, '0')}`
  return `${two(k.var.now)} ${two(idle)}\n`
}

export function version_text(): string {
  return (
    'Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, ' +
    'GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)\n'
  )
}

/**
 * Version 15: the CPUs' counts of yields, schedules, wake-ups are not kept but for switches; the times are: running and
 * waiting in ns, slices. No scheduling domains.
 */
export function schedstat_text(k: Kernel): string {
  let text = `version 15\ntimestamp ${TIMESTAMP_BASE + Math.floor(k.var.now / JIFFY_NS)}\n`
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    const ran = (['user', 'nice', 'system'] as const).reduce((sum, column) => sum + k.cpu[column][cpu + 1]!, 0)
    let waited = 0
    for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.cpu[t] === cpu) waited += k.task.run_delay[t]!
    const switches = k.cpu.ctxt[cpu + 1]!
    text += `cpu${cpu} 0 0 ${switches} 0 0 0 ${Math.floor(ran)} ${Math.floor(waited)} ${switches}\n`
  }
  return text
}
/** Jiffies begin five minutes before they overflow (INITIAL_JIFFIES). */
const TIMESTAMP_BASE = 2 ** 32 - 300 * HZ

/** What the CPU of /proc/cpuinfo has, five levels of page tables aside. */
export const CPU_FLAGS: readonly string[] = (
  'fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ' +
  'syscall nx pdpe1gb lm rep_good nopl cpuid pni pcid'
).split(' ')
export function cpuinfo_text(k: Kernel): string {
  let text = ''
  for (let cpu = 0; cpu < k.config.cpus; cpu++)
    text +=
      `processor\t: ${cpu}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n` +
      `model name\t: Memscope simulated CPU @ 3.00GHz\nstepping\t: 4\nmicrocode\t: 0x1\ncpu MHz\t\t: 3000.000\n` +
      `cache size\t: 16384 KB\nphysical id\t: 0\nsiblings\t: ${k.config.cpus}\ncore id\t\t: ${cpu}\n` +
      `cpu cores\t: ${k.config.cpus}\napicid\t\t: ${cpu}\ninitial apicid\t: ${cpu}\nfpu\t\t: yes\n` +
      `fpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\n` +
      `flags\t\t: ${CPU_FLAGS.join(' ')}${k.la57 ? ' la57' : ''}\n` +
      `bugs\t\t:\nbogomips\t: 6000.00\nclflush size\t: 64\ncache_alignment\t: 64\n` +
      `address sizes\t: 46 bits physical, ${k.config.la57 === true ? 57 : 48} bits virtual\npower management:\n\n`
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

export function count_threads(k: Kernel): { all: number; kernel: number } {
  let all = 0
  let kernel = 0
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) {
    all++
    if ((k.task.flags[t]! & PF_KTHREAD) !== 0) kernel++
  }
  return { all, kernel }
}
