/**
 * The memory of a process as files: /proc/PID/mem by address, and map_files with a link for each area of a file.
 *
 * Linux: fs/proc/base.c (mem_rw, proc_map_files_readdir, map_files_get_link), mm/memory.c (__access_remote_vm). A read of
 * mem fails where nothing is mapped, where a device is, and beyond the end of a file; what it gives of an area ends there.
 * Simplified: pages have no bytes, so it gives zeros, and it brings no page into memory.
 */
import { VM_IO, VM_MAYREAD, VM_PFNMAP, type Kernel } from '../kernel'
import { PAGE_SIZE } from '../constants'
import { EINVAL, EIO } from '../uapi'
import { file_may_read, file_may_write } from '../mm/file_table'
import { inode_path } from './names'
import { hex } from './text'
import { folder, link, type DirNode, type Node } from './tree'

/** Offsets are signed. */
const LOFF_END = 2 ** 63

export function mem_read(k: Kernel, mm: number, offset: number, length: number): Uint8Array | number {
  if (offset >= LOFF_END) return -EINVAL
  if (mm === 0) return new Uint8Array(0)
  let at = offset
  const end = offset + length
  // By the list, for find_vma would leave a trace in the address space.
  for (let vma = k.mm.vma_head[mm]!; vma !== 0 && at < end; vma = k.vma.next[vma]!) {
    if (k.vma.vm_end[vma]! <= at) continue
    if (k.vma.vm_start[vma]! > at || !can_read(k, vma)) break
    const readable = readable_end(k, vma)
    if (readable <= at) break
    at = Math.min(end, readable)
    if (readable < k.vma.vm_end[vma]!) break
  }
  return at === offset && length > 0 ? -EIO : new Uint8Array(at - offset)
}
/** The kernel may look where the program may not (FOLL_FORCE), but at no device. */
function can_read(k: Kernel, vma: number): boolean {
  const flags = k.vma.vm_flags[vma]!
  return (flags & (VM_IO | VM_PFNMAP)) === 0 && (flags & VM_MAYREAD) !== 0
}
/** Behind the last page of a file there is nothing to be read. */
function readable_end(k: Kernel, vma: number): number {
  const { vm_start, vm_end, vm_file, vm_pgoff } = k.vma
  if (vm_file[vma] === 0) return vm_end[vma]!
  const pages = Math.ceil(k.inode.i_size[k.file.inode[vm_file[vma]!]!]! / PAGE_SIZE) - vm_pgoff[vma]!
  return Math.min(vm_end[vma]!, vm_start[vma]! + Math.max(0, pages) * PAGE_SIZE)
}

/** A write of a text begins at address 0, where nothing can be; a kernel thread has no memory to refuse. */
export function mem_write(mm: number): number {
  return mm === 0 ? 0 : -EIO
}

/** Links by the bounds of their areas, as they are when one looks. */
export function map_files(k: Kernel, mm: number, owner: { uid: number; gid: number }): DirNode {
  const entries = (): Map<string, Node> => {
    const found = new Map<string, Node>()
    for (let vma = mm === 0 ? 0 : k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
      const file = k.vma.vm_file[vma]!
      if (file === 0) continue
      // As the file was opened, whatever the area allows.
      const mode = (file_may_read(k, file) ? 0o400 : 0) | (file_may_write(k, file) ? 0o200 : 0)
      const name = `${hex(k.vma.vm_start[vma]!, 1)}-${hex(k.vma.vm_end[vma]!, 1)}`
      found.set(name, link(inode_path(k, k.file.inode[file]!), { ...owner, mode }))
    }
    return found
  }
  const listed = folder({}, { ...owner, mode: 0o500 })
  return { ...listed, list: () => [...entries().keys()], find: (name) => entries().get(name) ?? null }
}
