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
]
