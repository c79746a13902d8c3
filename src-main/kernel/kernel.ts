/**
 * The machine's state: one arena of tables and a little plain data. Everything here is data; the functions of `mm/`,
 * `sched/`, `entry/` take a `Kernel` as their first parameter. Two machines can run side by side.
 *
 * Conventions: handle 0 is NULL in every table; a frame is named by its pfn (frame 0 is reserved, as on a PC, so 0 is
 * NULL too); addresses and sizes in bytes are plain numbers (exact to 2^53); times are ns; counts of pages `nr_…`.
 */
import type { TraceEvent } from '@shared/protocol'
import { open_arena, open_table } from './lib/arena'
import { MACHINE, VMSTAT } from '@shared/counters'

export const PAGE_SIZE = 4096
export const MAX_ORDER = 11
export const PAGEBLOCK_ORDER = 9
export const HZ = 250
export const JIFFY_NS = 4_000_000
/** The engine's quantum: one jiffy. */
export const STEP_NS = JIFFY_NS

// ---- frames: page flags (include/linux/page-flags.h). Order of a buddy block or compound page in bits 27..30.
export const PG_locked = 1 << 0
export const PG_writeback = 1 << 1
export const PG_referenced = 1 << 2
export const PG_uptodate = 1 << 3
export const PG_dirty = 1 << 4
export const PG_lru = 1 << 5
export const PG_active = 1 << 6
export const PG_workingset = 1 << 7
export const PG_reclaim = 1 << 8
export const PG_swapbacked = 1 << 9
export const PG_unevictable = 1 << 10
export const PG_mlocked = 1 << 11
export const PG_swapcache = 1 << 12
/** PAGE_MAPPING_ANON: `mapping` is an anon_vma, else an inode. */
export const PG_anon = 1 << 13
export const PG_slab = 1 << 14
/** On a buddy free list (head of a free block of `page_order`). */
export const PG_buddy = 1 << 15
export const PG_table = 1 << 16
export const PG_reserved = 1 << 17
export const PG_readahead = 1 << 18
export const PG_head = 1 << 19
export const PG_tail = 1 << 20
export const PG_anon_exclusive = 1 << 21
export const PG_private = 1 << 22
export const PG_ksm = 1 << 23
export const PG_hugetlb = 1 << 24
/** Taken off the LRU by reclaim, compaction or migration. */
export const PG_isolated = 1 << 25
/** On a per-CPU free list. */
export const PG_pcp = 1 << 26
export const PG_ORDER_SHIFT = 27

// ---- page-table entries: 24 bits of pfn (or swap slot, or table row) above 8 bits of flags
export const PTE_P = 1
export const PTE_W = 2
export const PTE_A = 4
export const PTE_D = 8
/** A huge leaf (PMD or PUD level). */
export const PTE_PS = 16
/** Not present: the upper bits are a swap slot; PTE_D then means "exclusive" (SWP_EXCLUSIVE). */
export const PTE_SWAP = 32
/** Present for the kernel, not for the user (PROT_NONE). */
export const PTE_PROTNONE = 64
/** pte_special: the zero page; not counted, not reference-mapped. */
export const PTE_SPECIAL = 128
export const PTE_SHIFT = 8

// ---- migrate types
export const MIGRATE_UNMOVABLE = 0
export const MIGRATE_MOVABLE = 1
export const MIGRATE_RECLAIMABLE = 2
export const MIGRATE_HIGHATOMIC = 3
export const MIGRATE_ISOLATE = 4
export const MIGRATE_TYPES = 5

export const ZONE_DMA = 0
export const ZONE_DMA32 = 1
export const ZONE_NORMAL = 2
export const MAX_NR_ZONES = 3

// ---- LRU lists
export const LRU_INACTIVE_ANON = 0
export const LRU_ACTIVE_ANON = 1
export const LRU_INACTIVE_FILE = 2
export const LRU_ACTIVE_FILE = 3
export const LRU_UNEVICTABLE = 4
export const NR_LRU_LISTS = 5

