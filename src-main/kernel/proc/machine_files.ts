/**
 * Files that describe what the machine is made of: filesystems, devices, misc, iomem, interrupts, softirqs, vmallocinfo
 * and others that are short. Linux: fs/filesystems.c, kernel/irq/proc.c, kernel/resource.c, mm/vmalloc.c. Simplified: of
 * all interrupts only the timers' and the disks' are modelled.
 */
import type { Kernel } from '../kernel'
import { module_loaded } from '../drivers/modules'
import { memory_map } from '../e820'
import { first_task, next_task } from '../task'
import { BLOCK_EXT_MAJOR, device_name, SCSI_DISK_MAJOR, VIRTBLK_MAJOR } from './block'
import { DISK_IRQ } from './system'
import { hex } from './text'

export function filesystems_text(k: Kernel): string {
  return `${NODEV.map((name) => `nodev\t${name}\n`).join('')}${has_ext4(k) ? '\text3\n\text2\n\text4\n' : ''}`
}
/** The module brings its elders along; a lab machine without a disk's file system has not loaded it. */
function has_ext4(k: Kernel): boolean {
  return !k.config.bare || module_loaded(k, 'ext4')
}
const NODEV = [
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
  'sockfs',
  'bpf',
  'pipefs',
  'ramfs',
  'hugetlbfs',
  'devpts',
  'mqueue',
  'pstore',
] as const

/** Numbers and drivers, as a list of pairs. */
function drivers(rows: Readonly<Record<string, number>>): string {
  return Object.entries(rows)
    .map(([name, major]) => `${String(major).padStart(3)} ${name}\n`)
    .join('')
}
const CHARACTER: Readonly<Record<string, number>> = {
  mem: 1,
  '/dev/vc/0': 4,
  tty: 4,
  ttyS: 4,
  '/dev/tty': 5,
  '/dev/console': 5,
  '/dev/ptmx': 5,
  vcs: 7,
  misc: 10,
  input: 13,
  fb: 29,
  ptm: 128,
  pts: 136,
  spi: 153,
  cxl: 247,
  bsg: 248,
  ptp: 249,
  pps: 250,
  rtc: 251,
  dax: 252,
  tpm: 253,
  gpiochip: 254,
}
const MISC: Readonly<Record<string, number>> = {
  cpu_dma_latency: 125,
  psaux: 1,
  hpet: 228,
  userfaultfd: 126,
  snapshot: 231,
  hw_random: 183,
  vga_arbiter: 127,
}
/** Block devices by the drivers that are there: disks of SCSI and of virtio have numbers of their own. */
export function devices_text(k: Kernel): string {
  const names = Array.from({ length: k.device.meta.high - 1 }, (_, i) => device_name(k, i + 1))
  const block = {
    ...(names.some((name) => name.startsWith('sd')) ? { sd: SCSI_DISK_MAJOR } : {}),
    ...(names.some((name) => name.startsWith('vd')) ? { virtblk: VIRTBLK_MAJOR } : {}),
    blkext: BLOCK_EXT_MAJOR,
  }
  return `Character devices:\n${drivers(CHARACTER)}\nBlock devices:\n${drivers(block)}`
}
export function misc_text(): string {
  return drivers(MISC)
}

/** RAM as the firmware told it, the kernel's image in it, and the fixed places of a PC. */
export function iomem_text(k: Kernel): string {
  const rows: [number, number, string, number][] = [
    [0, 0xfff, 'Reserved', 0],
    [0x9fc00, 0x9ffff, 'Reserved', 0],
    [0xa0000, 0xbffff, 'PCI Bus 0000:00', 0],
    [0xf0000, 0xfffff, 'Reserved', 0],
    [0xf0000, 0xfffff, 'System ROM', 1],
    [0x1000000, 0x1e01d31, 'Kernel code', 1],
    [0x2000000, 0x28eafff, 'Kernel rodata', 1],
    [0x2a00000, 0x2c4897f, 'Kernel data', 1],
    [0x3310000, 0x43fffff, 'Kernel bss', 1],
    [0xfec00000, 0xfec003ff, 'IOAPIC 0', 0],
    [0xfed00000, 0xfed003ff, 'HPET 0', 0],
    [0xfee00000, 0xfee00fff, 'Local APIC', 0],
    [0xfffc0000, 0xffffffff, 'Reserved', 0],
  ]
  for (const [i, { start, end }] of memory_map(k.config).entries()) {
    const last = i === 0 ? 0x9fbff : end * 4096 - 1
    rows.push([start * 4096, last, 'System RAM', 0])
    if (i === 1) rows.push([end * 4096, Math.ceil(end / 256) * 2 ** 20 - 1, 'Reserved', 0])
  }
  rows.sort((a, b) => a[0] - b[0] || a[3] - b[3])
  return rows.map(([from, to, name, depth]) => `${'  '.repeat(depth)}${hex(from)}-${hex(to)} : ${name}\n`).join('')
}

