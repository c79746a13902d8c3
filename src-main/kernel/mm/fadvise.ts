/**
 * posix_fadvise: what a program says of how it will read a file.
 *
 * Linux: mm/fadvise.c, generic_fadvise. Kept: all six kinds. Simplified: a congested device is written to all the same.
 */
import { PAGE_SIZE, type Kernel } from '../kernel'
import { EINVAL } from '../uapi'
import { FMODE_RANDOM, RA_PAGES } from './file_table'
import { file_write_range } from './writepages'
import { is_shmem } from './inode'
import { force_page_cache_ra } from './readahead'
import { lru_add_drain_all } from './swap'
import { invalidate_mapping_pages } from './truncate'

/** POSIX_FADV_NORMAL … POSIX_FADV_NOREUSE (fadvise.h). */
export type FileAdvice = 'normal' | 'random' | 'sequential' | 'willneed' | 'dontneed' | 'noreuse'

/** `length` 0 means up to the end of the file. Returns 0 or a negative errno. */
export function generic_fadvise(k: Kernel, file: number, offset: number, length: number, advice: FileAdvice): number {
  if (length < 0 || offset < 0) return -EINVAL
  const f = k.file
  switch (advice) {
    case 'normal':
      f.ra_pages[file] = RA_PAGES
      f.flags[file]! &= ~FMODE_RANDOM
      return 0
    case 'random':
      f.flags[file]! |= FMODE_RANDOM
      return 0
    case 'sequential':
      f.ra_pages[file] = RA_PAGES * 2
      f.flags[file]! &= ~FMODE_RANDOM
      return 0
    case 'willneed':
      return willneed(k, file, offset, length)
    case 'dontneed':
      return dontneed(k, f.inode[file]!, offset, length)
    case 'noreuse':
      return 0
  }
}

function willneed(k: Kernel, file: number, offset: number, length: number): number {
  const inode = k.file.inode[file]!
  if (is_shmem(k, inode)) return 0
  const first = Math.floor(offset / PAGE_SIZE)
  const end = length === 0 ? k.inode.i_size[inode]! : offset + length
  force_page_cache_ra(k, file, first, Math.floor((end - 1) / PAGE_SIZE) - first + 1)
  return 0
}

/** Begins to write what is dirty and drops what is clean; a page that is only partly meant stays. */
function dontneed(k: Kernel, inode: number, offset: number, length: number): number {
  if (is_shmem(k, inode)) return 0
  const size = k.inode.i_size[inode]!
  const end = length === 0 ? Infinity : offset + length
  const first = Math.ceil(offset / PAGE_SIZE)
  // The last page counts as whole when the file ends in it.
  const last = end >= size ? Math.ceil(size / PAGE_SIZE) - 1 : Math.floor(end / PAGE_SIZE) - 1
  file_write_range(k, inode, Math.floor(offset / PAGE_SIZE), last)
  if (last < first) return 0
  // Pages just read may wait in another CPU's batch, where they cannot be taken.
  lru_add_drain_all(k)
  invalidate_mapping_pages(k, inode, first, last)
  return 0
}
