/**
 * A bridge without an engine, for tests and pictures of the window: a 1 GiB machine on which a leak runs twice, with
 * whole samples whose figures fit together. `play(ms)` lets it run up to an instant; commands are answered and kept.
 */
import { MEMINFO, S, SERIES, type CounterName } from '@shared/counters'
import type {
  Bridge,
  Command,
  MachineInfo,
  OomCandidate,
  OomKill,
  Push,
  Result,
  StateInfo,
  TraceEvent,
  WatchSwap,
} from '@shared/protocol'
import { B, BUDDY, HEADER, P, PROC, SAMPLE_VERSION, SLAB, type ProcColumn, type SlabColumn } from '@shared/sample'
import { fakeFrame, fakePhysical } from './fakePhysical'
import { fakeProcess } from './fakeProcess'

const TOTAL_KB = 1_003_128
const SWAP_KB = 524_284
const SAMPLE_MS = 500
const KILL_MS = 41_000

export const fakeMachine: MachineInfo = {
  title: 'Leak, twice',
  about: 'A process leaks until the OOM killer ends it, and is started again.',
  scenario: 'leak-twice',
  seed: 4711,
  ram: 1 << 30,
  cpus: 2,
  swap: 512 << 20,
  sampleMs: SAMPLE_MS,
  stepNs: 1_000_000,
  kernel: 'Linux 6.1',
  managedPages: TOTAL_KB / 4,
  zones: [
    { name: 'DMA', start_pfn: 1, spanned: 4095, managed: 3840 },
    { name: 'DMA32', start_pfn: 4096, spanned: 258_048, managed: 246_942 },
  ],
}

/** Names of the string table, in the order of their ids. */
const NAMES: string[] = ['']
function id(text: string): number {
  const at = NAMES.indexOf(text)
  return at >= 0 ? at : NAMES.push(text) - 1
}

