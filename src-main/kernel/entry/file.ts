/**
 * System calls on files. They act for the running task and return a count, a descriptor, 0 or a negative errno.
 *
 * Linux: fs/open.c, fs/read_write.c, fs/sync.c, fs/namei.c, mm/swapfile.c (swapon). Simplified: no permissions below the
 * open mode, no directories as files.
 */
import { __GFP_FS, __GFP_WRITE, PAGE_SIZE, PG_uptodate, PG_locked, type Kernel } from '../kernel'
import { COST } from '../costs'
import { create_buffers } from '../mm/buffer'
import { ext4_da_reserve } from '../mm/balloc'
import { block_commit_write, block_write_begin } from '../mm/buffer_blocks'
import { path_lookup, vfs_create, vfs_exists, vfs_install, vfs_unlink } from '../mm/dcache'
import { allocate_blocks, block_size, file_resized, mapped_blocks } from '../mm/file_blocks'
import { generic_fadvise, type FileAdvice } from '../mm/fadvise'
import {
  alloc_file,
  close_fd,
  fd_install,
  fdget,
  file_may_read,
  file_may_write,
  fput,
  O_CREAT,
  O_TRUNC,
} from '../mm/file_table'
import { filemap_read, find_page, mapping_gfp, page_cache_alloc } from '../mm/filemap'
import { sync_filesystem } from '../mm/fs_writeback'
import { cond_resched } from '../mm/preempt'
import { filemap_write_and_wait } from '../mm/writepages'
import { extend_blocks, FS_EXT4, FS_TMPFS, I_DA_ALLOC_CLOSE, I_DIR, is_shmem } from '../mm/inode'
import { mem_cgroup_handle_over_high } from '../mm/memcontrol'
import { folio_wait_nested } from '../mm/page_io'
import { __set_page_dirty, balance_dirty_pages_ratelimited, set_page_dirty } from '../mm/page_writeback'
import { SGP_READ, SGP_WRITE, shmem_get_page } from '../mm/shmem'
import { mark_page_accessed } from '../mm/swap'
import { truncate_setsize } from '../mm/truncate'
import { charge, fatal_signal_pending } from '../task'
import { EBADF, EEXIST, EINVAL, EISDIR, ENOENT, ENOMEM, ENOSPC } from '../uapi'

/** Opens a file by its path; O_CREAT makes it on `fs` (the disk unless told). */
export function sys_open(
  k: Kernel,
  path: string,
  flags: number,
  fs: typeof FS_EXT4 | typeof FS_TMPFS = FS_EXT4,
): number {
  charge(k, COST.syscall)
  let inode = path_lookup(k, path)
  if (inode === 0 && (flags & O_CREAT) !== 0) inode = vfs_create(k, path, 0, fs)
  if (inode === 0) return -ENOENT
  if ((k.inode.flags[inode]! & I_DIR) !== 0 && (flags & 3) !== 0) return -EISDIR
  const file = alloc_file(k, inode, flags)
  if (file === 0) return -ENOMEM
  if ((flags & O_TRUNC) !== 0 && file_may_write(k, file)) set_size(k, inode, 0)
  return fd_install(k, k.var.current, file)
}

/** Makes a file of a size without opening it: it lies on the disk, nothing of it in memory (tmpfs: a hole). 0 or an errno. */
export function sys_create(k: Kernel, path: string, size: number, fs: typeof FS_EXT4 | typeof FS_TMPFS): number {
  charge(k, COST.syscall)
  if (vfs_exists(k, path)) return -EEXIST
  return (fs === FS_EXT4 ? vfs_install(k, path, size) : vfs_create(k, path, size, fs)) === 0 ? -ENOMEM : 0
}

export function sys_close(k: Kernel, fd: number): number {
  charge(k, COST.syscall)
  return close_fd(k, k.var.current, fd) ? 0 : -EBADF
}

/** stat(2): 0, or -ENOENT. */
export function sys_stat(k: Kernel, path: string): number {
  charge(k, COST.syscall)
  return path_lookup(k, path) === 0 ? -ENOENT : 0
}

