/** Columns of the tables. Address spaces, the reverse map and page tables. */
import type { TableSpec } from '../lib/arena'

export const MM = {
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
  /** Of those, what its tasks have not told it yet (mm/rss_stat.ts): file, anonymous, swap, shared. */
  rss_unsynced: ['i32', 4],
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
  /** Root of its maple tree. */
  maple: 'i32',
  /** Program file (row of `file`): /proc/PID/exe. */
  exe_file: 'i32',
  /** How far its teardown is (mm/exit_mmap.ts), and the area and address that it goes on at. */
  exit_stage: 'u8',
  exit_vma: 'i32',
  exit_addr: 'f64',
  obj: ['i32', 4],
  /** On the list of the cgroup `lru_gen_memcg` - 1 for walks of page tables; it ran since the last of them. */
  lru_gen_next: 'i32',
  lru_gen_prev: 'i32',
  lru_gen_memcg: 'u16',
  lru_gen_used: 'u8',
} as const satisfies TableSpec

export const MAPLE = {
  /** Node object of the slab cache, 0 when there was no memory for one. */
  obj: 'i32',
  parent: 'i32',
  leaf: 'u8',
  /** Entries, and for each the last page of its range and what it is: an area or 0 in a leaf, else a node. */
  count: 'u8',
  pivot: ['f64', 16],
  slot: ['i32', 16],
} as const satisfies TableSpec

export const VMA = {
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
} as const satisfies TableSpec

export const ANON_VMA = {
  root: 'i32',
  parent: 'i32',
  num_children: 'i32',
  num_active_vmas: 'i32',
  refcount: 'i32',
  /** List of avc rows through same_anon links. */
  head: 'i32',
  tail: 'i32',
  obj: 'i32',
} as const satisfies TableSpec

export const AVC = {
  vma: 'i32',
  anon_vma: 'i32',
  vma_next: 'i32',
  anon_next: 'i32',
  anon_prev: 'i32',
  obj: 'i32',
} as const satisfies TableSpec

/** KSM (mm/ksm.ts): an address that was scanned, by address in its address space; in a tree, or on a node's list. */
export const KSM_RMAP_ITEM = {
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
} as const satisfies TableSpec

/** KSM: a merged page and the addresses that map it. */
export const KSM_STABLE_NODE = {
  kpfn: 'i32',
  content: 'i32',
  head: 'i32',
  len: 'i32',
  chain_next: 'i32',
  obj: 'i32',
} as const satisfies TableSpec

/** Page tables: 512 entries each, for every level; `pfn` is the frame it lives in. */
export const PT = {
  entry: ['i32', 512],
  pfn: 'i32',
  /** Entries in use (present or swap): a table is freed with its range, as Linux does, not when it gets empty. */
  nr: 'u16',
  level: 'u8',
  /** PTE tables kept ready for the huge entries of a PMD table: first, and the chain. */
  deposit: 'i32',
  deposit_next: 'i32',
  /** Multi-gen LRU: the generations (even and odd) whose walk looks into this PTE table. */
  walk_seq: ['i32', 2],
} as const satisfies TableSpec