interface Task {
  pid: number
  ppid: number
  uid: number
  name: string
  command: string
  state: string
  adj: number
  anon: number
  file: number
  shmem: number
  swap: number
  cpu: number
  kthread?: boolean
  startMs?: number
}
const TASKS: readonly Task[] = [
  {
    pid: 1,
    ppid: 0,
    uid: 0,
    name: 'systemd',
    command: '/sbin/init',
    state: 'S',
    adj: 0,
    anon: 4200,
    file: 7400,
    shmem: 0,
    swap: 900,
    cpu: 0.2,
  },
  {
    pid: 112,
    ppid: 1,
    uid: 0,
    name: 'systemd-journal',
    command: '/lib/systemd/systemd-journald',
    state: 'S',
    adj: -250,
    anon: 1612,
    file: 5620,
    shmem: 96,
    swap: 212,
    cpu: 0.4,
  },
  {
    pid: 351,
    ppid: 1,
    uid: 0,
    name: 'sshd',
    command: 'sshd: /usr/sbin/sshd -D',
    state: 'S',
    adj: -1000,
    anon: 744,
    file: 6480,
    shmem: 0,
    swap: 236,
    cpu: 0,
  },
  {
    pid: 402,
    ppid: 1,
    uid: 107,
    name: 'postgres',
    command: 'postgres -D /var/lib/postgresql/15/main',
    state: 'S',
    adj: -900,
    anon: 6320,
    file: 17_904,
    shmem: 9216,
    swap: 1404,
    cpu: 0.3,
  },
  {
    pid: 431,
    ppid: 402,
    uid: 107,
    name: 'postgres',
    command: 'postgres: checkpointer',
    state: 'S',
    adj: 0,
    anon: 1108,
    file: 5016,
    shmem: 41_280,
    swap: 704,
    cpu: 0.4,
  },
  {
    pid: 655,
    ppid: 402,
    uid: 107,
    name: 'postgres',
    command: 'postgres: shop shop 10.0.2.5(41830) SELECT',
    state: 'D',
    adj: 0,
    anon: 9312,
    file: 14_620,
    shmem: 38_912,
    swap: 516,
    cpu: 3.9,
  },
  {
    pid: 480,
    ppid: 1,
    uid: 112,
    name: 'redis-server',
    command: 'redis-server 127.0.0.1:6379',
    state: 'S',
    adj: 0,
    anon: 31_744,
    file: 5284,
    shmem: 0,
    swap: 6120,
    cpu: 1.1,
  },
  {
    pid: 520,
    ppid: 1,
    uid: 110,
    name: 'java',
    command: 'java -Xmx192m -XX:+UseSerialGC -jar search.jar',
    state: 'S',
    adj: 0,
    anon: 112_608,
    file: 21_436,
    shmem: 0,
    swap: 18_944,
    cpu: 4.2,
  },
  {
    pid: 560,
    ppid: 1,
    uid: 33,
    name: 'node',
    command: 'node server.js',
    state: 'S',
    adj: 0,
    anon: 26_316,
    file: 24_108,
    shmem: 0,
    swap: 3968,
    cpu: 1.4,
  },
  {
    pid: 561,
    ppid: 560,
    uid: 33,
    name: 'node',
    command: 'node worker.js --id=1',
    state: 'S',
    adj: 0,
    anon: 15_208,
    file: 22_816,
    shmem: 0,
    swap: 4212,
    cpu: 0.8,
  },
  {
    pid: 562,
    ppid: 560,
    uid: 33,
    name: 'node',
    command: 'node worker.js --id=2',
    state: 'S',
    adj: 0,
    anon: 14_876,
    file: 22_788,
    shmem: 0,
    swap: 4480,
    cpu: 0.8,
  },
  {
    pid: 710,
    ppid: 1,
    uid: 1000,
    name: 'bash',
    command: '-bash',
    state: 'S',
    adj: 0,
    anon: 1716,
    file: 3420,
    shmem: 0,
    swap: 0,
    cpu: 0,
  },
  {
    pid: 951,
    ppid: 710,
    uid: 1000,
    name: 'htop',
    command: 'htop -d 10',
    state: 'S',
    adj: 0,
    anon: 2104,
    file: 3376,
    shmem: 0,
    swap: 0,
    cpu: 1.3,
  },
  {
    pid: 2,
    ppid: 0,
    uid: 0,
    name: 'kthreadd',
    command: '',
    state: 'S',
    adj: 0,
    anon: 0,
    file: 0,
    shmem: 0,
    swap: 0,
    cpu: 0,
    kthread: true,
  },
  {
    pid: 37,
    ppid: 2,
    uid: 0,
    name: 'kswapd0',
    command: '',
    state: 'R',
    adj: 0,
    anon: 0,
    file: 0,
    shmem: 0,
    swap: 0,
    cpu: 6.4,
    kthread: true,
  },
  {
    pid: 40,
    ppid: 2,
    uid: 0,
    name: 'oom_reaper',
    command: '',
    state: 'S',
    adj: 0,
    anon: 0,
    file: 0,
    shmem: 0,
    swap: 0,
    cpu: 0,
    kthread: true,
  },
]
const SLABS: readonly (readonly [string, number, number, number, number, number, number])[] = [
  ['dentry', 192, 21, 1, 1692, 0.78, 1],
  ['ext4_inode_cache', 1096, 29, 8, 168, 0.91, 1],
  ['inode_cache', 600, 13, 2, 304, 0.97, 1],
  ['buffer_head', 104, 39, 1, 412, 0.72, 1],
  ['kmalloc-2k', 2048, 16, 8, 74, 0.94, 0],
  ['kmalloc-512', 512, 16, 2, 226, 0.95, 0],
  ['vm_area_struct', 200, 20, 1, 310, 0.96, 0],
  ['task_struct', 3776, 8, 8, 21, 0.98, 0],
]

const PASSWD = [
  ['root', 0],
  ['www-data', 33],
  ['postgres', 107],
  ['search', 110],
  ['redis', 112],
  ['mira', 1000],
]
  .map(([name, uid]) => `${name}:x:${uid}:${uid}::/:/bin/sh`)
  .join('\n')