export function sys_unlink(k: Kernel, path: string): number {
  charge(k, COST.syscall)
  const inode = path_lookup(k, path)
  if (inode === 0) return -ENOENT
  if ((k.inode.flags[inode]! & I_DIR) !== 0) return -EISDIR
  vfs_unlink(k, inode)
  return 0
}

// ---------------------------------------------------------------- reading and writing

/** Reads at the file position, or with `offset` at that place (pread). */
export function sys_read(k: Kernel, fd: number, count: number, offset = -1): number {
  charge(k, COST.syscall)
  const t = k.var.current
  const file = fdget(k, t, fd)
  if (file === 0 || !file_may_read(k, file)) return -EBADF
  const pos = offset >= 0 ? offset : k.file.pos[file]!
  const inode = k.file.inode[file]!
  const done = is_shmem(k, inode) ? shmem_file_read(k, inode, pos, count) : filemap_read(k, file, pos, count)
  if (offset < 0 && done > 0) k.file.pos[file]! += done
  if (done > 0) k.task.rchar[t]! += done
  k.task.syscr[t]!++
  mem_cgroup_handle_over_high(k)
  return done
}

function shmem_file_read(k: Kernel, inode: number, pos: number, count: number): number {
  const start = pos
  const end = Math.min(pos + count, k.inode.i_size[inode]!)
  while (pos < end) {
    const got = shmem_get_page(k, inode, Math.floor(pos / PAGE_SIZE), SGP_READ)
    if (got === null) return pos > start ? pos - start : -ENOMEM
    if (got.pfn !== 0 && pos % PAGE_SIZE === 0) mark_page_accessed(k, got.pfn)
    charge(k, COST.copy_user_page)
    pos = Math.min(end, (Math.floor(pos / PAGE_SIZE) + 1) * PAGE_SIZE)
  }
  return Math.max(0, pos - start)
}

/** Writes at the file position, or with `offset` at that place (pwrite). */
export function sys_write(k: Kernel, fd: number, count: number, offset = -1): number {
  charge(k, COST.syscall)
  const t = k.var.current
  const file = fdget(k, t, fd)
  if (file === 0 || !file_may_write(k, file)) return -EBADF
  const pos = offset >= 0 ? offset : k.file.pos[file]!
  const done = generic_perform_write(k, k.file.inode[file]!, pos, count)
  if (offset < 0 && done > 0) k.file.pos[file]! += done
  if (done > 0) k.task.wchar[t]! += done
  k.task.syscw[t]!++
  mem_cgroup_handle_over_high(k)
  return done
}

function generic_perform_write(k: Kernel, inode: number, pos: number, count: number): number {
  const start = pos
  const end = pos + count
  const shmem = is_shmem(k, inode)
  if (!shmem) extend_blocks(k, inode, end)
  while (pos < end) {
    const next = Math.min(end, (Math.floor(pos / PAGE_SIZE) + 1) * PAGE_SIZE)
    const index = Math.floor(pos / PAGE_SIZE)
    if (!shmem && !ext4_da_reserve(k)) return pos > start ? pos - start : -ENOSPC
    const pfn = shmem ? (shmem_get_page(k, inode, index, SGP_WRITE)?.pfn ?? 0) : write_begin(k, inode, pos, next)
    if (pfn === 0) return pos > start ? pos - start : -ENOMEM
    charge(k, COST.copy_user_page + (shmem ? COST.write_page_shmem : COST.write_page_disk))
    if (shmem) k.page.flags[pfn]! |= PG_uptodate
    else write_end(k, inode, pfn, pos, next)
    if (next > k.inode.i_size[inode]!) k.inode.i_size[inode] = next
    // Writing marks buffers dirty, and the page by them: the mark of readahead stays.
    if (shmem) set_page_dirty(k, pfn)
    else __set_page_dirty(k, pfn)
    pos = next
    cond_resched(k)
    if (!shmem) balance_dirty_pages_ratelimited(k)
    if (fatal_signal_pending(k, k.var.current)) break
  }
  return pos - start
}

