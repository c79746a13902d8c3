/** Names of files and devices as /proc prints them. */
import type { Kernel } from '../kernel'
import { FS_EXT4 } from '../mm/inode'
import { dev_numbers } from './block'

const ROOT_DISK = 1

/** The path of an inode; names are whole paths, or components below a parent. */
export function inode_path(k: Kernel, inode: number): string {
  const name = k.strings.list[k.inode.name[inode]!]!
  const parent = k.inode.parent[inode]!
  let path = name
  if (!name.startsWith('/')) path = parent === 0 || parent === inode ? `/${name}` : `${inode_path(k, parent)}/${name}`
  path = path.replace(/^\/\/+/, '/')
  return k.inode.nlink[inode] === 0 ? `${path} (deleted)` : path
}

/** Device numbers by kind of file system: disk, tmpfs, anonymous shared memory. */
export function dev_of(k: Kernel, inode: number): string {
  const fs = k.inode.fs[inode]!
  if (fs === FS_EXT4)
    return dev_numbers(k, ROOT_DISK)
      .map((n) => n.toString(16).padStart(2, '0'))
      .join(':')
  return ['00:02', '', '00:15', '00:01', '00:05', '00:04'][fs] ?? '00:00'
}

export { cgroup_path } from '../mm/memcg_tree'