const SYSCTLS = [
  ['vm.swappiness', 60, 200, 'How readily anonymous pages are swapped instead of dropping file pages.'],
  ['vm.min_free_kbytes', 45_056, 262_144, 'Kept free for allocations that cannot wait.'],
  ['vm.panic_on_oom', 0, 2, 'Panic instead of killing a task.'],
  ['vm.oom_kill_allocating_task', 0, 1, 'Kill whoever asked instead of the largest.'],
  ['vm.overcommit_memory', 0, 2, '0 heuristic, 1 always, 2 never beyond CommitLimit.'],
].map(([name, value, max, help]) => ({ name, help, min: 0, max, default: value, writable: true, value: String(value) }))

function swapAt(used_kB: number): WatchSwap {
  const map = new Uint8Array(SWAP_KB / 4)
  const used = Math.round(used_kB / 4)
  for (let i = 0; i < used; i++) map[(i * 3 + ((i * 7919) % 977)) % map.length] = 1
  return { kind: 'swap', ms: 0, areas: [{ name: '/dev/vda2', pages: map.length, used, priority: -2, map }] }
}

interface Moment {
  readonly ms: number
  readonly leakPid: number | null
  readonly leak: number
  readonly swap: number
  readonly file: number
  readonly pressure: number
}

/** The course of the story, in plain formulas of time. */
function momentAt(ms: number): Moment {
  const t = ms / 1000
  const leakPid = t >= 6 && ms < KILL_MS ? 1043 : t >= 55 ? 1204 : null
  const grown = leakPid === 1043 ? (t - 6) * 29_000 : leakPid === 1204 ? Math.min(t - 55, 40) * 12_288 : 0
  const swap = t < 20.5 ? 0 : ms < KILL_MS ? SWAP_KB * ((t - 20.5) / 20.5) ** 1.2 : 48_000 + Math.max(0, t - 88) * 3000
  const file = Math.max(20_000, 180_000 - Math.max(0, grown - 300_000) * 0.4)
  const pressure = ms < KILL_MS ? Math.max(0, t - 24) / 17 : Math.max(0, 1 - (t - 41) / 12)
  return { ms, leakPid, leak: grown, swap: Math.min(swap, SWAP_KB), file, pressure }
}

function tasksAt(moment: Moment): Task[] {
  const share = Math.min(1, moment.swap / SWAP_KB)
  const list = TASKS.map((task) => ({ ...task, swap: Math.round(task.swap * share * 2) }))
  if (moment.leakPid === null) return list
  const swapped = Math.min(moment.leak * 0.8, Math.max(0, moment.swap - list.reduce((sum, task) => sum + task.swap, 0)))
  const first = moment.leakPid === 1043
  list.push({
    pid: moment.leakPid,
    ppid: 710,
    uid: 1000,
    name: 'leakd',
    command: `leakd --rate=${first ? '29M' : '12M'} --touch=write`,
    state: 'R',
    adj: 0,
    anon: Math.max(0, Math.round(moment.leak - swapped)),
    file: 1084,
    shmem: 0,
    swap: Math.round(swapped),
    cpu: 9.8,
    startMs: first ? 6000 : 55_000,
  })
  return list
}

/** A whole sample of the instant `ms`. Sums of /proc/meminfo hold. */
export function fakeSample(ms: number, { processes = true } = {}): Float64Array {
  const moment = momentAt(ms)
  const tasks = tasksAt(moment)
  const nrProc = processes ? tasks.length : 0
  const nrSlab = processes ? SLABS.length : 0
  const nrBuddy = processes ? 4 : 0
  const data = new Float64Array(
    HEADER.length + SERIES.length + nrProc * PROC.length + nrSlab * SLAB.length + nrBuddy * BUDDY.length,
  )
  data.set([SAMPLE_VERSION, ms, Math.round(ms), SERIES.length, nrProc, nrSlab, nrBuddy, 0])
  putSeries(data, moment, tasks)
  let at = HEADER.length + SERIES.length
  if (!processes) return data
  for (const task of tasks) {
    putTask(data, at, task, ms)
    at += PROC.length
  }
  for (const slab of SLABS) {
    putSlab(data, at, slab, ms)
    at += SLAB.length
  }
  for (let row = 0; row < nrBuddy; row++) {
    data.set(
      [row >> 1, row & 1, ...Array.from({ length: 11 }, (_, order) => Math.round((900 * (row + 1)) / 2 ** order))],
      at,
    )
    at += BUDDY.length
  }
  return data
}

