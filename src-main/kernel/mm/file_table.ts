/**
 * Open files and file descriptors.
 *
 * Linux: fs/file_table.c, fs/file.c. Simplified: the descriptors of a task are a short list.
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL_ACCOUNT, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { dget, dput } from './dcache'
import { I_DA_ALLOC_CLOSE, igrab, iput } from './inode'
import { CACHES, kmem_cache_alloc } from './slub'
import { file_flush } from './writepages'
import { kmem_cache_free_rcu } from '../rcu/callbacks'

/** file.flags: O_RDONLY 0, O_WRONLY 1, O_RDWR 2 (fcntl.h) and FMODE_RANDOM. */
export const O_ACCMODE = 3
export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_CREAT = 0o100
export const O_TRUNC = 0o1000
export const O_APPEND = 0o2000
export const FMODE_RANDOM = 1 << 24
/** VM_READAHEAD_PAGES: 128 KiB. */
export const RA_PAGES = 32

/** An open file with one holder; 0 without memory. */
export function alloc_file(k: Kernel, inode: number, flags: number): number {
  const obj = kmem_cache_alloc(k, CACHES(k).filp, GFP_KERNEL_ACCOUNT)
  if (obj === 0) return 0
  const file = row_alloc(k.file)
  assert(file !== 0, 'alloc_file: the table is full')
  k.file.inode[file] = inode
  k.file.refcount[file] = 1
  k.file.flags[file] = flags
  k.file.ra_pages[file] = RA_PAGES
  k.file.prev_pos[file] = -1
  k.file.obj[file] = obj
  igrab(k, inode)
  if (k.inode.dentry[inode] !== 0) dget(k, k.inode.dentry[inode]!)
  return file
}
export function get_file(k: Kernel, file: number): void {
  k.file.refcount[file]!++
}
export function fput(k: Kernel, file: number): void {
  assert(k.file.refcount[file]! > 0, 'fput: nobody holds it')
  if (--k.file.refcount[file]! > 0) return
  const inode = k.file.inode[file]!
  if ((k.inode.flags[inode]! & I_DA_ALLOC_CLOSE) !== 0) ext4_release_file(k, inode, file)
  kmem_cache_free_rcu(k, k.file.obj[file]!)
  row_free(k.file, file)
  if (k.inode.dentry[inode] !== 0) dput(k, k.inode.dentry[inode]!)
  iput(k, inode)
}
/**
 * Who replaces a file by cutting it to nothing and writing it anew has it written as its last writer closes it, so that a
 * crash does not leave it empty (fs/ext4/file.c, auto_da_alloc).
 */
function ext4_release_file(k: Kernel, inode: number, closed: number): void {
  if (!file_may_write(k, closed)) return
  for (let file = 1; file < k.file.meta.high; file++)
    if (k.file.refcount[file]! > 0 && k.file.inode[file] === inode && file_may_write(k, file)) return
  k.inode.flags[inode]! &= ~I_DA_ALLOC_CLOSE
  file_flush(k, inode)
}
export function file_may_read(k: Kernel, file: number): boolean {
  return (k.file.flags[file]! & O_ACCMODE) !== O_WRONLY
}
export function file_may_write(k: Kernel, file: number): boolean {
  return (k.file.flags[file]! & O_ACCMODE) !== 0
}

// ---------------------------------------------------------------- descriptors

/** The lowest free descriptor from 3 up now names the file (whose reference it takes over). */
export function fd_install(k: Kernel, task: number, file: number): number {
  let fd = 3
  for (let again = true; again;) {
    again = false
    for (let row = k.task.fd_head[task]!; row !== 0; row = k.fd.next[row]!)
      if (k.fd.fd[row] === fd) {
        fd++
        again = true
      }
  }
  add_fd(k, task, fd, file)
  return fd
}
function add_fd(k: Kernel, task: number, fd: number, file: number): void {
  const row = row_alloc(k.fd)
  assert(row !== 0, 'add_fd: the table is full')
  k.fd.task[row] = task
  k.fd.fd[row] = fd
  k.fd.file[row] = file
  k.fd.next[row] = k.task.fd_head[task]!
  k.task.fd_head[task] = row
}
/** The open file of a descriptor, or 0. */
export function fdget(k: Kernel, task: number, fd: number): number {
  for (let row = k.task.fd_head[task]!; row !== 0; row = k.fd.next[row]!)
    if (k.fd.fd[row] === fd) return k.fd.file[row]!
  return 0
}
/** False when there is no such descriptor. */
export function close_fd(k: Kernel, task: number, fd: number): boolean {
  let prev = 0
  for (let row = k.task.fd_head[task]!; row !== 0; prev = row, row = k.fd.next[row]!) {
    if (k.fd.fd[row] !== fd) continue
    if (prev === 0) k.task.fd_head[task] = k.fd.next[row]!
    else k.fd.next[prev] = k.fd.next[row]!
    const file = k.fd.file[row]!
    row_free(k.fd, row)
    fput(k, file)
    return true
  }
  return false
}
/** fork: the child shares the parent's open files. */
export function copy_files(k: Kernel, from: number, to: number): void {
  const rows: number[] = []
  for (let row = k.task.fd_head[from]!; row !== 0; row = k.fd.next[row]!) rows.push(row)
  for (const row of rows.reverse()) {
    get_file(k, k.fd.file[row]!)
    add_fd(k, to, k.fd.fd[row]!, k.fd.file[row]!)
  }
}
export function exit_files(k: Kernel, task: number): void {
  while (k.task.fd_head[task] !== 0) close_fd(k, task, k.fd.fd[k.task.fd_head[task]!]!)
}