/** The page to write into, with its buffers; blocks that are written in part are read first (ext4_da_write_begin). */
function write_begin(k: Kernel, inode: number, pos: number, next: number): number {
  const index = Math.floor(pos / PAGE_SIZE)
  const pfn = find_or_create_page(k, inode, index)
  if (pfn === 0) return 0
  block_write_begin(k, pfn, pos - index * PAGE_SIZE, next - index * PAGE_SIZE)
  return pfn
}
/** A page of the cache, read or not, unlocked and with its buffers; 0 without memory. */
function find_or_create_page(k: Kernel, inode: number, index: number): number {
  let pfn = find_page(k, inode, index)
  if (pfn === 0) {
    pfn = page_cache_alloc(k, inode, index, (mapping_gfp(k, inode) & ~__GFP_FS) | __GFP_WRITE)
    if (pfn === 0) return 0
    k.page.flags[pfn]! &= ~PG_locked
  }
  if ((k.page.flags[pfn]! & PG_locked) !== 0) folio_wait_nested(k, pfn)
  return create_buffers(k, pfn) ? pfn : 0
}
/** The written blocks are there now; what lies between them and the old end of the file is a hole. */
function write_end(k: Kernel, inode: number, pfn: number, pos: number, next: number): void {
  const start = k.page.index[pfn]! * PAGE_SIZE
  if (next > k.inode.i_size[inode]!) file_resized(k, inode, k.inode.i_size[inode]!, next)
  allocate_blocks(k, inode, pos, next)
  block_commit_write(k, pfn, pos - start, next - start)
}

export function sys_ftruncate(k: Kernel, fd: number, size: number): number {
  charge(k, COST.syscall)
  const file = fdget(k, k.var.current, fd)
  if (file === 0) return -EBADF
  if (!file_may_write(k, file) || size < 0) return -EINVAL
  set_size(k, k.file.inode[file]!, size)
  return 0
}
function set_size(k: Kernel, inode: number, size: number): void {
  if (is_shmem(k, inode)) truncate_setsize(k, inode, size)
  else ext4_setsize(k, inode, size)
}
function ext4_setsize(k: Kernel, inode: number, size: number): void {
  const old = k.inode.i_size[inode]!
  extend_blocks(k, inode, size)
  file_resized(k, inode, old, size)
  truncate_setsize(k, inode, size)
  if (size === 0) k.inode.flags[inode]! |= I_DA_ALLOC_CLOSE
  if (size <= old && size % block_size(k) !== 0) ext4_block_truncate_page(k, inode, size)
}
/** The rest of the block that a file ends in is zeroed, in the cache: its page is read for it and dirty after it. */
function ext4_block_truncate_page(k: Kernel, inode: number, size: number): void {
  const index = Math.floor(size / PAGE_SIZE)
  const offset = size - index * PAGE_SIZE
  if ((mapped_blocks(k, inode, index) & (1 << Math.floor(offset / block_size(k)))) === 0) return
  const pfn = find_or_create_page(k, inode, index)
  if (pfn === 0) return
  const end = (Math.floor(offset / block_size(k)) + 1) * block_size(k)
  block_write_begin(k, pfn, offset, end)
  block_commit_write(k, pfn, offset, end)
  __set_page_dirty(k, pfn)
}

export function sys_fsync(k: Kernel, fd: number): number {
  charge(k, COST.syscall)
  const file = fdget(k, k.var.current, fd)
  if (file === 0) return -EBADF
  filemap_write_and_wait(k, k.file.inode[file]!)
  return 0
}
export function sys_sync(k: Kernel): number {
  charge(k, COST.syscall)
  sync_filesystem(k)
  return 0
}

/** posix_fadvise on an open file. */
export function sys_fadvise64(k: Kernel, fd: number, offset: number, length: number, advice: FileAdvice): number {
  charge(k, COST.syscall)
  const file = fdget(k, k.var.current, fd)
  return file === 0 ? -EBADF : generic_fadvise(k, file, offset, length, advice)
}

// ---------------------------------------------------------------- for those who map

/** The open file of a descriptor of the running task, with a reference for the caller; 0 when there is none. */
export function fget(k: Kernel, fd: number): number {
  const file = fdget(k, k.var.current, fd)
  if (file !== 0) k.file.refcount[file]!++
  return file
}
export { fput }