// ---- GFP (include/linux/gfp_types.h; values as printed in the OOM report)
export const __GFP_DMA = 0x01
export const __GFP_DMA32 = 0x04
export const __GFP_MOVABLE = 0x08
export const __GFP_RECLAIMABLE = 0x10
export const __GFP_HIGH = 0x20
export const __GFP_IO = 0x40
export const __GFP_FS = 0x80
export const __GFP_ZERO = 0x100
export const __GFP_ATOMIC = 0x200
export const __GFP_DIRECT_RECLAIM = 0x400
export const __GFP_KSWAPD_RECLAIM = 0x800
export const __GFP_WRITE = 0x1000
export const __GFP_NOWARN = 0x2000
export const __GFP_RETRY_MAYFAIL = 0x4000
export const __GFP_NOFAIL = 0x8000
export const __GFP_NORETRY = 0x10000
export const __GFP_MEMALLOC = 0x20000
export const __GFP_COMP = 0x40000
export const __GFP_NOMEMALLOC = 0x80000
export const __GFP_HARDWALL = 0x100000
export const __GFP_THISNODE = 0x200000
export const __GFP_ACCOUNT = 0x400000
export const __GFP_RECLAIM = __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM
export const GFP_ATOMIC = __GFP_HIGH | __GFP_ATOMIC | __GFP_KSWAPD_RECLAIM
export const GFP_KERNEL = __GFP_RECLAIM | __GFP_IO | __GFP_FS
export const GFP_KERNEL_ACCOUNT = GFP_KERNEL | __GFP_ACCOUNT
export const GFP_NOWAIT = __GFP_KSWAPD_RECLAIM
export const GFP_NOFS = __GFP_RECLAIM | __GFP_IO
export const GFP_USER = GFP_KERNEL | __GFP_HARDWALL
export const GFP_HIGHUSER = GFP_USER | 0x02
export const GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | __GFP_MOVABLE
export const GFP_TRANSHUGE_LIGHT =
  (GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM
export const GFP_TRANSHUGE = GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM

// ---- VMA flags (include/linux/mm.h)
export const VM_READ = 0x1
export const VM_WRITE = 0x2
export const VM_EXEC = 0x4
export const VM_SHARED = 0x8
export const VM_MAYREAD = 0x10
export const VM_MAYWRITE = 0x20
export const VM_MAYEXEC = 0x40
export const VM_MAYSHARE = 0x80
export const VM_GROWSDOWN = 0x100
export const VM_PFNMAP = 0x400
export const VM_LOCKED = 0x2000
export const VM_IO = 0x4000
export const VM_SEQ_READ = 0x8000
export const VM_RAND_READ = 0x10000
export const VM_DONTCOPY = 0x20000
export const VM_DONTEXPAND = 0x40000
export const VM_LOCKONFAULT = 0x80000
export const VM_ACCOUNT = 0x100000
export const VM_NORESERVE = 0x200000
export const VM_HUGETLB = 0x400000
export const VM_DONTDUMP = 0x4000000
export const VM_HUGEPAGE = 0x20000000
export const VM_NOHUGEPAGE = 0x40000000
/** Linux's VM_MERGEABLE is bit 31; here bit 27, so that flags stay a positive int32. */
export const VM_MERGEABLE = 0x8000000

// ---- task states and flags
export const TASK_RUNNING = 0
export const TASK_INTERRUPTIBLE = 1
export const TASK_UNINTERRUPTIBLE = 2
export const TASK_STOPPED = 3
export const TASK_ZOMBIE = 4
export const TASK_DEAD = 5
/** Idle kernel thread (TASK_IDLE, shown as I). */
export const TASK_IDLE = 6
export const PF_EXITING = 0x4
export const PF_MEMALLOC = 0x800
export const PF_KSWAPD = 0x20000
export const PF_KTHREAD = 0x200000
/** A kernel thread that belongs to its CPU (PF_NO_SETAFFINITY). */
export const PF_NO_SETAFFINITY = 0x4000000
/** Chosen by the OOM killer (TIF_MEMDIE / oom_mm set). */
export const PF_OOM_VICTIM = 0x1000000

export interface SwapConfig {
  readonly bytes: number
  readonly device: 'hdd' | 'ssd' | 'nvme'
  readonly priority?: number
  readonly file?: boolean
}
/** What the machine is made of; fixed at boot. Sizes in bytes. */
export interface MachineConfig {
  readonly ram: number
  readonly cpus: number
  readonly swap: readonly SwapConfig[]
  readonly disk: 'hdd' | 'ssd' | 'nvme'
  readonly thp: 'always' | 'madvise' | 'never'
  readonly seed: number
  /** Lab machine: kernel threads and pid 1 only, no ASLR, tmpfs root. */
  readonly bare: boolean
  /** A lab machine with an ext4 file system on /mnt. Others have it as their root. */
  readonly ext4?: boolean
  readonly bootParams: readonly string[]
  readonly psi: boolean
  /** The processor has five-level page tables (CPUID la57); `no5lvl` among the boot parameters leaves them off. */
  readonly la57?: boolean
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
    /** struct page: 28 bytes a frame. A frame is on at most one list, so buddy, pcp, LRU and slab lists share the two links. */
    page: open_table(arena, 'page', frames + 1, {
      flags: 'i32',
      next: 'i32',
      prev: 'i32',
      /** anon_vma (PG_anon), inode, slab row (PG_slab) or page-table row (PG_table). */
      mapping: 'i32',
      /** Page offset in the mapping (anonymous: linear page index of the VMA, vm_pgoff based). */
      index: 'i32',
      /** Number of page-table entries that map it (0: none; a huge head counts its PMD maps). */
      mapcount: 'u16',
      memcg: 'u16',
      /** Swap slot while PG_swapcache; content tag for KSM and zswap else. */
      private: 'i32',
    }),
    /** One row per pageblock of 512 frames (row = pfn >> 9, from 0). */
    pageblock: open_table(arena, 'pageblock', (frames >> PAGEBLOCK_ORDER) + 2, { migratetype: 'u8', skip: 'u8' }),
    /** Row = zone + 1. */
    zone: open_table(arena, 'zone', MAX_NR_ZONES + 1, {
      start_pfn: 'f64',
      spanned_pages: 'f64',
      present_pages: 'f64',
      managed_pages: 'f64',
      nr_free: 'f64',
      watermark: ['f64', 3],
      watermark_boost: 'f64',
      lowmem_reserve: ['f64', 4],
      nr_reserved_highatomic: 'f64',
      /** Zone counters of /proc/zoneinfo in the order of the first vmstat names (nr_free_pages…nr_zone_write_pending, nr_mlock…). */
      stat: ['f64', 12],
      nr_lru: ['f64', 5],
      compact_considered: 'i32',
      compact_defer_shift: 'i32',
      compact_order_failed: 'i32',
      /** The scanners met in direct compaction: kswapd forgets the skip hints. */
      compact_blockskip_flush: 'u8',
      /** Where the scanners begin: the free one, and the migrate one in asynchronous and in synchronous runs. */
      compact_cached_free_pfn: 'f64',
      compact_cached_migrate_pfn: ['f64', 2],
      /** Where they began after the skip hints were last forgotten. */
      compact_init_free_pfn: 'f64',
      compact_init_migrate_pfn: 'f64',
      pcp_high: 'i32',
      pcp_batch: 'i32',
      /** ZONE_BOOSTED_WATERMARK, ZONE_RECLAIM_ACTIVE of mm/watermark. */
      flags: 'i32',
    }),
    /** Buddy free lists: row = 1 + (zone * MIGRATE_TYPES + type) * MAX_ORDER + order. */
    free_area: open_table(arena, 'free_area', 1 + MAX_NR_ZONES * MIGRATE_TYPES * MAX_ORDER, {
      head: 'i32',
      tail: 'i32',
      nr_free: 'i32',
    }),
    /** Per-CPU page lists: row = 1 + ((cpu * MAX_NR_ZONES + zone) * 12 + pindex). pindex = migratetype + 3 * order(0..3), or 12 for a huge page of any type, as Linux's order_to_pindex (rows of 16). */
    pcp: open_table(arena, 'pcp', 1 + 64 * MAX_NR_ZONES * 16, { head: 'i32', tail: 'i32', count: 'i32' }),
    pcp_set: open_table(arena, 'pcp_set', 1 + 64 * MAX_NR_ZONES, { count: 'i32', free_factor: 'i32' }),
    /** LRU lists of a memory cgroup: row = 1 + memcg * NR_LRU_LISTS + lru. */
    lru: open_table(arena, 'lru', 1 + 1024 * NR_LRU_LISTS, { head: 'i32', tail: 'i32', nr: 'f64' }),
    /** Memory cgroups: row = id, the root is 0 and has no row. Sizes in pages, Infinity is "max". */
    memcg: open_table(arena, 'memcg', 1024, {
      parent: 'i32',
      name: 'i32',
      /** Charged pages of the cgroup and all below it: memory, swap; the most it ever was. */
      usage: 'f64',
      swap: 'f64',
      peak: 'f64',
      max: 'f64',
      high: 'f64',
      low: 'f64',
      min: 'f64',
      swap_max: 'f64',
      swap_high: 'f64',
      /** Limit of memory.zswap.max, in pages. */
      zswap_max: 'f64',
      failcnt: 'f64',
      oom_group: 'u8',
      /** Controllers that its children get: bits in the order of cgroup.controllers. */
      subtree_control: 'u8',
      /** cgroup.max.depth and max.descendants, and one; 0 is "max". */
      max_depth: 'f64',
      max_descendants: 'f64',
      /** Pages of kernel memory: page tables, stacks, what slab objects were charged for. */
      kmem: 'f64',
      /** Bytes of slab objects of the subtree: reclaimable, unreclaimable. */
      slab_b: ['f64', 2],
      /** Bytes of a page charged for objects that no CPU holds at hand. */
      nr_charged_bytes: 'i32',
      /** MEMCG_… events of the subtree, and of the cgroup itself. */
      events: ['f64', 9],
      events_local: ['f64', 9],
      /** CPU time in ns, user and system, of tasks that have left the subtree; of those that came in before they did, less. */
      cpu_left: ['f64', 2],
      /** Pages on the LRU lists of the subtree. */
      lru_nr: ['f64', 5],
      /** Counts by vmstat index (pgscan_direct, workingset_refault_anon, …) of the subtree. */
      stat: ['f64', 200],
    }),
    /** Per lruvec (row = 1 + memcg): reclaim costs and refault ages. */
    lruvec: open_table(arena, 'lruvec', 1025, {
      anon_cost: 'f64',
      file_cost: 'f64',
      nonresident_age: 'f64',
      refaults: ['f64', 2],
    }),
    /** Per-CPU folio batches (mm/swap.ts): row = 1 + cpu * 8 + kind. */
    lru_batch: open_table(arena, 'lru_batch', 1 + 64 * 8, { nr: 'u8', pfn: ['i32', 15] }),
    /** list_lru of the shrinkers: 1 dentries, 2 inodes, 3 shadow nodes. */
    list_lru: open_table(arena, 'list_lru', 5, { head: 'i32', tail: 'i32', nr: 'f64', nr_deferred: 'f64' }),
    /** Dirty inodes by the time of their first dirtying: 1 waiting (b_dirty), 2 under writeback (b_io). */
    wb: open_table(arena, 'wb', 4, { head: 'i32', tail: 'i32' }),
    /** Callbacks that wait for a grace period (rcu/callbacks.ts): what to do, and with what. */
    rcu_head: open_table(arena, 'rcu_head', 1 << 20, { next: 'i32', func: 'u8', obj: ['i32', 3] }),
    /** RCU per CPU (row = cpu + 1): its callbacks by segment (rcu/segcblist.ts), and what it knows of grace periods. */
    rcu_data: open_table(arena, 'rcu_data', 65, {
      head: 'i32',
      last: 'i32',
      first: 'f64',
      tail: ['f64', 4],
      seg_seq: ['f64', 4],
      gp_seq: 'f64',
      core_needs_qs: 'u8',
      no_qs: 'u8',
      blimit: 'i32',
      /** The last jiffy whose tick it took. */
      jiffy: 'f64',
    }),
    /** The machine's grace periods, in row 1. */
    rcu_state: open_table(arena, 'rcu_state', 2, {
      active: 'u8',
      gp_seq: 'f64',
      gp_seq_needed: 'f64',
      gp_flags: 'u8',
      gp_state: 'u8',
      fqs_done: 'u8',
      qsmask: ['i32', 2],
    }),
    pid: open_table(arena, 'pid', 1 << 22, { task: 'i32' }),
    task: open_table(arena, 'task', 1 << 16, {
      pid: 'i32',
      tgid: 'i32',
      /** Threads of the group (in its leader's row); 0 means 1. */
      nr_threads: 'i32',
      parent: 'i32',
      child: 'i32',
      sibling_next: 'i32',
      sibling_prev: 'i32',
      /** All tasks in the order of creation, from var.task_head. */
      list_next: 'i32',
      list_prev: 'i32',
      state: 'u8',
      flags: 'i32',
      comm: 'i32',
      cmdline: 'i32',
      uid: 'i32',
      gid: 'i32',
      nice: 'i8',
      mm: 'i32',
      cgroup: 'i32',
      exit_code: 'i32',
      /** Status of the child that wait4 returned last. */
      exit_status: 'i32',
      exit_signal: 'i32',
      oom_score_adj: 'i16',
      start_ns: 'f64',
      // scheduler: run queue links, virtual time, last CPU, when it may run again
      rq_next: 'i32',
      rq_prev: 'i32',
      on_rq: 'u8',
      vruntime: 'f64',
      cpu: 'i16',
      wake_ns: 'f64',
      /** When it went to sleep. */
      sleep_ns: 'f64',
      timer: 'i32',
      /** What it waits for: a WAIT_… kind of sched/wait.ts and its argument; wchan is the Linux function, a string id. */
      wait_kind: 'u8',
      wait_arg: 'i32',
      wchan: 'i32',
      /** PSI: 1 memstall, 2 iowait, 4 running, 8 memstall running. */
      psi_flags: 'u8',
      utime: 'f64',
      stime: 'f64',
      nvcsw: 'f64',
      nivcsw: 'f64',
      min_flt: 'f64',
      maj_flt: 'f64',
      /** Of children that were waited for. */
      cmin_flt: 'f64',
      cmaj_flt: 'f64',
      cutime: 'f64',
      cstime: 'f64',
      /** Time on the run queue without running. */
      run_delay: 'f64',
      delay_ns: 'f64',
      read_bytes: 'f64',
      write_bytes: 'f64',
      rchar: 'f64',
      wchar: 'f64',
      syscr: 'f64',
      syscw: 'f64',
      tlb_hit: 'f64',
      tlb_miss: 'f64',
      walk_cycles: 'f64',
      /** Pending signals: bit n-1; handled: bit set means the program has a handler. */
      sig_pending: ['i32', 2],
      sig_handled: ['i32', 2],
      si_signo: 'i32',
      si_code: 'i32',
      si_addr: 'f64',
      /** Page + 1 of a fault that waits for I/O and will be tried again (FAULT_FLAG_TRIED). */
      fault_retry: 'f64',
      rlim_stack: 'f64',
      rlim_data: 'f64',
      rlim_as: 'f64',
      rlim_memlock: 'f64',
      fd_head: 'i32',
      program: 'i32',
      /** Slab objects that its existence holds (handles of mm/slub). */
      obj: ['i32', 12],
      /** First frame of its 16 KiB kernel stack. */
      stack_pfn: 'i32',
      reclaim_ns: 'f64',
      /** current->reclaim / page-fault scratch: nr_dirtied for throttling. */
      nr_dirtied: 'i32',
      /** Pages charged above memory.high since the last return to user mode. */
      memcg_over_high: 'i32',
      /** Dirtied pages after which balance_dirty_pages looks again. */
      nr_dirtied_pause: 'i32',
      dirty_pause_ns: 'f64',
      /** PR_SET_TIMERSLACK; 0: the default. */
      timerslack_ns: 'f64',
    }),
    mm: open_table(arena, 'mm', 1 << 16, {
      pgd: 'i32',
      mm_users: 'i32',
      owner: 'i32',
      /** VMAs sorted by address. */
      vma_head: 'i32',
      vma_tail: 'i32',
      vma_cache: 'i32',
      map_count: 'i32',
      total_vm: 'f64',
      locked_vm: 'f64',
      data_vm: 'f64',
      exec_vm: 'f64',
      stack_vm: 'f64',
      rss_file: 'f64',
      rss_anon: 'f64',
      rss_shmem: 'f64',
      swapents: 'f64',
      pgtables_bytes: 'f64',
      hiwater_rss: 'f64',
      hiwater_vm: 'f64',
      hugetlb_pages: 'f64',
      ksm_merging_pages: 'i32',
      ksm_rmap_items: 'i32',
      start_code: 'f64',
      end_code: 'f64',
      start_data: 'f64',
      end_data: 'f64',
      start_brk: 'f64',
      brk: 'f64',
      start_stack: 'f64',
      arg_start: 'f64',
      env_start: 'f64',
      env_end: 'f64',
      mmap_base: 'f64',
      def_flags: 'i32',
      flags: 'i32',
      /** coredump_filter, as the difference to its default. */
      dump_filter: 'i32',
      /** Which CPUs may hold its translations, and the generation of its TLB contexts. */
      cpumask: ['i32', 2],
      tlb_gen: 'i32',
      /** First maple-tree node and how many there are. */
      maple: 'i32',
      nr_maple: 'i32',
      /** Program file (row of `file`): /proc/PID/exe. */
      exe_file: 'i32',
      obj: ['i32', 4],
    }),
    /** Translation caches of each CPU (row = cpu + 1): one block of words, laid out by arch/x86/tlb.ts. */
    tlb: open_table(arena, 'tlb', cpus, { word: ['i32', 8192] }),
    vma: open_table(arena, 'vma', 1 << 20, {
      mm: 'i32',
      next: 'i32',
      prev: 'i32',
      vm_start: 'f64',
      vm_end: 'f64',
      vm_flags: 'i32',
      /** Page offset: in the file, or for anonymous VMAs vm_start >> 12 at creation. */
      vm_pgoff: 'f64',
      /** Open file (row of `file`), 0 for anonymous memory. */
      vm_file: 'i32',
      anon_vma: 'i32',
      /** anon_vma_chain head (row of `avc`). */
      avc: 'i32',
      /** i_mmap list of the inode. */
      i_next: 'i32',
      i_prev: 'i32',
      /** 0 normal, 1 vdso, 2 vvar (special mappings). */
      special: 'u8',
      /** VM_SOFTDIRTY was taken away by clear_refs: from then on single pages tell. */
      soft_clean: 'u8',
      obj: 'i32',
      /** VMA swap readahead: window << 8 | hits, of the last fault's page number. */
      swap_ra: 'i32',
      swap_ra_pfn: 'f64',
    }),
    /** Maple-tree nodes of the address spaces: slab objects, chained from mm.maple. */
    maple: open_table(arena, 'maple', 1 << 20, { next: 'i32', obj: 'i32' }),
    anon_vma: open_table(arena, 'anon_vma', 1 << 20, {
      root: 'i32',
      parent: 'i32',
      num_children: 'i32',
      num_active_vmas: 'i32',
      refcount: 'i32',
      /** List of avc rows through same_anon links. */
      head: 'i32',
      tail: 'i32',
      obj: 'i32',
    }),
    avc: open_table(arena, 'avc', 1 << 20, {
      vma: 'i32',
      anon_vma: 'i32',
      vma_next: 'i32',
      anon_next: 'i32',
      anon_prev: 'i32',
      obj: 'i32',
    }),
    /** KSM (mm/ksm.ts): an address that was scanned, by address in its address space; in a tree, or on a node's list. */
    ksm_rmap_item: open_table(arena, 'ksm_rmap_item', 1 << 20, {
      next: 'i32',
      mm: 'i32',
      address: 'f64',
      oldchecksum: 'i32',
      state: 'u8',
      seqnr: 'u8',
      /** Stable node, or the content it is found by in the unstable tree. */
      node: 'i32',
      list_next: 'i32',
      list_prev: 'i32',
      anon_vma: 'i32',
      obj: 'i32',
    }),
    /** KSM: a merged page and the addresses that map it. */
    ksm_stable_node: open_table(arena, 'ksm_stable_node', 1 << 19, {
      kpfn: 'i32',
      content: 'i32',
      head: 'i32',
      len: 'i32',
      chain_next: 'i32',
      obj: 'i32',
    }),
    /** Page tables: 512 entries each, for every level; `pfn` is the frame it lives in. */
    pt: open_table(arena, 'pt', 1 << 19, {
      entry: ['i32', 512],
      pfn: 'i32',
      /** Entries in use (present or swap): a table is freed with its range, as Linux does, not when it gets empty. */
      nr: 'u16',
      level: 'u8',
      /** PTE tables kept ready for the huge entries of a PMD table: first, and the chain. */
      deposit: 'i32',
      deposit_next: 'i32',
    }),
    inode: open_table(arena, 'inode', 1 << 20, {
      /** FS_… of mm/filemap.ts: ext4, tmpfs, anonymous shmem, block device, sysfs/proc. */
      fs: 'u8',
      ino: 'f64',
      i_size: 'f64',
      nlink: 'i32',
      /** Open files and mappings that hold it, and 1 while in the inode cache. */
      refcount: 'i32',
      name: 'i32',
      parent: 'i32',
      xa_root: 'i32',
      xa_height: 'u8',
      nrpages: 'i32',
      nrexceptional: 'i32',
      nr_dirty: 'i32',
      nr_writeback: 'i32',
      dirtied_when: 'f64',
      writeback_index: 'f64',
      i_mmap: 'i32',
      /** First block on its device, in pages; -1 for holes (tmpfs). */
      start_block: 'f64',
      /** On a list of `wb`: which one, and the links. */
      wb_list: 'u8',
      io_next: 'i32',
      io_prev: 'i32',
      lru_next: 'i32',
      lru_prev: 'i32',
      flags: 'i32',
      memcg: 'u16',
      shm_swapped: 'i32',
      /** Its name in the directory tree (row of `dentry`); 0 for files without one. */
      dentry: 'i32',
      obj: ['i32', 2],
    }),
    dentry: open_table(arena, 'dentry', 1 << 20, {
      inode: 'i32',
      parent: 'i32',
      name: 'i32',
      hash_next: 'i32',
      lru_next: 'i32',
      lru_prev: 'i32',
      flags: 'i32',
      refcount: 'i32',
      obj: 'i32',
    }),
    /** Chains of dentries by hash of parent and name. */
    dentry_hash: open_table(arena, 'dentry_hash', 1 << 14, { head: 'i32' }),
    file: open_table(arena, 'file', 1 << 18, {
      inode: 'i32',
      refcount: 'i32',
      flags: 'i32',
      pos: 'f64',
      ra_start: 'f64',
      ra_size: 'i32',
      ra_async_size: 'i32',
      ra_pages: 'i32',
      mmap_miss: 'i32',
      prev_pos: 'f64',
      obj: 'i32',
    }),
    fd: open_table(arena, 'fd', 1 << 20, { task: 'i32', next: 'i32', fd: 'i32', file: 'i32' }),
    /** XArray nodes: 64 slots; a slot holds 0, pfn (>0), or a shadow or swap value (<0). */
    /** Buffer heads of a page, one a block (row = page.private of a page with PG_private): slab objects. */
    buffers: open_table(arena, 'buffers', frames + 1, { bh: ['i32', 4] }),
    xa: open_table(arena, 'xa', 1 << 18, {
      slot: ['i32', 64],
      parent: 'i32',
      offset: 'u8',
      shift: 'u8',
      count: 'u8',
      nr_values: 'u8',
      inode: 'i32',
      lru_next: 'i32',
      lru_prev: 'i32',
      obj: 'i32',
      dirty: ['i32', 2],
      writeback: ['i32', 2],
    }),
    /** Swap slots of all areas (row = slot; an area owns a range of rows). */
    swap: open_table(arena, 'swap', slots, {
      /** swap_map: references by page-table entries and shmem; SWAP_HAS_CACHE 0x4000; 0x3fff bad. */
      map: 'u16',
      /** Swap cache: pfn (>0) or shadow (<0). */
      cache: 'i32',
      memcg: 'u16',
      content: 'i32',
      /** Row of `zswap_entry` while zswap has the page. */
      zswap: 'i32',
    }),
    /** A page stored by zswap (mm/zswap.ts); length 0: filled with one number. */
    zswap_entry: open_table(arena, 'zswap_entry', slots, { slot: 'i32', length: 'i32', handle: 'i32', obj: 'i32' }),
    /** A frame of the pool (mm/zbud.ts): chunks and entries of its first and last buddy. */
    zbud: open_table(arena, 'zbud', frames + 1, {
      pfn: 'i32',
      chunks: ['u8', 2],
      owner: ['i32', 2],
      lru_next: 'i32',
      lru_prev: 'i32',
      buddy_next: 'i32',
      buddy_prev: 'i32',
    }),
    zbud_list: open_table(arena, 'zbud_list', 67, { head: 'i32', tail: 'i32' }),
    swap_info: open_table(arena, 'swap_info', 33, {
      /** First row in `swap`, usable pages, used. */
      start: 'i32',
      pages: 'i32',
      inuse: 'i32',
      prio: 'i32',
      flags: 'i32',
      device: 'i32',
      name: 'i32',
      is_file: 'u8',
      cluster_next: 'i32',
      cluster_nr: 'i32',
      lowest: 'i32',
      highest: 'i32',
      /** Clusters of 256 slots on solid-state devices: rows of `swap_cluster`, and the free ones as a list. */
      cluster_start: 'i32',
      nr_clusters: 'i32',
      head: 'i32',
      tail: 'i32',
    }),
    /** Indexes of the swap cache (mm/swap_space.ts). */
    swap_space: open_table(arena, 'swap_space', 33 * ((slots >> 14) + 1), { inode: 'i32' }),
    /** A cluster of 256 slots: its slots in use; free clusters are linked. */
    swap_cluster: open_table(arena, 'swap_cluster', (slots >> 8) + 66, {
      count: 'u16',
      on_free: 'u8',
      next: 'i32',
      prev: 'i32',
    }),
    /** Per area and CPU (row = 1 + area * 64 + cpu): the cluster it allocates from and the next slot. */
    swap_percpu: open_table(arena, 'swap_percpu', 1 + 33 * 64, { cluster: 'i32', next: 'i32', cluster_next: 'i32' }),
    /** Per CPU (row = cpu + 1): slots taken in advance and slots to give back in a batch. */
    swap_slots: open_table(arena, 'swap_slots', 65, {
      nr: 'i32',
      cur: 'i32',
      slot: ['i32', 64],
      nr_ret: 'i32',
      ret: ['i32', 64],
    }),
    /** kmem_cache. */
    kmem_cache: open_table(arena, 'kmem_cache', 1024, {
      name: 'i32',
      object_size: 'i32',
      size: 'i32',
      align: 'i32',
      order: 'u8',
      objects: 'i32',
      min_order: 'u8',
      min_objects: 'i32',
      min_partial: 'i32',
      cpu_partial_slabs: 'i32',
      cpu_partial: 'i32',
      flags: 'i32',
      nr_slabs: 'i32',
      nr_partial: 'i32',
      partial_head: 'i32',
      partial_tail: 'i32',
      total_objects: 'i32',
      refcount: 'i32',
    }),
    /** Per cache and CPU: row = cache * 64 + cpu. */
    kmem_cache_cpu: open_table(arena, 'kmem_cache_cpu', 1024 * 64, {
      slab: 'i32',
      /** CPU partial chain through slab.next, newest first. */
      partial: 'i32',
      partial_slabs: 'i32',
    }),
    slab: open_table(arena, 'slab', 1 << 19, {
      cache: 'i32',
      pfn: 'i32',
      inuse: 'u16',
      objects: 'u16',
      frozen: 'u8',
      /** 1 on the node partial list, 2 on a CPU partial list. */
      on_list: 'u8',
      next: 'i32',
      prev: 'i32',
      /** One bit per object in use (up to 512). */
      used: ['i32', 16],
      /** Row of obj_cgroups once an object of it was charged. */
      obj_cgroups: 'i32',
    }),
    /** Who paid for the objects of a slab, by their place in it; 0 nobody. */
    obj_cgroups: open_table(arena, 'obj_cgroups', 1 << 14, { memcg: ['u16', 512] }),
    /** Requests on their way to a device. */
    bio: open_table(arena, 'bio', 1 << 16, {
      device: 'i32',
      write: 'u8',
      pfn: 'i32',
      nr: 'i32',
      submit_ns: 'f64',
      done_ns: 'f64',
      next: 'i32',
      kind: 'u8',
      obj: 'i32',
      /** Page index in the file of `obj`, for file I/O. */
      index: 'f64',
      /** First bio of the request it was merged into (itself when it was not), and when the device began with that. */
      first: 'i32',
      start_ns: 'f64',
    }),
    device: open_table(arena, 'device', 34, {
      kind: 'u8',
      name: 'i32',
      busy_until: 'f64',
      last_block: 'f64',
      reads: 'f64',
      writes: 'f64',
      read_sectors: 'f64',
      write_sectors: 'f64',
      read_ns: 'f64',
      write_ns: 'f64',
      busy_ns: 'f64',
      inflight: 'i32',
      weighted_ns: 'f64',
      read_merges: 'f64',
      write_merges: 'f64',
      /** Per direction (read, write): when its pipe is free, the block after the last request, requests in order of completion. */
      pipe_until: ['f64', 2],
      next_block: ['f64', 2],
      head: ['i32', 2],
      tail: ['i32', 2],
      timer: ['i32', 2],
      /** Pages of the last request of a direction; plugged: what follows it is merged even after its start. */
      request_pages: ['i32', 2],
      inflight_writes: 'i32',
      plugged: 'u8',
      plug_ns: 'f64',
      /** Pages on the device, and where the next new file begins. */
      pages: 'f64',
      next_free: 'f64',
    }),
    /** Timer heap entries: deadline, kind, argument. Waiting is data, never a closure. */
    timer: open_table(arena, 'timer', 1 << 17, {
      at: 'f64',
      kind: 'u8',
      arg: 'i32',
      /** Row of the timer at heap place 1, 2, …; `pos` is a timer's place. */
      heap: 'i32',
      pos: 'i32',
      seq: 'f64',
    }),
    /** Pressure stalls per CPU (row = cpu + 1): tasks by TSK_… flag, the states it is in since when, time per state. */
    /** Pressure per group and CPU: row = 1 + cgroup * CPUs + CPU; the machine is cgroup 0. */
    psi: open_table(arena, 'psi', 1 + 1024 * config.cpus, {
      nr: ['i32', 5],
      state_mask: 'i32',
      state_start: 'f64',
      times: ['f64', 7],
      times_prev: ['f64', 7],
    }),
    cpu: open_table(arena, 'cpu', cpus, {
      now: 'f64',
      current: 'i32',
      rq_head: 'i32',
      nr_running: 'i32',
      min_vruntime: 'f64',
      user: 'f64',
      nice: 'f64',
      system: 'f64',
      idle: 'f64',
      iowait: 'f64',
      softirq: 'f64',
      ctxt: 'f64',
      /** Interrupts taken: of the local timer, of disks. */
      loc: 'f64',
      irq: 'f64',
      /** Softirqs taken for RCU. */
      softirq_rcu: 'f64',
      /** Its thread for softirqs (row of `task`). */
      ksoftirqd: 'i32',
      need_resched: 'u8',
      /** The idle task runs: leaving and entering it are context switches. */
      is_idle: 'u8',
    }),
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
    panic: null,
  }
}

/** Bytes of physical address space that hold RAM: above 3 GiB RAM continues at 4 GiB (PCI hole). */
export function spanned_bytes(ram: number): number {
  const hole = 3 * 2 ** 30
  return ram <= hole ? ram : 4 * 2 ** 30 + (ram - hole)
}