function putSeries(data: Float64Array, moment: Moment, tasks: readonly Task[]): void {
  const set = (name: CounterName, value: number): void => void (data[HEADER.length + S[name]] = Math.round(value))
  for (const [name] of MEMINFO) set(name, 0)
  const t = moment.ms / 1000
  const fixed = {
    Shmem: 58_128,
    Buffers: 4212,
    KernelStack: 1568,
    SUnreclaim: 23_892,
    SReclaimable: 20_000 - moment.pressure * 9000,
    PageTables: 4300 + moment.leak / 512,
    Hugetlb: 8192,
  }
  const anon = 34_000 + tasks.reduce((sum, task) => sum + task.anon, 0)
  const other = 7392
  const held = Object.values(fixed).reduce((sum, value) => sum + value, 0) + anon + other
  const file = Math.max(8000, Math.min(moment.file, TOTAL_KB - held - 34_000))
  const free = Math.max(0, TOTAL_KB - held - file)
  for (const [name, value] of Object.entries(fixed)) set(name as CounterName, value)
  set('MemTotal', TOTAL_KB)
  set('AnonPages', anon)
  set('Cached', file + fixed.Shmem)
  set('MemFree', free)
  set('MemAvailable', Math.max(0, free - 66_000 + file * 0.7 + fixed.SReclaimable / 2))
  set('Slab', fixed.SUnreclaim + fixed.SReclaimable)
  set('KReclaimable', fixed.SReclaimable)
  set('SwapTotal', SWAP_KB)
  set('SwapFree', SWAP_KB - moment.swap)
  set('SwapCached', moment.swap * 0.04)
  set('CommitLimit', 1_021_752)
  set('Committed_AS', 690_000 + moment.leak)
  set('Active(anon)', anon * 0.3)
  set('Inactive(anon)', anon * 0.7)
  set('Active(file)', file * 0.4)
  set('Inactive(file)', file * 0.6)
  set('nr_active_anon', (anon * 0.3) / 4)
  set('nr_inactive_anon', (anon * 0.7) / 4)
  set('nr_active_file', (file * 0.4) / 4)
  set('nr_inactive_file', (file * 0.6) / 4)
  set('nr_free_pages', free / 4)
  set('wmark_min', 11_264)
  set('wmark_low', 14_078)
  set('wmark_high', 16_892)
  set('zone_dma_free', 2912)
  set('zone_dma32_free', free / 4 - 2912)
  set('kswapd_awake', moment.pressure > 0 ? 1 : 0)
  const squeezed = Math.max(0, t - 24)
  set('pgfault', t * 3300 + Math.min(t, 41) * 4200)
  set('pgmajfault', Math.min(squeezed, 17) ** 2 * 16)
  set('pswpout', (t < 41 ? moment.swap : SWAP_KB + Math.max(0, moment.swap - 48_000)) / 4)
  set('pswpin', Math.min(squeezed, 20) * 620)
  set('pgscan_kswapd', Math.min(squeezed, 17) * 9200)
  set('pgscan_direct', Math.min(Math.max(0, t - 27), 14) * 5200)
  set('pgsteal_kswapd', Math.min(squeezed, 17) * 6100)
  set('pgsteal_direct', Math.min(Math.max(0, t - 27), 14) * 2600)
  set('workingset_refault_file', Math.min(squeezed, 17) * 700)
  set('workingset_refault_anon', Math.min(squeezed, 17) * 420)
  set('psi_memory_some_avg10', moment.pressure * 61)
  set('psi_memory_full_avg10', moment.pressure * 42)
  set('psi_memory_some_avg60', moment.pressure * 9)
  for (const name of ['psi_memory_some_avg10', 'psi_memory_full_avg10'] as const)
    data[HEADER.length + S[name]] = moment.pressure * (name.includes('some') ? 61.25 : 42.5)
  set('oom_kill', moment.ms >= KILL_MS ? 1 : 0)
  set('swap_used', moment.swap)
  set('uptime_ms', moment.ms)
  set('procs_running', 2)
  set('procs_blocked', 1)
  set('nr_threads', tasks.length)
  set('nr_kthreads', tasks.filter((task) => task.kthread).length)
  data[HEADER.length + S.load1] = 1.84
  data[HEADER.length + S.load5] = 0.92
}

