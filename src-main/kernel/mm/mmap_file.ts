/** Which areas map a file: the inode's i_mmap list, walked by the reverse map and by truncate. */
import { type Kernel } from '../kernel'

/** Puts an area of a file on the list of its inode. */
export function i_mmap_insert(k: Kernel, vma: number): void {
  const inode = k.file.inode[k.vma.vm_file[vma]!]!
  const first = k.inode.i_mmap[inode]!
  k.vma.i_prev[vma] = 0
  k.vma.i_next[vma] = first
  if (first !== 0) k.vma.i_prev[first] = vma
  k.inode.i_mmap[inode] = vma
}

export function i_mmap_remove(k: Kernel, vma: number): void {
  const inode = k.file.inode[k.vma.vm_file[vma]!]!
  const { i_next, i_prev } = k.vma
  const next = i_next[vma]!
  const prev = i_prev[vma]!
  if (prev !== 0) i_next[prev] = next
  else k.inode.i_mmap[inode] = next
  if (next !== 0) i_prev[next] = prev
  i_next[vma] = 0
  i_prev[vma] = 0
}
