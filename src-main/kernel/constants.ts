/** Sizes, flags and states by the names and, where they are seen outside, the values that Linux gives them. */
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
/** The mark of readahead is the bit of PG_reclaim: a page that was to go meets readers as a marked one (page-flags.h). */
export const PG_readahead = PG_reclaim
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
/** mm.flags: its memory is (as good as) gone, the OOM killer may choose others. */
export const MMF_OOM_SKIP = 1 << 21
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
/** Lists of objects that shrinkers free (mm/list_lru.ts); DEFERRED_SPLIT only has its deferred work there. */
export const DENTRY_LRU = 1
export const INODE_LRU = 2
export const SHADOW_NODES = 3
export const DEFERRED_SPLIT = 4
export const NR_LIST_LRUS = 5
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
export const VM_WIPEONFORK = 0x2000000
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