function putTask(data: Float64Array, at: number, task: Task, ms: number): void {
  const set = (column: ProcColumn, value: number): void => void (data[at + P[column]] = value)
  const seconds = ms / 1000
  const rss = task.anon + task.file + task.shmem
  const pte = task.kthread ? 0 : 40 + Math.round(rss / 420)
  const totalpages = (TOTAL_KB + SWAP_KB) / 4
  const points = Math.floor((rss + task.swap + pte) / 4) + Math.trunc((task.adj * totalpages) / 1000)
  const exempt = task.kthread || task.adj === -1000 || task.pid === 1
  set('pid', task.pid)
  set('ppid', task.ppid)
  set('uid', task.uid)
  set('start_ns', (task.startMs ?? task.pid) * 1e6)
  set('name', id(task.name))
  set('cmdline', id(task.command))
  set('state', task.state.charCodeAt(0))
  set('flags', task.kthread ? 1 : 0)
  set('priority', 20)
  set('threads', 1)
  set('oom_score_adj', task.adj)
  set('oom_points', exempt ? Number.NaN : points)
  set('oom_score', exempt ? 0 : Math.max(0, Math.floor(((1000 + (points * 1000) / totalpages) * 2) / 3)))
  set('VmSize', task.kthread ? 0 : rss * 2 + 40_000)
  set('VmRSS', rss)
  set('RssAnon', task.anon)
  set('RssFile', task.file)
  set('RssShmem', task.shmem)
  set('Pss', task.anon + Math.round(task.file * 0.5) + Math.round(task.shmem * 0.3))
  set('Uss', task.anon)
  set('VmSwap', task.swap)
  set('VmPTE', pte)
  set('minflt', Math.round(seconds * task.cpu * 300))
  set('majflt', Math.round(seconds * task.cpu * 2))
  set('utime_ns', seconds * task.cpu * 8e6)
  set('stime_ns', seconds * task.cpu * 2e6)
  set('cgroup', id('/'))
}

function putSlab(data: Float64Array, at: number, slab: (typeof SLABS)[number], ms: number): void {
  const [name, size, perSlab, pages, slabs, active, reclaimable] = slab
  const now = Math.round(slabs * (0.9 + 0.1 * Math.sin(ms / 9000)))
  const set = (column: SlabColumn, value: number): void => void (data[at + B[column]] = value)
  set('name', id(name))
  set('objsize', size)
  set('objperslab', perSlab)
  set('pagesperslab', pages)
  set('num_slabs', now)
  set('active_slabs', now)
  set('num_objs', now * perSlab)
  set('active_objs', Math.round(now * perSlab * active))
  set('reclaimable', reclaimable)
}

function killAt(): OomKill {
  const sample = fakeSample(KILL_MS - SAMPLE_MS)
  const candidates: OomCandidate[] = tasksAt(momentAt(KILL_MS - SAMPLE_MS))
    .filter((task) => !task.kthread)
    .map((task) => {
      const rss = task.anon + task.file + task.shmem
      return {
        pid: task.pid,
        uid: task.uid,
        name: task.name,
        total_vm: rss / 2 + 10_000,
        rss: rss / 4,
        rss_anon: task.anon / 4,
        rss_file: task.file / 4,
        rss_shmem: task.shmem / 4,
        pgtables_bytes: (40 + Math.round(rss / 420)) * 1024,
        swapents: task.swap / 4,
        oom_score_adj: task.adj,
        points: task.adj === -1000 || task.pid === 1 ? null : Math.floor((rss + task.swap) / 4),
      }
    })
  const victim = candidates.find((candidate) => candidate.pid === 1043)!
  return {
    kills: [1],
    ms: KILL_MS - 60,
    pid: 1043,
    name: 'leakd',
    oom_score_adj: 0,
    badness: victim.points ?? 0,
    total_vm_kB: victim.total_vm * 4,
    anon_rss_kB: victim.rss_anon * 4,
    file_rss_kB: victim.rss_file * 4,
    shmem_rss_kB: 0,
    swap_kB: victim.swapents * 4,
    pgtables_bytes: victim.pgtables_bytes,
    freed_kB: victim.rss * 4,
    constraint: 'CONSTRAINT_NONE',
    invoker: 'java',
    invoker_pid: 520,
    order: 0,
    gfp: '0x1100cca(GFP_HIGHUSER_MOVABLE)',
    totalpages: (TOTAL_KB + SWAP_KB) / 4,
    candidates,
    report: [
      '[   40.940311] java invoked oom-killer: gfp_mask=0x1100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0',
      '[   40.940318] Mem-Info:',
      `[   40.940319] active_anon:${sample[HEADER.length + S.nr_active_anon]} inactive_anon:${sample[HEADER.length + S.nr_inactive_anon]} isolated_anon:64`,
      '[   40.940371] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=leakd,pid=1043,uid=1000',
      `[   40.940374] Out of memory: Killed process 1043 (leakd) total-vm:${victim.total_vm * 4}kB, anon-rss:${victim.rss_anon * 4}kB, file-rss:1084kB, shmem-rss:0kB, UID:1000 pgtables:2088kB oom_score_adj:0`,
    ],
  }
}