// ---------------------------------------------------------------- interrupts

const ARCH_IRQS: readonly (readonly [string, string])[] = [
  ['NMI', 'Non-maskable interrupts'],
  ['LOC', 'Local timer interrupts'],
  ['SPU', 'Spurious interrupts'],
  ['PMI', 'Performance monitoring interrupts'],
  ['IWI', 'IRQ work interrupts'],
  ['RTR', 'APIC ICR read retries'],
  ['RES', 'Rescheduling interrupts'],
  ['CAL', 'Function call interrupts'],
  ['TLB', 'TLB shootdowns'],
  ['TRM', 'Thermal event interrupts'],
  ['THR', 'Threshold APIC interrupts'],
  ['DFR', 'Deferred Error APIC interrupts'],
  ['MCE', 'Machine check exceptions'],
  ['MCP', 'Machine check polls'],
]
const LATE_IRQS: readonly (readonly [string, string])[] = [
  ['PIN', 'Posted-interrupt notification event'],
  ['NPI', 'Nested posted-interrupt event'],
  ['PIW', 'Posted-interrupt wakeup event'],
]
export function interrupts_text(k: Kernel): string {
  const cpus = Array.from({ length: k.config.cpus }, (_, i) => i)
  const row = ([name, text]: readonly [string, string]): string =>
    `${name}: ${cpus.map((i) => String(name === 'LOC' ? k.cpu.loc[i + 1]! : 0).padStart(10)).join(' ')}   ${text}\n`
  const disk = cpus.map((i) => String(k.cpu.irq[i + 1]).padStart(10)).join(' ')
  const lines = `${String(DISK_IRQ).padStart(3)}: ${disk}   PCI-MSI ${disk_handler(k)}\n`
  const head = `           ${cpus.map((i) => `CPU${i}`.padEnd(11)).join('')}\n`
  const errors = ['ERR', 'MIS'].map((name) => `${name}: ${'0'.padStart(10)}\n`).join('')
  return head + lines + ARCH_IRQS.map(row).join('') + errors + LATE_IRQS.map(row).join('')
}

/** The driver of the root disk, behind the number of its message (arch/x86/kernel/apic/msi.c: device and vector). */
function disk_handler(k: Kernel): string {
  if (k.config.disk === 'virtio') return '32769-edge      virtio0-req.0'
  return `512000-edge      ${k.config.disk === 'nvme' ? 'nvme0q1' : 'ahci[0000:00:1f.2]'}`
}

const SOFTIRQS = ['HI', 'TIMER', 'NET_TX', 'NET_RX', 'BLOCK', 'IRQ_POLL', 'TASKLET', 'SCHED', 'HRTIMER', 'RCU'] as const
/** One at each tick for the timers, and what RCU took; the scheduler has none on a machine with one CPU. */
function softirqs_of(k: Kernel, name: string, row: number): number {
  if (name === 'TIMER') return k.cpu.loc[row]!
  return name === 'RCU' ? k.cpu.softirq_rcu[row]! : 0
}
export function softirqs_text(k: Kernel): string {
  const cpus = Array.from({ length: k.config.cpus }, (_, i) => i)
  const row = (name: string): string =>
    `${name.padStart(12)}:${cpus.map((i) => ` ${String(softirqs_of(k, name, i + 1)).padStart(10)}`).join('')}\n`
  return `                    ${cpus.map((i) => `CPU${i}`.padEnd(11)).join('')}\n${SOFTIRQS.map(row).join('')}`
}

// ---------------------------------------------------------------- vmalloc

