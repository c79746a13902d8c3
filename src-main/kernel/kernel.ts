/**
 * The machine's state: one arena of tables and a little plain data. Everything here is data; the functions of `mm/`,
 * `sched/`, `entry/` take a `Kernel` as their first parameter. Two machines can run side by side. The columns of the larger
 * tables are in `tables/`.
 *
 * Conventions: handle 0 is NULL in every table; a frame is named by its pfn (frame 0 is reserved, as on a PC, so 0 is
 * NULL too); addresses and sizes in bytes are plain numbers (exact to 2^53); times are ns; counts of pages `nr_…`.
 */
import { MACHINE, VMSTAT } from '@shared/counters'
import type { TraceEvent } from '@shared/protocol'
import {
  PAGE_SIZE,
  MAX_ORDER,
  PAGEBLOCK_ORDER,
  MIGRATE_TYPES,
  MAX_NR_ZONES,
  NR_LIST_LRUS,
  NR_LRU_LISTS,
} from './constants'
import { open_arena, open_table } from './lib/arena'
import { BIO, DEVICE } from './tables/block'
import { INODE, DENTRY, FILE, XA } from './tables/files'
import { PAGE, ZONE, FREE_AREA, LRUVEC, LRU_GEN } from './tables/frames'
import { MEMCG } from './tables/memcg'
import { MM, VMA, MAPLE, ANON_VMA, AVC, KSM_RMAP_ITEM, KSM_STABLE_NODE, PT } from './tables/mm'
import { RCU_DATA, RCU_STATE, TIMER, PSI, CPU } from './tables/sched'
import { KMEM_CACHE, KMEM_CACHE_CPU, SLAB } from './tables/slab'
import { SWAP, ZBUD, SWAP_INFO, SWAP_CLUSTER, SWAP_SLOTS } from './tables/swap'
import { FAULT_LOG, TASK } from './tables/task'

import { boot_psi } from './boot_params'
import { spanned_bytes } from './e820'

export * from './constants'

export interface SwapConfig {
  readonly bytes: number
  readonly device: 'hdd' | 'ssd' | 'nvme' | 'virtio'
  readonly priority?: number
  readonly file?: boolean
}
/** What the machine is made of; fixed at boot. Sizes in bytes. */
export interface MachineConfig {
  readonly ram: number
  readonly cpus: number
  readonly swap: readonly SwapConfig[]
  readonly disk: 'hdd' | 'ssd' | 'nvme' | 'virtio'
  readonly thp: 'always' | 'madvise' | 'never'
  readonly seed: number
  /** Lab machine: kernel threads and pid 1 only, no ASLR, tmpfs root. */
  readonly bare: boolean
  /** A lab machine with an ext4 file system on /mnt. Others have it as their root. */
  readonly ext4?: boolean
  /** Blocks that are free on its disk; a disk is never full when left out. */
  readonly diskFreeBlocks?: number
  /** A lab machine that runs nothing but its shell's tools: no program lies in its initramfs. */
  readonly shell?: boolean
  /** Bytes of the program that lab tasks run; of a usual one when left out. */
  readonly program?: number
  readonly bootParams: readonly string[]
  readonly psi: boolean
  /** The processor has five-level page tables (CPUID la57); `no5lvl` among the boot parameters leaves them off. */
  readonly la57?: boolean
  /** cgroup2 is mounted on /sys/fs/cgroup; it is when left out. */
  readonly cgroup?: boolean
  /** How many times slower the CPUs are than costs.ts says (an emulated machine); 1 when left out. */
  readonly slowdown?: number
}

/** Text with a number: names, paths and command lines are kept once and referred to by id; id 0 is ''. Append-only. */
export interface Strings {
  readonly list: string[]
  readonly ids: Map<string, number>
}
export function string_id(k: Kernel, text: string): number {
  let id = k.strings.ids.get(text)
  if (id === undefined) {
    id = k.strings.list.push(text) - 1
    k.strings.ids.set(text, id)
  }
  return id
}

/** Plain scalars and small structures: everything mutable that is not a column. JSON-able, part of snapshot and hash. */
export interface Vars {
  /** Local time of the CPU that runs now, ns since boot. */
  now: number
  /** The running CPU and task (0: idle or boot). */
  cpu: number
  current: number
  step: number
  /** When the running task's slice is over. */
  slice_end: number
  /** The scheduler runs it: what takes long may stop and be gone on with later. */
  in_slice: boolean
  timer_seq: number
  task_head: number
  task_tail: number
  next_pid: number
  /** sysctls by their /proc/sys name with dots, e.g. vm.swappiness. Integers. */
  sysctl: Record<string, number>
  totalreserve_pages: number
  /** vm_committed_as, pages. */
  committed_as: number
  totalram_pages: number
  /** One past the last frame of RAM. */
  max_pfn: number
  /** Pages of kmalloc beyond 8 KiB: counted as unreclaimable slab, in no cache. */
  kmalloc_large_pages: number
  /** Pages of vmalloc areas taken since boot: modules, swap maps. */
  vmalloc_pages: number
  /** Page-cache pages of block devices: Buffers. */
  blockdev_pages: number
  /** capture_control of a running direct compaction: the order wanted (-1: none runs), its zone, the block it got. */
  capture_order: number
  capture_zone: number
  capture_pfn: number
  min_free_kbytes_user: number
  load: [number, number, number]
  /** Prng streams by name: 32-bit states. */
  prng: Record<string, number>
  /** Registers of the workload programs by task row: plain JSON. */
  program: Record<number, unknown>
  /** Per-module plain state of small size (psi, writeback, oom, cgroup tree, …), one key a module. JSON-able. */
  mod: Record<string, unknown>
  /** The address of the page fault that the running task is in, 0 outside one. */
  fault_addr: number
  /** Parts of the multi-gen LRU that are on: /sys/kernel/mm/lru_gen/enabled. */
  lru_gen_caps: number
  panic: string | null
}