export const fakeEvents: readonly TraceEvent[] = [
  { ms: 6000, kind: 'action', text: 'leakd 1043 started, 29 MiB/s', pid: 1043, name: 'leakd' },
  { ms: 20_400, kind: 'kswapd_wake', text: 'kswapd0 wakes: 14,061 < 14,078' },
  { ms: 27_500, kind: 'direct_reclaim', text: 'Stall 18 ms: leakd 1043', pid: 1043, value: 18e6 },
  { ms: 33_000, kind: 'fault_burst', text: '1,298 major faults/s: postgres', value: 1298 },
  { ms: 36_400, kind: 'direct_reclaim', text: 'Stall 212 ms: java 520', pid: 520, value: 212e6 },
  { ms: KILL_MS - 60, kind: 'oom_kill', text: 'OOM kill: leakd 1043', pid: 1043, name: 'leakd', oom: killAt() },
  { ms: 46_300, kind: 'segfault', text: 'Segfault: probe 1098 at 0x10', pid: 1098 },
  { ms: 55_000, kind: 'action', text: 'leakd 1204 started, 12 MiB/s', pid: 1204 },
  { ms: 89_100, kind: 'kswapd_wake', text: 'kswapd0 wakes: 14,066 < 14,078' },
]

export interface FakeBridge extends Bridge {
  /** Every command that was given, in order. */
  readonly asked: Command[]
  onConnection(listener: (state: 'connecting' | 'open' | 'closed') => void): () => void
  /** Pushes to the page as an engine would. */
  push(push: Push): void
  /** Runs the machine on to the instant `ms`, one sample after the other. */
  play(toMs: number): void
  setConnection(state: 'connecting' | 'open' | 'closed'): void
  /** Answers a type of command with something else than `null`. */
  answer(type: Command['type'], value: unknown): void
}

export interface FakeOptions {
  /** The machine has run this long when the page connects. */
  readonly startMs?: number
  /** No samples between these instants. */
  readonly gap?: readonly [number, number]
}

