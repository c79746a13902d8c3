/**
 * Mistakes made by hand, one a run: each must be caught by the tests named with it (`npm run mutants`). `from` stands
 * exactly once in `file` (below src-main/kernel) and is replaced by `to` while the tests are loaded; no file is changed.
 */

/** @type {readonly import('./mutants.d.mts').Mutant[]} */
export const MUTANTS = [
  // ------------------------------------------------------------------ buddy allocator
  {
    module: 'buddy',
    what: 'a block merges with a buddy of another order',
    file: 'mm/buddy.ts',
    from: 'if ((f & FREE_MASK) !== (PG_buddy | (order << PG_ORDER_SHIFT))) break',
    to: 'if ((f & PG_buddy) === 0) break',
    tests: ['test/kernel/mm/page_alloc.test.ts'],
  },
  {
    module: 'buddy',
    what: 'the last buddy is not merged',
    file: 'mm/buddy.ts',
    from: 'while (order < MAX_ORDER - 1) {',
    to: 'while (order < MAX_ORDER - 2) {',
    tests: ['test/kernel/mm/page_alloc.test.ts'],
  },
  {
    module: 'buddy',
    what: 'a block that would merge further goes to the head, too',
    file: 'mm/buddy.ts',
    from: '(fpi_flags & FPI_TO_TAIL) !== 0 || buddy_merge_likely(flags, pfn, buddy, order)',
    to: '(fpi_flags & FPI_TO_TAIL) !== 0',
    tests: ['test/kernel/mm/page_alloc.test.ts'],
  },
  {
    module: 'buddy',
    what: 'a split keeps the upper half and gives the lower one back',
    file: 'mm/buddy.ts',
    from: 'const half = pfn + (1 << high)',
    to: 'const half = pfn + (1 << order)',
    tests: ['test/kernel/mm/page_alloc.test.ts'],
  },
  {
    module: 'buddy',
    what: 'freed pages are not counted free',
    file: 'mm/buddy.ts',
    from: 'if (migratetype !== MIGRATE_ISOLATE) __mod_zone_freepage_state(k, zone, 1 << order)',
    to: 'if (migratetype === MIGRATE_ISOLATE) __mod_zone_freepage_state(k, zone, 1 << order)',
    tests: ['test/kernel/mm/page_alloc.test.ts'],
  },
  // ------------------------------------------------------------------ faults and advice
  {
    module: 'faults',
    what: 'a page that is exclusive is looked at as any other when it is written',
    file: 'mm/wp.ts',
    from: 'if ((flags[pfn]! & PG_anon_exclusive) !== 0) return true',
    to: '',
    tests: ['test/kernel/mm/swap_fault.test.ts'],
  },
  {
    module: 'faults',
    what: 'populating leaves pages in the batches of the CPU',
    file: 'mm/gup.ts',
    from: '  lru_add_drain(k)',
    to: '',
    tests: ['test/lab/memory.test.ts'],
  },
  {
    module: 'faults',
    what: 'MADV_FREE takes locked areas',
    file: 'mm/madvise.ts',
    from: 'case MADV_FREE:\n      if ((flags & (VM_LOCKED | VM_PFNMAP)) !== 0) return -EINVAL',
    to: 'case MADV_FREE:',
    tests: ['test/lab/memory.test.ts'],
  },
  {
    module: 'faults',
    what: 'msync writes the rest of the file, too',
    file: 'mm/msync.ts',
    from: 'first + (to - at) / 4096 - 1)',
    to: 'first + 2 ** 30)',
    tests: ['test/lab/memory.test.ts'],
  },
]
