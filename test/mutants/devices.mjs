/** Mistakes in disks and their drivers, writeback, zswap, KSM, RCU, and in counts that lag. */
import { of } from './of.mjs'

/** @type {readonly import('./mutants.d.mts').Mutant[]} */
export const DEVICES = [
  ...of(
    'block',
    ['test/kernel/block/device.test.ts'],
    [
      ['a plug holds one request more', 'block/blk_mq.ts', 'MAX_PLUGGED_REQUESTS = 32', 'MAX_PLUGGED_REQUESTS = 33'],
      [
        'a request of a plug may grow to any size',
        'block/blk_mq.ts',
        ' || (tail !== 0 && pages_up_to(k, tail) >= PLUG_FLUSH_PAGES)',
        '',
      ],
      [
        'the inner end of two plugs lets go',
        'block/blk_mq.ts',
        'if (--k.task.plug_depth[t]! === 0)',
        'if (--k.task.plug_depth[t]! >= 0)',
      ],
      [
        'a request that became part of another keeps its tag',
        'block/device.ts',
        '    blk_mq_put_request(k, head)\n',
        '',
      ],
      [
        'everybody may have as many writes under way as kswapd',
        'block/wbt.ts',
        '(close ? background : normal)',
        'depth',
      ],
      ['what the device works on still grows', 'block/device.ts', 'return k.bio.start_ns[tail]! > at', 'return true'],
      [
        'a short seek takes as long as a far one',
        'block/device.ts',
        'distance <= NEAR_PAGES ? full / NEAR_DIVISOR : full',
        'full',
      ],
      [
        'writes that wait do not let reads pass',
        'block/device.ts',
        'else if (d.pipe_until[writes]! > at) d.pipe_until[writes]! += service',
        'start = Math.max(start, d.pipe_until[writes]!)',
      ],
    ],
  ),
  ...of(
    'drivers',
    ['test/kernel/drivers.test.ts'],
    [
      [
        'a module that is there is loaded again',
        'drivers/modules.ts',
        'if (!loaded(k).includes(name)) load_module',
        'load_module',
      ],
      ['the copy of a module’s file stays', 'drivers/modules.ts', '  vfree(k, copy)\n', ''],
      ['the text of a module stays writable', 'drivers/modules.ts', '  set_memory_ro(k, image)\n', ''],
      ['a file system that is mounted is in use by nobody', 'drivers/modules.ts', "name === 'ext4' ? 1 : 0", '0'],
      [
        'all CPUs share one queue of a disk with many',
        'drivers/gendisk.ts',
        'let queue = per_cpu ? k.config.cpus : 1',
        'let queue = 1',
      ],
      [
        'requests lie without gaps',
        'drivers/gendisk.ts',
        'Math.ceil((REQUEST_BYTES + command) / CACHE_LINE) * CACHE_LINE',
        'REQUEST_BYTES + command',
      ],
    ],
  ),
  ...of(
    'writeback',
    ['test/kernel/mm/fs_writeback.test.ts'],
    [
      [
        'the periodic look takes what is dirty only now',
        'mm/fs_writeback.ts',
        'queue_io(k, dirtied_before(k, work))',
        'queue_io(k, Infinity)',
      ],
      [
        'the dirty limit follows down at once',
        'mm/fs_writeback.ts',
        '(work.dirty_limit - target) >> 5',
        'work.dirty_limit - target',
      ],
      ['a turn may write half of what may be dirty', 'mm/fs_writeback.ts', 'DIRTY_SCOPE = 8', 'DIRTY_SCOPE = 2'],
      [
        'a file that was written from its middle is not begun again',
        'mm/fs_writeback.ts',
        'if (work.left > 0 && !work.cycled) {',
        'if (work.left > 0 && work.cycled) {',
      ],
      [
        'a range that is written moves the file’s turns',
        'mm/writepages.ts',
        'k.inode.writeback_index[inode] = turn',
        'k.inode.writeback_index[inode] = turn * 0',
      ],
      [
        'sync waits for nothing that was written before it',
        'mm/fs_writeback.ts',
        'if (k.inode.nr_writeback[inode]! > 0) filemap_write_and_wait(k, inode)',
        '',
      ],
      [
        'work of a flusher that is busy is begun again',
        'mm/fs_writeback.ts',
        'if (k.inode.wb_list[inode] !== 0) return\n  k.inode.dirtied_when',
        'if (k.inode.wb_list[inode] === 1) return\n  k.inode.dirtied_when',
      ],
    ],
  ),
  ...of(
    'zswap',
    ['test/kernel/mm/zswap.test.ts'],
    [
      [
        'a pool that was full takes pages at once again',
        'mm/zswap.ts',
        'if (!zswap_can_accept(k, s)) return shrink_instead(k, s)',
        '',
      ],
      ['what is written back stays as long as other pages', 'mm/zswap.ts', 'PG_uptodate | PG_reclaim', 'PG_uptodate'],
      [
        'the limits of cgroups above do not hold',
        'mm/zswap.ts',
        'for (let m = memcg; m > 0; m = k.memcg.parent[m]!)',
        'for (let m = memcg; m > 0; m = 0)',
      ],
      [
        'the youngest frame is written back',
        'mm/zbud.ts',
        'return k.zbud_list.tail[LRU]!',
        'return k.zbud_list.head[LRU]!',
      ],
      ['a buddy must leave a chunk free', 'mm/zbud.ts', 'for (let free = chunks;', 'for (let free = chunks + 1;'],
      [
        'a number takes as much room as any page',
        'mm/zswap.ts',
        "if (content > 0 && zswap_param(k, 'same_filled_pages_enabled') !== 0)",
        'if (content < 0)',
      ],
    ],
  ),
  ...of(
    'KSM',
    ['test/kernel/mm/ksm.test.ts'],
    [
      [
        'a page is merged before it has stood still',
        'mm/ksm_scan.ts',
        'if (items.oldchecksum[item] !== checksum) {',
        'if (items.oldchecksum[item] < 0) {',
      ],
      [
        'a merged page may be written still',
        'mm/ksm_merge.ts',
        'k.pt.entry[slot] = entry & ~(PTE_W | PTE_D)',
        'k.pt.entry[slot] = entry & ~PTE_D',
      ],
      ['a full page is shared once more', 'mm/ksm_stable.ts', 'len < max', 'len <= max'],
      [
        'the addresses that fork made are not found',
        'mm/ksm_stable.ts',
        'for (const search_new_forks of [false, true])',
        'for (const search_new_forks of [false])',
      ],
      [
        'an address space that comes during a scan is scanned next',
        'mm/ksm.ts',
        's.slots.splice(s.slot++, 0, { mm, obj, head: 0 })',
        's.slots.splice(s.slot + 1, 0, { mm, obj, head: 0 })',
      ],
      ['items of addresses that went stay', 'mm/ksm_scan.ts', 'remove_trailing_rmap_items(k, s, slot, s.item)', ''],
    ],
  ),
  ...of(
    'RCU',
    ['test/kernel/rcu/tree.test.ts'],
    [
      [
        'callbacks run at the end of a grace period that began before them',
        'rcu/segcblist.ts',
        'seq < seg_seq[at + i]!) break',
        'seq < 0) break',
      ],
      [
        'however many wait, ten run at a time',
        'rcu/tree.ts',
        'Math.max(k.rcu_data.blimit[row]!, cblist_len(k, row) >> RCU_DIVISOR)',
        'k.rcu_data.blimit[row]!',
      ],
      ['an idle CPU runs ten at a time', 'rcu/softirq.ts', 'rcu_core(k, row, !idle)', 'rcu_core(k, row, true)'],
      [
        'a CPU that sleeps holds grace periods up',
        'rcu/tree.ts',
        'k.cpu.is_idle[row] !== 0\n    if (quiet',
        'false\n    if (quiet',
      ],
      [
        'credentials go with their task',
        'rcu/callbacks.ts',
        'if (obj3 !== 0) kmem_cache_free_rcu(k, obj3)',
        'if (obj3 !== 0) kmem_cache_free(k, cache_of(k, obj3), obj3)',
      ],
      ['ksoftirqd has to do nothing', 'rcu/tree.ts', 'MAX_SOFTIRQ_RESTART = 10', 'MAX_SOFTIRQ_RESTART = 1000'],
    ],
  ),
  ...of(
    'rss_stat',
    ['test/kernel/mm/rss_stat.test.ts'],
    [
      [
        'a task tells its counts a fault early',
        'mm/rss_stat.ts',
        'k.task.rss_events[t]!++ > EVENTS_THRESH',
        'k.task.rss_events[t]!++ >= EVENTS_THRESH',
      ],
      ['a task tells its counts once, then at each fault', 'mm/rss_stat.ts', '  k.task.rss_events[t] = 0\n', ''],
      [
        'a fault in another’s memory is counted in the task',
        'mm/rss_stat.ts',
        '  if (k.task.mm[t] !== mm) return\n',
        '',
      ],
      ['fewer than no pages are seen', 'mm/rss_stat.ts', 'return Math.max(0, column', 'return Math.max(-1e9, column'],
      [
        'pages of shared memory count as pages of files',
        'mm/rss_stat.ts',
        '? MM_SHMEMPAGES : MM_FILEPAGES',
        '? MM_FILEPAGES : MM_FILEPAGES',
      ],
    ],
  ),
  ...of(
    'memcg_kmem',
    ['test/kernel/mm/memcg_kmem.test.ts'],
    [
      [
        'a CPU tells memory.stat of every second object',
        'mm/memcg_kmem.ts',
        'Math.abs(stock.nr_slab[item]) > PAGE_SIZE',
        'Math.abs(stock.nr_slab[item]) > 0',
      ],
      ['an object’s name is free', 'mm/memcg_kmem.ts', 'const POINTER = 8', 'const POINTER = 0'],
      [
        'what can be reclaimed and what cannot change places',
        'mm/memcg_kmem.ts',
        '& SLAB_RECLAIM_ACCOUNT) !== 0 ? 0 : 1',
        '& SLAB_RECLAIM_ACCOUNT) !== 0 ? 1 : 0',
      ],
      [
        'what is left of a page is lost when the CPU works for another cgroup',
        'mm/memcg_kmem.ts',
        'stock.nr_bytes = k.memcg.nr_charged_bytes[memcg]!',
        'stock.nr_bytes = 0',
      ],
      [
        'the objects of a removed cgroup are nobody’s',
        'mm/memcg_kmem.ts',
        'k.obj_cgroups.memcg[i] = parent',
        'k.obj_cgroups.memcg[i] = 0',
      ],
    ],
  ),
]