export function fakeBridge({ startMs = 0, gap = [47_400, 51_100] }: FakeOptions = {}): FakeBridge {
  const listeners = new Set<(push: Push) => void>()
  const connections = new Set<(state: 'connecting' | 'open' | 'closed') => void>()
  const answers = new Map<Command['type'], unknown>()
  const asked: Command[] = []
  let nowMs = Math.floor(startMs / SAMPLE_MS) * SAMPLE_MS
  let state: StateInfo = {
    mode: 'live',
    branch: null,
    speed: 1,
    liveMs: nowMs,
    viewMs: nowMs,
    firstMs: 0,
    recording: null,
    playing: false,
  }
  const push = (message: Push): void => listeners.forEach((listener) => listener(message))
  const setState = (change: Partial<StateInfo>): void => {
    state = { ...state, ...change }
    push({ type: 'state', state })
  }
  const missing = (ms: number): boolean => ms > gap[0] && ms < gap[1]

  function obey(command: Command): unknown {
    switch (command.type) {
      case 'hello':
        fakeSample(nowMs)
        fakeSample(40_000)
        fakeSample(60_000)
        push({ type: 'hello', machine: fakeMachine, state, names: NAMES, host: 'test', recorder: '' })
        push({ type: 'sample', data: fakeSample(nowMs) })
        push({ type: 'cost', cost: { cpuPercent: 3.1, rssBytes: 222_298_112, historyBytes: 1_468_006 } })
        return null
      case 'slabHistory':
        return { samples: times(0, nowMs - SAMPLE_MS).map((ms) => fakeSample(ms)) }
      case 'history':
        return {
          samples: times(0, nowMs - SAMPLE_MS)
            .filter((ms) => !missing(ms))
            .map((ms) => fakeSample(ms, { processes: false })),
        }
      case 'events':
        return { list: fakeEvents.filter((event) => event.ms >= command.from && event.ms <= command.to) }
      case 'sysctls':
        return SYSCTLS
      case 'watch':
        if (command.what.kind === 'swap') push({ type: 'watch', id: command.id, data: swapAt(momentAt(nowMs).swap) })
        if (command.what.kind === 'physical') push({ type: 'watch', id: command.id, data: fakePhysical(nowMs) })
        if (command.what.kind === 'process')
          push({ type: 'watch', id: command.id, data: fakeProcess(nowMs, command.what.pid) })
        if (command.what.kind === 'frame')
          push({ type: 'watch', id: command.id, data: fakeFrame(nowMs, command.what.pfn) })
        return null
      case 'readFile':
        return command.path === '/etc/passwd' ? PASSWD : ''
      case 'pause':
        return setState({ mode: 'paused', playing: false })
      case 'resume':
        return setState({ mode: 'live' })
      case 'setSpeed':
        return setState({ speed: command.speed })
      case 'seek':
        setState({ mode: 'replay', viewMs: command.ms, playing: false })
        return push({ type: 'view', data: fakeSample(Math.round(command.ms / SAMPLE_MS) * SAMPLE_MS) })
      case 'play':
        return setState({ playing: true })
      case 'goLive':
        return setState({ mode: 'live', viewMs: nowMs, playing: false })
      case 'step':
        if (command.unit === 'sample') bridge.play(nowMs + SAMPLE_MS)
        return setState({ mode: 'paused' })
      case 'branch':
        push({
          type: 'branch',
          original: times(command.ms, nowMs).map((ms) => fakeSample(ms, { processes: false })),
          atMs: command.ms,
        })
        nowMs = Math.round(command.ms / SAMPLE_MS) * SAMPLE_MS
        return setState({ mode: 'live', branch: { atMs: command.ms }, liveMs: nowMs, viewMs: nowMs })
      default:
        return null
    }
  }

  const bridge: FakeBridge = {
    kind: 'web',
    asked,
    push,
    request(command) {
      asked.push(command)
      const value = obey(command)
      return Promise.resolve<Result>({ ok: true, value: answers.get(command.type) ?? value })
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onConnection(listener) {
      connections.add(listener)
      listener('open')
      return () => connections.delete(listener)
    },
    setConnection: (next) => connections.forEach((listener) => listener(next)),
    answer: (type, value) => void answers.set(type, value),
    play(toMs) {
      for (const ms of times(nowMs + SAMPLE_MS, toMs)) {
        const happened = fakeEvents.filter((event) => event.ms > ms - SAMPLE_MS && event.ms <= ms)
        if (happened.length > 0) push({ type: 'events', list: happened })
        if (!missing(ms)) push({ type: 'sample', data: fakeSample(ms) })
        nowMs = ms
      }
      setState({ liveMs: nowMs, viewMs: state.mode === 'replay' ? state.viewMs : nowMs })
    },
  }
  return bridge
}

function times(from: number, to: number): number[] {
  const first = Math.ceil(from / SAMPLE_MS)
  return Array.from({ length: Math.max(0, Math.floor(to / SAMPLE_MS) - first + 1) }, (_, i) => (first + i) * SAMPLE_MS)
}
