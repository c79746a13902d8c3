/**
 * What things cost, in ns of CPU time, unless the name says otherwise. One table, so that CPU %, load and stalls come
 * out of the model. Sources: (m) measured on the reference kernel (first-touch writes of anonymous memory took
 * 2.8–3.8 µs each, zeroing included; getpid-like calls 0.1–0.2 µs); (l) published measurements of Linux 6.x on x86-64
 * servers (lmbench: context switch 1–2 µs, fork+exit 60–150 µs + 60 ns a mapped page); (h) hardware: 10 GB/s memset of
 * one page, 3 GHz core, page walks of 20–120 cycles.
 */
export const COST = {
  /** Entry and exit of a system call with mitigations (m). */
  syscall: 200,
  /** A path component looked up in the dentry cache (l), and one that is read from the directory. */
  path_component: 150,
  path_component_miss: 2_500,
  /** Exception entry, VMA lookup, page-table walk, exit; zeroing or copying not included (m). */
  fault: 1_400,
  /** Mapping one further page in fault-around (l). */
  fault_around_page: 60,
  /** memset of 4 KiB outside the cache (h); huge pages cost 512 of them. */
  zero_page: 500,
  /** copy_user_highpage of 4 KiB (h). */
  copy_page: 700,
  /** copy_to_user / copy_from_user per 4 KiB of read(2), write(2). */
  copy_user_page: 450,
  /** One order-0 page from the per-CPU list; per refill or drain of a batch; splitting or merging in the buddy. */
  page_alloc: 80,
  page_free: 60,
  pcp_refill: 900,
  buddy_op: 40,
  /** rmap, memcg charge and LRU insertion of a new anonymous page (m: what remains of 2.8 µs). */
  page_add: 500,
  /** Unmapping one present entry, and clearing an empty range of one table. */
  zap_page: 70,
  zap_table: 400,
  slab_alloc: 40,
  slab_free: 35,
  slab_new: 900,
  slab_shrink_object: 250,
  /** Taking an inode of a disk out of memory: its pages, extents and journal are looked at (l: drop_caches by the million). */
  inode_evict: 1_000,
  /** Asking the forty or so shrinkers of a running system what they have (l). */
  shrink_slab: 4_000,
  /** A pass over a cgroup that gives nothing (m: 36 futile calls of 13 passes each stalled its task for 9.1 ms). */
  shrink_memcg: 1_900,
  /** Page-table page: allocation without its zeroing. */
  pt_alloc: 300,
  /** One entry copied by fork (l). */
  fork_page: 60,
  /** fork of a process without its page tables; exec without its faults; exit without its pages (l). */
  fork: 45_000,
  exec: 180_000,
  exit: 20_000,
  wait: 1_000,
  signal_deliver: 1_200,
  mmap: 900,
  munmap: 1_100,
  vma_op: 300,
  /** Switch between two tasks with different address spaces (l); wake-up of a sleeper; timer tick. */
  context_switch: 1_500,
  wakeup: 600,
  tick: 900,
  softirq: 800,
  /**
   * Swapping out (m): a page cost 27–31 µs where a first touch took 10 µs, scanned twice, written in requests of 32
   * (reclaim/anon-swappiness60-repeat-b, -c: steps with and without writes). A page examined by shrink_folio_list or
   * shrink_active_list; rmap walk per mapping; unmap by reclaim, with its flush.
   */
  scan_page: 250,
  rmap_walk: 200,
  unmap_page: 1_200,
  /** Building a bio and finding a place for it; ending it. */
  bio_submit: 900,
  bio_end: 400,
  /** A request: from the scheduler to the driver, the device told; and its interrupt and softirq. */
  request_dispatch: 1_800,
  request_complete: 1_250,
  /** One page inserted into or deleted from the page cache. */
  page_cache_op: 250,
  /** One lookup in the page cache. */
  page_cache_lookup: 40,
  swap_slot: 200,
  /** A new page for a slot: charge, LRU, what is known of it from before. */
  swapin_page: 1_200,
  /** Compression and decompression of a page by zswap (LZO, h). */
  zswap_compress: 4_000,
  zswap_decompress: 1_500,
  /** Migration of one page by compaction, one pageblock scanned. */
  migrate_page: 1_500,
  compact_scan_page: 12,
  khugepaged_scan_page: 12,
  /** An entry that a walk of the multi-gen LRU looks at, with its page. */
  walk_pte: 12,
  /** A page looked at by ksmd (walk and checksum), and a comparison of two pages. */
  ksm_scan_page: 700,
  ksm_compare_page: 250,
  /** Inter-processor TLB shootdown, one page and a whole context flushed locally. */
  tlb_ipi: 2_000,
  tlb_flush_page: 120,
  tlb_flush_all: 250,
  oom_task: 300,
  /** A report of the OOM killer: the walk up the stack and some sixty lines into the log. */
  oom_report: 300_000,
  /** A core's clock: cycles of TLB misses and walks become ns with this (cycles per 1000 ns). */
  cycles_per_us: 3_000,
  /** Cycles (h): first-level hit (hidden), second-level hit, one level of a walk found in L1/L2/L3 or in memory. */
  tlb_l1_cycles: 1,
  tlb_l2_cycles: 7,
  walk_level_cached_cycles: 14,
  walk_level_memory_cycles: 120,
  /** One store or load of user code that hits everything, with the work around it. */
  access: 2,
} as const
