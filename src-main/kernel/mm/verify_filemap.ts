/** What must always hold of files and the page cache. Walks every index; throws KernelBug. */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  DENTRY_LRU,
  INODE_LRU,
  SHADOW_NODES,
  PG_dirty,
  PG_private,
  PG_swapbacked,
  PG_swapcache,
  PG_writeback,
  type Kernel,
} from '../kernel'
import { xa_count_nodes, xa_find, xa_get_mark, xa_load } from '../lib/xarray'
import { bh_lru_count } from './buffer'
import { FS_BDEV, FS_SWAP, I_LRU, inode_cached, is_shmem } from './inode'
import { list_lru_count, list_lru_count_one, list_lru_first, list_lru_row } from './list_lru'
import { mem_cgroup_from_slab_obj } from './memcg_kmem'
import { super_pages } from './super'

/** Indexes of tmpfs and of the swap cache keep their shadow nodes to themselves. */
function is_listed_kind(k: Kernel, inode: number): boolean {
  return !is_shmem(k, inode) && k.inode.fs[inode] !== FS_SWAP
}

const MAX_INDEX = 2 ** 31 - 1

export function verify_filemap(k: Kernel): void {
  const sum = { pages: 0, shmem: 0, dirty: 0, writeback: 0, bdev: 0, nodes: 0, lru: 0, buffers: 0, held: 0 }
  for (let inode = 1; inode < k.inode.meta.high; inode++) {
    if (k.inode.fs[inode] === 0) continue
    if (k.inode.fs[inode] === FS_SWAP) sum.nodes += xa_count_nodes(k, inode)
    else verify_inode(k, inode, sum)
  }
  assert(k.vmstat[C.nr_file_pages] === sum.pages + k.vmstat[C.nr_swapcached]!, 'filemap: nr_file_pages')
  assert(k.vmstat[C.nr_shmem] === sum.shmem, 'filemap: nr_shmem')
  assert(k.vmstat[C.nr_dirty] === sum.dirty, 'filemap: nr_dirty')
  assert(k.var.blockdev_pages === sum.bdev, 'filemap: blockdev_pages')
  assert(k.xa.meta.nr_live === sum.nodes, 'filemap: nodes')
  assert(list_lru_count(k, INODE_LRU) === sum.lru, 'filemap: inode LRU')
  assert(k.buffers.meta.nr_live === sum.buffers, 'filemap: pages with buffer heads')
  assert(sum.held === bh_lru_count(k) + super_pages(k), 'filemap: references to buffer heads')
  let writeback = 0
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) if ((k.page.flags[pfn]! & PG_writeback) !== 0) writeback++
  assert(k.vmstat[C.nr_writeback] === writeback, 'filemap: nr_writeback')
  verify_shadow_nodes(k)
  verify_dentries(k)
}

interface Sum {
  pages: number
  shmem: number
  dirty: number
  writeback: number
  bdev: number
  nodes: number
  lru: number
  buffers: number
  held: number
}

function verify_inode(k: Kernel, inode: number, sum: Sum): void {
  let pages = 0
  let values = 0
  let dirty = 0
  let writeback = 0
  const shmem = is_shmem(k, inode)
  for (let i = xa_find(k, inode, 0, MAX_INDEX); i >= 0; i = xa_find(k, inode, i + 1, MAX_INDEX)) {
    const pfn = xa_load(k, inode, i)
    if (pfn < 0) {
      values++
      continue
    }
    const flags = k.page.flags[pfn]!
    pages++
    assert(k.page.mapping[pfn] === inode && k.page.index[pfn] === i, 'filemap: a page does not know its file')
    assert((flags & PG_swapcache) === 0, 'filemap: a page of a file is in the swap cache')
    assert(((flags & PG_swapbacked) !== 0) === shmem, 'filemap: swap-backed pages are those of tmpfs')
    assert((flags & PG_private) !== 0 || k.page.private[pfn] === 0, 'filemap: a buffer without its mark')
    if ((flags & PG_private) !== 0) {
      sum.buffers++
      sum.held += k.buffers.count[k.page.private[pfn]!]!
    }
    if (shmem) continue
    if ((flags & PG_dirty) !== 0) dirty++
    if ((flags & PG_writeback) !== 0) writeback++
    assert(((flags & PG_dirty) !== 0) === xa_get_mark(k, inode, i, 'dirty'), 'filemap: dirty mark')
    assert(((flags & PG_writeback) !== 0) === xa_get_mark(k, inode, i, 'writeback'), 'filemap: writeback mark')
  }
  assert(pages === k.inode.nrpages[inode], 'filemap: nrpages')
  assert(shmem || values === k.inode.nrexceptional[inode], 'filemap: nrexceptional')
  assert(dirty === k.inode.nr_dirty[inode], 'filemap: nr_dirty of a file')
  assert(writeback === k.inode.nr_writeback[inode], 'filemap: nr_writeback of a file')
  assert(dirty === 0 || k.inode.wb_list[inode] !== 0, 'filemap: a dirty file is on no list')
  assert(pages === 0 || inode_cached(k, inode), 'filemap: a file with pages is not in memory')
  sum.pages += pages
  sum.dirty += dirty
  sum.writeback += writeback
  if (shmem) sum.shmem += pages
  if (k.inode.fs[inode] === FS_BDEV) sum.bdev += pages
  if ((k.inode.flags[inode]! & I_LRU) !== 0) sum.lru++
  sum.nodes += xa_count_nodes(k, inode)
}

function verify_shadow_nodes(k: Kernel): void {
  let nr = walk(k, SHADOW_NODES, k.xa.lru_next, k.xa.obj, 1, (node) => {
    assert(k.xa.count[node]! > 0 && k.xa.count[node] === k.xa.nr_values[node], 'filemap: a listed node has pages')
  })
  assert(nr === k.vmstat[C.workingset_nodes], 'filemap: shadow nodes')
  for (let node = 1; node < k.xa.meta.high; node++) {
    const only_shadows = k.xa.count[node]! > 0 && k.xa.count[node] === k.xa.nr_values[node]
    if (only_shadows && is_listed_kind(k, k.xa.inode[node]!)) nr--
  }
  assert(nr === 0, 'filemap: a node that only has shadows is not listed')
}

function verify_dentries(k: Kernel): void {
  walk(k, DENTRY_LRU, k.dentry.lru_next, k.dentry.obj, 1, (d) => {
    assert(k.dentry.refcount[d] === 0 && k.dentry.obj[d] !== 0, 'dcache: a listed entry is in use')
  })
  walk(k, INODE_LRU, k.inode.lru_next, k.inode.obj, 2, (inode) => {
    assert((k.inode.flags[inode]! & I_LRU) !== 0, 'icache: a listed inode does not know it')
  })
}

/** The items of a list of all cgroups, each on that of who paid for it; how many there are. */
function walk(
  k: Kernel,
  list: number,
  next: Int32Array,
  obj: { readonly [i: number]: number },
  objects: number,
  visit: (item: number) => void,
): number {
  let all = 0
  for (let memcg = 0; list_lru_row(list, memcg) < k.list_lru.meta.high; memcg++) {
    let nr = 0
    for (let item = list_lru_first(k, list, memcg); item !== 0; item = next[item]!, nr++) {
      assert(mem_cgroup_from_slab_obj(k, obj[item * objects]!) === memcg, "list_lru: an item on another cgroup's list")
      visit(item)
    }
    assert(nr === list_lru_count_one(k, list, memcg), 'list_lru: count')
    all += nr
  }
  return all
}
