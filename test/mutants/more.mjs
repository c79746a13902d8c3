/** Mistakes in the allocator's slow path, reclaim, mappings, huge pages, files, the scheduler and the texts of /proc. */

import { of } from './of.mjs'

/** @type {readonly import('./mutants.d.mts').Mutant[]} */
export const MORE = [
  ...of(
    'slow path',
    ['test/kernel/mm/page_slowpath.test.ts'],
    [
      [
        'a request that may fail kills',
        'mm/page_slowpath.ts',
        '(gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) !== 0',
        '(gfp & __GFP_THISNODE) !== 0',
      ],
      ['eleven failures are told', 'mm/page_slowpath.ts', 'limit.printed++ >= 10', 'limit.printed++ > 10'],
      [
        'the dying get nothing from the reserves',
        'mm/page_slowpath.ts',
        'is_oom_victim(k, current) ? ALLOC_OOM : 0',
        '0',
      ],
      [
        'a request that must not fail fails',
        'mm/page_slowpath.ts',
        'return pfn !== 0 ? pfn : get_page_from_freelist(k, gfp, order, ALLOC_NO_WATERMARKS)',
        'return pfn',
      ],
      [
        'a whole page cache is reclaimable to the last round, but anonymous pages never are',
        'mm/page_slowpath.ts',
        'if (nr_swap_pages(k) > 0) nr +=',
        'if (nr_swap_pages(k) < 0) nr +=',
      ],
      [
        'a high-order failure is not asked to be silent',
        'mm/page_slowpath.ts',
        'const quiet = (gfp & __GFP_NOWARN) !== 0 ||',
        'const quiet =',
      ],
    ],
  ),
  ...of(
    'watermarks',
    ['test/kernel/mm/watermark.test.ts'],
    [
      [
        'the mark itself is enough',
        'mm/watermark.ts',
        'if (free_pages <= min + k.zone',
        'if (free_pages < min + k.zone',
      ],
      [
        'the reserve of atomic requests counts as free for all',
        'mm/watermark.ts',
        'free_pages -= k.zone.nr_reserved_highatomic[zone + 1]!',
        'free_pages -= 0',
      ],
      [
        'the dying get no more than others',
        'mm/watermark.ts',
        'if ((alloc_flags & ALLOC_OOM) !== 0) min -= int_div(min, 2)',
        '',
      ],
      [
        'a boost makes atomic pages fail',
        'mm/watermark.ts',
        'if (order !== 0 || (gfp & __GFP_ATOMIC) === 0 || !boosted) return false',
        'if (order !== 0 || (gfp & __GFP_ATOMIC) === 0 || boosted) return false',
      ],
      [
        'a zone is protected from requests for its own memory, too',
        'mm/watermark.ts',
        'if (j < MAX_NR_ZONES) managed += managed_pages[j + 1]!',
        'if (j < MAX_NR_ZONES) managed += managed_pages[j]!',
      ],
      [
        'the distance of the marks ignores their scale factor',
        'mm/watermark.ts',
        'Math.max(int_div(min, 4), int_div(managed * scale, 10000))',
        'int_div(min, 4)',
      ],
    ],
  ),
  ...of(
    'per-CPU lists',
    ['test/kernel/mm/pcp.test.ts'],
    [
      ['a list drains by the same batch each time', 'mm/pcp.ts', 'batch <<= k.pcp_set.free_factor[set]!\n', '\n'],
      [
        'an allocation does not calm a draining list down',
        'mm/pcp.ts',
        'pcp_set.free_factor[1 + k.var.cpu * MAX_NR_ZONES + zone]! >>= 1',
        'pcp_set.free_factor[1 + k.var.cpu * MAX_NR_ZONES + zone]! >>= 0',
      ],
      [
        'lists stay long while kswapd works',
        'mm/pcp.ts',
        'return Math.min(k.zone.pcp_batch[zone + 1]! << 2, high)',
        'return high',
      ],
      ['blocks of pages come as many as pages', 'mm/pcp.ts', 'Math.max(batch >> order, 2)', 'batch'],
      [
        'a page of a reserved block goes to the list of its own type',
        'mm/pcp.ts',
        'mt >= MIGRATE_PCPTYPES ? MIGRATE_MOVABLE : mt, order)',
        'mt >= MIGRATE_PCPTYPES ? MIGRATE_RECLAIMABLE : mt, order)',
      ],
      [
        'blocks freed in a row are not given back at once',
        'mm/pcp.ts',
        'if (high === 0 || free_high) return 0',
        'if (high === 0) return 0',
      ],
    ],
  ),
  ...of(
    'vmscan',
    ['test/kernel/mm/vmscan.test.ts'],
    [
      [
        'kswapd stops at the low mark',
        'mm/kswapd.ts',
        'zone_watermark_ok(k, zone, order, high_wmark_pages(k, zone), Math',
        'zone_watermark_ok(k, zone, order, low_wmark_pages(k, zone), Math',
      ],
      [
        'a boost is never taken back',
        'mm/kswapd.ts',
        'k.zone.watermark_boost[row]! -= Math.min(k.zone.watermark_boost[row]!, boost)',
        '',
      ],
      [
        'a page that two tasks use goes round again',
        'mm/shrink_list.ts',
        'if (was_referenced || ptes > 1) return',
        'if (was_referenced) return',
      ],
      ['half of a large machine is to be inactive', 'mm/scan_count.ts', 'gb > 0 ? int_sqrt(10 * gb) : 1', '1'],
      [
        'what was written out costs nothing',
        'mm/shrink_list.ts',
        'lru_note_cost(k, memcg, file, stat.nr_pageout)',
        'lru_note_cost(k, memcg, file, 0)',
      ],
      [
        'in the last round anonymous pages are spared',
        'mm/scan_count.ts',
        "if (sc.priority === 0 && swappiness !== 0) return 'equal'",
        '',
      ],
    ],
  ),
  ...of(
    'areas',
    ['test/kernel/mm/vma_merge.test.ts'],
    [
      [
        "an area with a parent's pages merges with a fresh one",
        'mm/vma_merge.ts',
        '(a === 0 || b === 0) && (vma === 0 || list_is_singular(k, vma))',
        'a === 0 || b === 0',
      ],
      [
        'a hole is made at the limit of areas',
        'mm/mmap.ts',
        'k.mm.map_count[mm]! >= max_map_count(k)) return -ENOMEM\n    const',
        'k.mm.map_count[mm]! > max_map_count(k)) return -ENOMEM\n    const',
      ],
      ['what a mapping replaces counts twice', 'mm/mmap.ts', 'len / 4096 - replaced', 'len / 4096'],
      [
        'the rest of an area that lost its head keeps its offset',
        'mm/vma_merge.ts',
        'pgoff_at(k, covered, end))',
        'k.vma.vm_pgoff[covered]!)',
      ],
      [
        'memory that is replaced stays committed',
        'mm/mmap.ts',
        'if ((flags & VM_ACCOUNT) !== 0) vm_unacct_memory(k, pages)',
        'if ((flags & VM_ACCOUNT) !== 0 && pages > 1) vm_unacct_memory(k, pages)',
      ],
      [
        'parts of a file merge wherever they are',
        'mm/vma_merge.ts',
        'k.vma.vm_pgoff[vma] === pgoff\n',
        'k.vma.vm_pgoff[vma]! >= pgoff\n',
      ],
    ],
  ),
  ...of(
    'hugetlb',
    ['test/kernel/mm/hugetlb_pool.test.ts', 'test/kernel/mm/hugetlb.test.ts'],
    [
      [
        'a promise that fails halfway keeps its surplus pages',
        'mm/hugetlb_pool.ts',
        'return_unused_surplus_pages(k, h, h.surplus - surplus)',
        'return_unused_surplus_pages(k, h, 0)',
      ],
      [
        'a growing pool does not take surplus pages over',
        'mm/hugetlb_pool.ts',
        'while (h.surplus > 0 && count > h.nr - h.surplus) h.surplus--\n',
        '\n',
      ],
      [
        'a shrinking pool breaks promises',
        'mm/hugetlb_pool.ts',
        'Math.max(count, h.resv + h.nr - h.free.length)',
        'Math.max(count, h.nr - h.free.length)',
      ],
      [
        'used pages give their promise back once more',
        'mm/hugetlb.ts',
        'if (is_promised(map, i)) unused++',
        'unused++',
      ],
      [
        'a mapping without a promise takes what others were promised',
        'mm/hugetlb.ts',
        '!promised && h.free.length - h.resv <= 0 &&',
        '!promised && h.free.length <= 0 &&',
      ],
      [
        "a child writes into its parent's page",
        'mm/hugetlb.ts',
        'if (k.page.mapcount[old] === 1 ||',
        'if (k.page.mapcount[old]! <= 2 ||',
      ],
      ['a hole keeps its promise', 'mm/hugetlb.ts', '    map.holes[offset] = true\n', ''],
      [
        'a hole is made for who asks alone',
        'mm/hugetlb.ts',
        'is_vm_hugetlb_page(k, other) && k.vma.swap_ra[other] === id)',
        'other === vma && k.vma.swap_ra[other] === id)',
      ],
      [
        'a move gives the promise back',
        'mm/hugetlb.ts',
        '  map.users--\n  k.vma.swap_ra[vma] = s.next\n',
        '  return\n',
      ],
      [
        'a part of shared memory that goes takes its promise along',
        'mm/hugetlb.ts',
        'give_back(k, h, map, 0, map.pages)',
        'give_back(k, h, map, 0, 1)',
      ],
    ],
  ),
  ...of(
    'locked parts',
    ['test/lab/lockedParts.test.ts'],
    [
      [
        'a huge page that is unmapped stays locked',
        'mm/huge_memory.ts',
        '  page_remove_compound_rmap(k, pfn)\n  munlock_vma_huge_page(k, pfn, vma)\n',
        '  page_remove_compound_rmap(k, pfn)\n',
      ],
      [
        'a huge page whose entry is split stays locked',
        'mm/huge_memory.ts',
        '    munlock_vma_huge_page(k, pfn, vma)\n  }\n',
        '  }\n',
      ],
      [
        'a page from swap is not locked',
        'mm/rmap.ts',
        '  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0) mlock_page(k, pfn)\n}\n/** A page that others',
        '}\n/** A page that others',
      ],
      [
        'shared memory in the swap cache is not resident',
        'mm/mincore.ts',
        'return slot > 0 && k.swap.cache[slot]! > 0',
        'return false',
      ],
      [
        'an entry that goes takes the slot of a mapped page',
        'mm/swapfile.ts',
        'if (!page_mapped(k, pfn) || mem_cgroup_swap_full(k, pfn)) try',
        'if (pfn > 0) try',
      ],
    ],
  ),
  ...of(
    'huge pages',
    ['test/kernel/mm/khugepaged.test.ts'],
    [
      ['khugepaged wants two pages of 512', 'mm/khugepaged.ts', '++none > max_none', '++none >= max_none'],
      [
        'khugepaged gives up at the 256th shared page',
        'mm/khugepaged.ts',
        '++shared > max_shared',
        '++shared >= max_shared',
      ],
      ['khugepaged takes pages that nobody uses', 'mm/khugepaged.ts', 'referenced === 0 || ', ''],
      [
        'a page that goes stays in the queue',
        'mm/deferred_split.ts',
        '  list_del(queues(k), memcg[head]!, links(k), head)\n',
        '',
      ],
      [
        'MADV_FREE takes what a child shares',
        'mm/madvise_pages.ts',
        '(entry & PTE_SPECIAL) !== 0 || compound_ref_count(k, pfn) !== 1',
        '(entry & PTE_SPECIAL) !== 0',
      ],
      [
        'an area of exactly one huge page gets small ones',
        'mm/thp.ts',
        'haddr + PMD_SIZE <= k.vma.vm_end[vma]!',
        'haddr + PMD_SIZE < k.vma.vm_end[vma]!',
      ],
      [
        'a huge page is unmapped as a whole and waits for its split',
        'mm/huge_memory.ts',
        'if (unmapped > 0 && unmapped < HPAGE_PMD_NR)',
        'if (unmapped > 0)',
      ],
    ],
  ),
  ...of(
    'files',
    ['test/kernel/mm/filemap.test.ts'],
    [
      [
        'a background limit above the limit is half a page short',
        'mm/page_writeback.ts',
        'background >= thresh ? int_div(thresh, 2)',
        'background > thresh ? int_div(thresh, 2)',
      ],
      [
        'writers run free up to the limit',
        'mm/page_writeback.ts',
        'const freerun = int_div(thresh + background, 2)',
        'const freerun = thresh',
      ],
      [
        'every small read of a page is an access',
        'mm/filemap.ts',
        'if (i > 0 || !same) mark_page_accessed',
        'mark_page_accessed',
      ],
    ],
  ),
  ...of(
    'files',
    ['test/kernel/mm/readahead.test.ts'],
    [
      [
        'the mark of readahead is a page late',
        'mm/readahead.ts',
        'if (i === nr - lookahead)',
        'if (i === nr - lookahead + 1)',
      ],
      [
        'the next window begins a page late',
        'mm/readahead.ts',
        'f.ra_start[file] = start + size\n',
        'f.ra_start[file] = start + size + 1\n',
      ],
      [
        'a fault reads only what comes after it',
        'mm/filemap.ts',
        'Math.max(0, vmf.pgoff - ra_pages / 2)',
        'Math.max(0, vmf.pgoff)',
      ],
      [
        'the trace of a reader whose state is lost is not seen',
        'mm/readahead.ts',
        'if (size <= req_size) return false',
        'if (size > 0) return false',
      ],
    ],
  ),
  ...of(
    'scheduler',
    ['test/kernel/sched/core.test.ts'],
    [
      ['avg60 and avg300 change places', 'sched/psi.ts', '[1677, 1981, 2034]', '[1677, 2034, 1981]'],
      [
        'the stalls of an idle CPU weigh as much as those of a busy one',
        'sched/psi.ts',
        'const nonidle = Math.floor(recent(PSI_NONIDLE) / JIFFY_NS)',
        'const nonidle = 1',
      ],
      [
        'the time that a task waits for the CPU is forgotten',
        'sched/core.ts',
        'task.run_delay[t]! += Math.max(0, began - task.wake_ns[t]!)\n',
        '\n',
      ],
      [
        'hundredths of the load are cut, not rounded',
        'sched/loadavg.ts',
        'const value = load + FIXED_1 / 200',
        'const value = load',
      ],
      [
        'a task that comes late makes up for all the time before it',
        'task.ts',
        'if (least > k.cpu.min_vruntime[row]!) k.cpu.min_vruntime[row] = least',
        '',
      ],
      [
        'the load counts what is running only',
        'sched/loadavg.ts',
        '(nr_running(k) + nr_uninterruptible(k)) *',
        'nr_running(k) *',
      ],
    ],
  ),
  ...of(
    'proc',
    ['test/kernel/proc/figures.test.ts'],
    [
      ['0… is read as a decimal', 'entry/sysctl_parse.ts', '`0o${digits.slice(1)}`', 'digits.slice(1)'],
      [
        'zoneinfo shows marks without their boost',
        'proc/zones.ts',
        'v(z.watermark[r * 3 + 1]) + boost}',
        'v(z.watermark[r * 3 + 1])}',
      ],
      [
        'a short write forgets the numbers after it',
        'entry/sysctl_parse.ts',
        'const values = [...old]',
        'const values: string[] = []',
      ],
      [
        'VmHWM follows VmRSS down',
        'proc/pid.ts',
        "row('VmHWM', Math.max(m.hiwater_rss[mm]!, rss) * 4)",
        "row('VmHWM', rss * 4)",
      ],
      [
        'statm shares the files only',
        'proc/pid.ts',
        'const shared = get_mm_counter(k, mm, MM_FILEPAGES) + get_mm_counter(k, mm, MM_SHMEMPAGES)',
        'const shared = get_mm_counter(k, mm, MM_FILEPAGES)',
      ],
      [
        'waiting for a disk is idle time of uptime',
        'proc/system.ts',
        'idle += k.cpu.idle[row]!\n',
        'idle += k.cpu.idle[row]! + k.cpu.iowait[row]!\n',
      ],
      [
        'drop_caches takes any number',
        'entry/sysctl_parse.ts',
        'Number(value) < min || Number(value) > max',
        'Number(value) < min',
      ],
      [
        'smaps counts a page that two tasks map as private',
        'proc/smaps.ts',
        'if (mapcount < 2) mss.private_dirty += size',
        'if (mapcount < 3) mss.private_dirty += size',
      ],
    ],
  ),
  ...of(
    'generations',
    ['test/kernel/mm/lru_gen.fuzz.test.ts'],
    [
      [
        'the youngest generation alone is active',
        'mm/lru_gen.ts',
        'return gen === lru_gen_from_seq(max_seq) || gen === lru_gen_from_seq(max_seq - 1)',
        'return gen === lru_gen_from_seq(max_seq)',
      ],
      [
        'what is to go first goes to the second oldest generation',
        'mm/lru_gen.ts',
        'else if (reclaiming || min_seq + MIN_NR_GENS >= max_seq) seq = min_seq',
        'else if (min_seq + MIN_NR_GENS >= max_seq) seq = min_seq',
      ],
      [
        'a promoted page keeps its references',
        'mm/lru_gen.ts',
        '  folio_clear_refs(k, pfn)\n  k.page.lru_gen[pfn] = (k.page.lru_gen[pfn]! & ~GEN_MASK) | (gen + 1)',
        '  k.page.lru_gen[pfn] = (k.page.lru_gen[pfn]! & ~GEN_MASK) | (gen + 1)',
      ],
      [
        'anonymous pages are evicted further than file pages',
        'mm/lru_gen_aging.ts',
        'min_seq[LRU_GEN_ANON] = Math.min(min_seq[LRU_GEN_ANON], min_seq[LRU_GEN_FILE])',
        '',
      ],
      [
        'switched off, what was hot is not active',
        'mm/lru_gen.ts',
        'if (!reclaiming && lru_gen_is_active(k, lru_gen_row(memcg), gen))',
        'if (reclaiming && lru_gen_is_active(k, lru_gen_row(memcg), gen))',
      ],
    ],
  ),
  ...of(
    'generations',
    ['test/kernel/mm/lru_gen_evict.test.ts'],
    [
      [
        'the walk leaves the accessed bits',
        'mm/lru_gen_walk.ts',
        'k.pt.entry[slot] = entry & ~PTE_A\n  if ((entry & PTE_D) === 0',
        'if ((entry & PTE_D) === 0',
      ],
      ['tables that nobody used are walked too', 'mm/lru_gen_walk.ts', 'if ((entry & PTE_A) === 0) return end\n', ''],
      [
        'a table is worth the next walk whatever was found',
        'mm/lru_gen_walk.ts',
        'return young * 8 >= total',
        'return young * 9 >= total',
      ],
      [
        'a refault counts whatever generation it was evicted from',
        'mm/lru_gen_ctrl.ts',
        'if (token >>> LRU_REFS_WIDTH !== (min_seq & (mask >>> LRU_REFS_WIDTH))) return\n',
        '',
      ],
      [
        'every tier is as good as the first',
        'mm/lru_gen_ctrl.ts',
        'read_ctrl_pos(k, row, type, tier, 2))) tier++',
        'read_ctrl_pos(k, row, type, tier, 1))) tier++',
      ],
      [
        'half of the pages may be in the oldest generation before aging stops',
        'mm/lru_gen_aging.ts',
        'old * (MIN_NR_GENS + 2) < total',
        'old * MIN_NR_GENS < total',
      ],
      [
        'a page that waits for its write is hot',
        'mm/lru_gen_evict.ts',
        'if ((flags[pfn]! & PG_reclaim) !== 0 && (flags[pfn]! & (PG_dirty | PG_writeback)) !== 0) {',
        'if ((flags[pfn]! & PG_reclaim) !== 0 && (flags[pfn]! & PG_dirty) !== 0) {',
      ],
    ],
  ),
]