export function open_kernel(config: MachineConfig) {
  const arena = open_arena()
  const frames = Math.ceil(spanned_bytes(config.ram) / PAGE_SIZE)
  const slots = config.swap.reduce((sum, s) => sum + Math.ceil(s.bytes / PAGE_SIZE) + 1, 1) + (1 << 20)
  const cpus = config.cpus + 1
  return {
    config,
    arena,
    /** pgtable_l5_enabled: page tables have five levels. */
    la57: config.la57 === true && !config.bootParams.includes('no5lvl'),
    /** There are pressure files. */
    pressure: boot_psi(config),
    page: open_table(arena, 'page', frames + 1, PAGE),
    /** One row per pageblock of 512 frames (row = pfn >> 9, from 0). */
    pageblock: open_table(arena, 'pageblock', (frames >> PAGEBLOCK_ORDER) + 2, { migratetype: 'u8', skip: 'u8' }),
    zone: open_table(arena, 'zone', MAX_NR_ZONES + 1, ZONE),
    free_area: open_table(arena, 'free_area', 1 + MAX_NR_ZONES * MIGRATE_TYPES * MAX_ORDER, FREE_AREA),
    /** Per-CPU page lists: row = 1 + (cpu * MAX_NR_ZONES + zone) * 16 + pindex of order_to_pindex. */
    pcp: open_table(arena, 'pcp', 1 + 64 * MAX_NR_ZONES * 16, { head: 'i32', tail: 'i32', count: 'i32' }),
    pcp_set: open_table(arena, 'pcp_set', 1 + 64 * MAX_NR_ZONES, { count: 'i32', free_factor: 'i32' }),
    /** LRU lists of a memory cgroup: row = 1 + memcg * NR_LRU_LISTS + lru. */
    lru: open_table(arena, 'lru', 1 + 1024 * NR_LRU_LISTS, { head: 'i32', tail: 'i32', nr: 'f64' }),
    memcg: open_table(arena, 'memcg', 1024, MEMCG),
    lruvec: open_table(arena, 'lruvec', 1025, LRUVEC),
    /** Row = 1 + memcg. */
    lru_gen: open_table(arena, 'lru_gen', 1025, LRU_GEN),
    /** Its lists: row = 1 + memcg * 24 + (generation * 2 + kind) * 3 + zone. */
    lru_gen_list: open_table(arena, 'lru_gen_list', 1 + 1024 * 24, { head: 'i32', tail: 'i32' }),
    /** Per-CPU folio batches (mm/swap.ts): row = 1 + cpu * 8 + kind. */
    lru_batch: open_table(arena, 'lru_batch', 1 + 64 * 8, { nr: 'u8', pfn: ['i32', 15] }),
    /** Lists of the shrinkers (mm/list_lru.ts): row = memcg * 5 + list. */
    list_lru: open_table(arena, 'list_lru', 1024 * NR_LIST_LRUS, {
      head: 'i32',
      tail: 'i32',
      nr: 'f64',
      nr_deferred: 'f64',
    }),
    /** Dirty inodes by the time of their first dirtying: 1 waiting (b_dirty), 2 under writeback (b_io). */
    wb: open_table(arena, 'wb', 4, { head: 'i32', tail: 'i32' }),
    /** Callbacks that wait for a grace period (rcu/callbacks.ts): what to do, and with what. */
    rcu_head: open_table(arena, 'rcu_head', 1 << 20, { next: 'i32', func: 'u8', obj: ['i32', 3] }),
    rcu_data: open_table(arena, 'rcu_data', 65, RCU_DATA),
    rcu_state: open_table(arena, 'rcu_state', 2, RCU_STATE),
    pid: open_table(arena, 'pid', 1 << 22, { task: 'i32' }),
    task: open_table(arena, 'task', 1 << 16, TASK),
    /** The last faults of each task (row = task). */
    fault_log: open_table(arena, 'fault_log', 1 << 16, FAULT_LOG),
    mm: open_table(arena, 'mm', 1 << 16, MM),
    /** Translation caches of each CPU (row = cpu + 1): one block of words, laid out by arch/x86/tlb.ts. */
    tlb: open_table(arena, 'tlb', cpus, { word: ['i32', 8192] }),
    vma: open_table(arena, 'vma', 1 << 20, VMA),
    /** Nodes of the address spaces' maple trees (mm/maple_nodes.ts), each with its slab object. */
    maple: open_table(arena, 'maple', 1 << 19, MAPLE),
    anon_vma: open_table(arena, 'anon_vma', 1 << 20, ANON_VMA),
    avc: open_table(arena, 'avc', 1 << 20, AVC),
    ksm_rmap_item: open_table(arena, 'ksm_rmap_item', 1 << 20, KSM_RMAP_ITEM),
    ksm_stable_node: open_table(arena, 'ksm_stable_node', 1 << 19, KSM_STABLE_NODE),
    pt: open_table(arena, 'pt', 1 << 19, PT),
    inode: open_table(arena, 'inode', 1 << 20, INODE),
    dentry: open_table(arena, 'dentry', 1 << 20, DENTRY),
    /** Chains of dentries by hash of parent and name. */
    dentry_hash: open_table(arena, 'dentry_hash', 1 << 14, { head: 'i32' }),
    file: open_table(arena, 'file', 1 << 18, FILE),
    fd: open_table(arena, 'fd', 1 << 20, { task: 'i32', next: 'i32', fd: 'i32', file: 'i32' }),
    /** Buffer heads of a page, one a block (row = page.private of a page with PG_private): slab objects. */
    buffers: open_table(arena, 'buffers', frames + 1, {
      bh: ['i32', 4],
      count: 'i32',
      uptodate: 'u8',
      dirty: 'u8',
    }),
    xa: open_table(arena, 'xa', 1 << 18, XA),
    swap: open_table(arena, 'swap', slots, SWAP),
    /** A page stored by zswap (mm/zswap.ts); length 0: filled with one number. */
    zswap_entry: open_table(arena, 'zswap_entry', slots, { slot: 'i32', length: 'i32', handle: 'i32', obj: 'i32' }),
    zbud: open_table(arena, 'zbud', frames + 1, ZBUD),
    zbud_list: open_table(arena, 'zbud_list', 67, { head: 'i32', tail: 'i32' }),
    swap_info: open_table(arena, 'swap_info', 33, SWAP_INFO),
    /** Indexes of the swap cache (mm/swap_space.ts). */
    swap_space: open_table(arena, 'swap_space', 33 * ((slots >> 14) + 1), { inode: 'i32' }),
    swap_cluster: open_table(arena, 'swap_cluster', (slots >> 8) + 66, SWAP_CLUSTER),
    /** Per area and CPU (row = 1 + area * 64 + cpu): the cluster it allocates from and the next slot. */
    swap_percpu: open_table(arena, 'swap_percpu', 1 + 33 * 64, { cluster: 'i32', next: 'i32', cluster_next: 'i32' }),
    swap_slots: open_table(arena, 'swap_slots', 65, SWAP_SLOTS),
    kmem_cache: open_table(arena, 'kmem_cache', 1024, KMEM_CACHE),
    kmem_cache_cpu: open_table(arena, 'kmem_cache_cpu', 1024 * 64, KMEM_CACHE_CPU),
    slab: open_table(arena, 'slab', 1 << 19, SLAB),
    /** Who paid for the objects of a slab, by their place in it; 0 nobody. */
    obj_cgroups: open_table(arena, 'obj_cgroups', 1 << 14, { memcg: ['u16', 512] }),
    bio: open_table(arena, 'bio', 1 << 16, BIO),
    device: open_table(arena, 'device', 34, DEVICE),
    timer: open_table(arena, 'timer', 1 << 17, TIMER),
    psi: open_table(arena, 'psi', 1 + 1024 * config.cpus, PSI),
    cpu: open_table(arena, 'cpu', cpus, CPU),
    /** /proc/vmstat by index `C.name` (pages or counts). */
    vmstat: new Float64Array(VMSTAT.length),
    /** MACHINE counters by index `M.name`; gauges among them are filled by the sampler's functions. */
    machine: new Float64Array(MACHINE.length),
    strings: { list: [''], ids: new Map([['', 0]]) } as Strings,
    var: initial_vars(),
    /** The kernel log, [ns, text]: plain data, trimmed to log_buf_len. */
    log: [] as [number, string][],
    /** Out-channel: what happened since the engine last drained it. Not part of the state. */
    trace: [] as TraceEvent[],
  }
}
export type Kernel = ReturnType<typeof open_kernel>

function initial_vars(): Vars {
  return {
    now: 0,
    cpu: 0,
    current: 0,
    step: 0,
    slice_end: 0,
    in_slice: false,
    timer_seq: 0,
    task_head: 0,
    task_tail: 0,
    next_pid: 1,
    sysctl: {},
    totalreserve_pages: 0,
    committed_as: 0,
    totalram_pages: 0,
    max_pfn: 0,
    kmalloc_large_pages: 0,
    vmalloc_pages: 0,
    blockdev_pages: 0,
    capture_order: -1,
    capture_zone: 0,
    capture_pfn: 0,
    min_free_kbytes_user: -1,
    load: [0, 0, 0],
    prng: {},
    program: {},
    mod: {},
    fault_addr: 0,
    lru_gen_caps: 0,
    panic: null,
  }
}
