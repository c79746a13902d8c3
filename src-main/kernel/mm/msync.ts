/** msync(2) with MS_SYNC: the dirty pages that shared mappings of files show in a range are written, and waited for (mm/msync.c). */
import { VM_SHARED, type Kernel } from '../kernel'
import { EINVAL, ENOMEM } from '../uapi'
import { file_write_and_wait_range } from './writepages'
import { is_shmem } from './inode'
import { page_align } from './mmap'
import { find_vma, linear_page_index } from './vma'

/** 0, or -ENOMEM when some of the range is not mapped; what is mapped is written all the same. */
export function do_msync(k: Kernel, mm: number, start: number, length: number): number {
  if (start % 4096 !== 0) return -EINVAL
  const end = start + page_align(length)
  let error = 0
  for (let at = start; at < end;) {
    const vma = find_vma(k, mm, at)
    if (vma === 0) return -ENOMEM
    if (at < k.vma.vm_start[vma]!) {
      error = -ENOMEM
      at = k.vma.vm_start[vma]!
      if (at >= end) break
    }
    const to = Math.min(end, k.vma.vm_end[vma]!)
    const file = k.vma.vm_file[vma]!
    if (file !== 0 && (k.vma.vm_flags[vma]! & VM_SHARED) !== 0 && !is_shmem(k, k.file.inode[file]!)) {
      const first = linear_page_index(k, vma, at)
      file_write_and_wait_range(k, k.file.inode[file]!, first, first + (to - at) / 4096 - 1)
    }
    at = to
  }
  return error
}