/** What boot keeps there: bytes with the guard page, who asked, pages. */
const AREAS: readonly (readonly [number, string, string])[] = [
  [20480, 'irq_init_percpu_irqstack+0xf0/0x120', 'vmap'],
  [8192, 'acpi_os_map_iomem+0x1b6/0x1d0', 'phys=0x000000000ffe1000 ioremap'],
  [12288, 'acpi_os_map_iomem+0x1b6/0x1d0', 'phys=0x000000000ffe0000 ioremap'],
  [8192, 'hpet_enable+0xef/0x46d', 'phys=0x00000000fed00000 ioremap'],
  [8192, 'gen_pool_add_owner+0x3a/0xc0', 'pages=1 vmalloc N0=1'],
  [8192, 'bpf_prog_alloc_no_stats+0x31/0x1f0', 'pages=1 vmalloc N0=1'],
  [8192, 'gen_pool_add_owner+0x3a/0xc0', 'pages=1 vmalloc N0=1'],
  [8192, 'gen_pool_add_owner+0x3a/0xc0', 'pages=1 vmalloc N0=1'],
  [8192, 'gen_pool_add_owner+0x3a/0xc0', 'pages=1 vmalloc N0=1'],
  [8192, 'acpi_os_map_iomem+0x1b6/0x1d0', 'phys=0x00000000fed00000 ioremap'],
  [8192, 'memremap+0x159/0x210', 'phys=0x00000000000f5000 ioremap'],
  [12288, 'pcpu_create_chunk+0x167/0x1b0', 'pages=2 vmalloc N0=2'],
  [69632, 'pcpu_create_chunk+0x4e/0x1b0', 'pages=16 vmalloc N0=16'],
  [73728, 'pcpu_create_chunk+0x75/0x1b0', 'pages=17 vmalloc N0=17'],
  [20480, 'pcpu_create_chunk+0x92/0x1b0', 'pages=4 vmalloc N0=4'],
  [4198400, 'pcpu_create_chunk+0x167/0x1b0', 'pages=1024 vmalloc vpages N0=1024'],
  [16384, 'n_tty_open+0x14/0xa0', 'pages=3 vmalloc N0=3'],
  [135168, 'crypto_scomp_init_tfm+0x75/0xe0', 'pages=32 vmalloc N0=32'],
  [135168, 'crypto_scomp_init_tfm+0x93/0xe0', 'pages=32 vmalloc N0=32'],
  [16384, 'n_tty_open+0x14/0xa0', 'pages=3 vmalloc N0=3'],
  [2097152, 'pcpu_get_vm_areas+0x0/0x1080', 'vmalloc'],
  [2101248, 'bpf_prog_pack_alloc+0x292/0x3b0', 'pages=512 vmalloc N0=512'],
]
const STACK = [20480, 'kernel_clone+0xbf/0x430', 'pages=4 vmalloc N0=4'] as const

/** Addresses are hidden from all but the first readers, as after a boot. A stack for each task. */
export function vmallocinfo_text(k: Kernel): string {
  const row = ([bytes, caller, what]: readonly [number, string, string]): string =>
    `0x(____ptrval____)-0x(____ptrval____) ${String(bytes).padStart(7)} ${caller} ${what}\n`
  let text = AREAS.map(row).join('')
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) text += row(STACK)
  return text
}

// ---------------------------------------------------------------- short ones

export const DMA = ' 4: cascade\n'
export const CONSOLES = 'ttyS0                -W- (EC p a)    4:64\n'
export const EXECDOMAINS = '0-0\tLinux           \t[kernel]\n'
export const SYSVIPC_SHM =
  '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n'
export const SYSVIPC_SEM = '       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n'
export const SYSVIPC_MSG =
  '       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n'

const CONTROLLERS = [
  'cpuset',
  'cpu',
  'cpuacct',
  'blkio',
  'memory',
  'devices',
  'freezer',
  'net_cls',
  'perf_event',
] as const
const MORE_CONTROLLERS = ['net_prio', 'hugetlb', 'pids', 'rdma', 'misc'] as const
/** All in the one hierarchy, 0; every cgroup has them. */
export function cgroups_text(k: Kernel): string {
  const rows = [...CONTROLLERS, ...MORE_CONTROLLERS].map((name) => `${name}\t0\t${k.memcg.meta.nr_live + 1}\t1\n`)
  return `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${rows.join('')}`
}
