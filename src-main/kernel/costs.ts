/**
 * What things cost, in ns of CPU time, unless the name says otherwise. One table, so that CPU %, load and stalls come
 * out of the model. All of it is of one CPU, a 3 GHz server's. The reference kernel ran on an emulated CPU (QEMU's TCG):
 * a tenth of what was measured there is what it costs here. Whole programs also do what no entry counts, and took twelve
 * times as long as they do here (`slowdown: 12`, held within 30 % by test/lab/costs.test.ts):
 *
 *   (m) measured on the reference, per page or call, in quiet runs (others shared their host and took up to four times as
 *       long): a fault that maps the zero page 2.9–3.3 µs; first touch 8.5–9.6; writing again what fork shared and is
 *       shared no longer 4–7; copy on write 18; unmapping a page 2.2; read(2) of a cached page 2.1, of one from ext4 15;
 *       write(2) of a page to ext4 39–43, to tmpfs 16; a huge fault 3.5 per 4 KiB; dropping a cached page 3.8
 *   (l) published measurements of Linux 6.x on x86-64 servers (lmbench: context switch 1–2 µs, fork+exit 60–150 µs)
 *   (h) hardware: 10–12 GB/s memset of one page, page walks of 20–120 cycles
 *
 * What the hardware of an emulated CPU does (translation caches, walks) is that of the 3 GHz one, slowed down as all else.
 */
export const COST = {
  /** Entry and exit of a system call with mitigations (m). */
  syscall: 200,
  /** A path component looked up in the dentry cache (l); one that is searched in its directory, with its inode (m: 91 µs). */
  path_component: 150,
  path_component_miss: 6_000,
  /** Exception entry, VMA lookup, page-table walk, exit: what a fault on the zero page takes (m). */
  fault: 280,
  /** Mapping one further page in fault-around (m: 21 µs for 16). */
  fault_around_page: 100,
  /** clear_page of 4 KiB (m: a huge fault; h); huge pages cost 512 of them. */
  zero_page: 330,
  /** copy_user_highpage of 4 KiB (h); what else copy on write does is counted on its own. */
  copy_page: 700,
  /** copy_to_user / copy_from_user per 4 KiB of read(2), write(2) (m: cached pages). */
  copy_user_page: 165,
  /** A page of a file that is read from its disk: block mapping, its place in the bio, unlocking it (m: ext4). */
  read_page: 500,
  /** write_begin and write_end of a page: reservation, journal handle and buffer heads of ext4; accounting of tmpfs (m). */
  write_page_disk: 2_800,
  write_page_shmem: 600,
  /** One order-0 page from the per-CPU list; per refill or drain of a batch; splitting or merging in the buddy. */
  page_alloc: 80,
  page_free: 60,
  pcp_refill: 900,
  buddy_op: 40,
  /** rmap, memcg charge and LRU insertion of a new anonymous page (m: what remains of a first touch). */
  page_add: 120,
  /** Unmapping one present entry (m: with its freeing 2.2 µs), and looking at one table. */
  zap_page: 140,
  zap_table: 100,
  slab_alloc: 40,
  slab_free: 35,
  slab_new: 900,
  slab_shrink_object: 250,
  /** Taking an inode of a disk out of memory: its pages, extents and journal are looked at (l: drop_caches by the million). */
  inode_evict: 600,
  /** Asking the forty or so shrinkers of a running system what they have (m: 18–30 µs). */
  shrink_slab: 2_000,
  /** A pass over a cgroup that gives nothing (m: 36 futile calls of 13 passes each stalled its task for 9.1 ms). */
  shrink_memcg: 1_900,
  /** Page-table page: allocation without its zeroing. */
  pt_alloc: 300,
  /** One entry copied by fork (m: 3.7 ms for 8192, with all of fork). */
  fork_page: 30,
  /** fork of a process without its page tables; exec without its faults; exit without its pages (l). */
  fork: 45_000,
  exec: 180_000,
  exit: 20_000,
  wait: 1_000,
  signal_deliver: 1_200,
  mmap: 900,
  munmap: 1_100,
  vma_op: 400,
  /** Splitting an area: its copy and the stores of the maple tree, without the node objects (m: 154 µs for a munmap of two). */
  vma_split: 2_500,
  /** Switch between two tasks with different address spaces (l); wake-up of a sleeper; timer tick. */
  context_switch: 1_500,
  /**
   * Going to sleep for a request (m: swap_readpage less what it calls, 14 µs), and going on after it with cold caches (m: what
   * remains of the 110–130 µs from one sleep to the next of psi/thrash-256M); both beside the switches.
   */
  io_schedule: 800,
  io_resume: 2_900,
  wakeup: 600,
  tick: 900,
  softirq: 800,
  /**
   * Swapping (m, steps of reclaim/anon-swappiness60-repeat-b and -c): a page that is only looked at and kept 3.2 µs; swapped
   * out 18–20, looked at twice, in requests of 32; clean in the swap cache and freed 8; brought in 11 beside its request.
   * A page examined by shrink_folio_list or shrink_active_list; rmap walk per mapping; unmap by reclaim, with its flush.
   */
  scan_page: 150,
  rmap_walk: 150,
  unmap_page: 300,
  /** Building a bio and finding a place for it; ending it. */
  bio_submit: 300,
  bio_end: 100,
  /**
   * A request: from the scheduler to the driver (m: 12 µs); waking kblockd to do it (m: blk_mq_submit_bio 26 µs, 2.7 where a
   * plug takes the bio); and its interrupt and softirq.
   */
  request_dispatch: 1_000,
  run_queue_async: 1_900,
  request_complete: 1_250,
  /** A dirty page of a disk file on its way: its blocks, its mark, its place in the bio (m: with its end a quarter of its write). */
  writeback_page: 800,
  /** One page inserted into or deleted from the page cache. */
  page_cache_op: 250,
  /** One lookup in the page cache. */
  page_cache_lookup: 40,
  swap_slot: 100,
  /** A new page for a slot: charge, LRU, what is known of it from before. */
  swapin_page: 350,
  /** Compression and decompression of a page by zswap (LZO, h). */
  zswap_compress: 4_000,
  zswap_decompress: 1_500,
  /** Migration of one page by compaction (m: 35–58 µs with all scanning), one page scanned. */
  migrate_page: 3_500,
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
