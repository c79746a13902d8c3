/**
 * What is mounted where: /proc/mounts, mountinfo, mountstats. Lab machines live on an unpacked initramfs, with a tmpfs and
 * a disk beside; others on an ext4 root. Linux: fs/proc_namespace.c.
 */
import type { Kernel } from '../kernel'
import { early_shmem_blocks } from '../mm/mm_init'
import { dev_numbers, device_name } from './block'

interface Mount {
  readonly source: string
  readonly at: string
  readonly type: string
  /** Options of the mount, and those of the super block. */
  readonly options: string
  readonly more: string
  readonly dev: string
}

export function mounts_text(k: Kernel): string {
  const row = ({ source, at, type, options, more }: Mount): string =>
    `${source} ${at} ${type} ${options}${more === '' ? '' : `,${more}`} 0 0\n`
  return mounts(k).map(row).join('')
}

export function mountinfo_text(k: Kernel): string {
  // An initramfs is the very first mount and its own parent; an installed system's root came after the kernel's own.
  const root = k.config.bare ? 1 : FIRST_ID
  const row = ({ source, at, type, options, more, dev }: Mount, i: number): string => {
    const ids = at === '/' ? `${root} 1` : `${k.config.bare ? FIRST_ID - 1 + i : FIRST_ID + i} ${root}`
    return `${ids} ${dev} / ${at} ${options} - ${type} ${source} rw${more === '' ? '' : `,${more}`}\n`
  }
  const list = mounts(k)
  const first = list.findIndex((m) => m.at === '/')
  return [list[first]!, ...list.filter((_, i) => i !== first)].map(row).join('')
}
const FIRST_ID = 21
const ROOT_DISK = 1

export function mountstats_text(k: Kernel): string {
  return mounts(k)
    .map(({ source, at, type }) => `device ${source} mounted on ${at} with fstype ${type}\n`)
    .join('')
}

function mounts(k: Kernel): readonly Mount[] {
  const disk = `/dev/${device_name(k, ROOT_DISK)}`
  const disk_dev = dev_numbers(k, ROOT_DISK).join(':')
  const half = `size=${early_shmem_blocks(k) * 4}k`
  const inodes = `nr_inodes=${early_shmem_blocks(k)}`
  const mount = (source: string, at: string, type: string, dev: string, options: string, more = ''): Mount =>
    ({ source, at, type, dev, options, more }) // prettier-ignore
  if (k.config.bare)
    return [
      mount('rootfs', '/', 'rootfs', '0:2', 'rw', `${half},${inodes},inode64`),
      mount('dev', '/dev', 'devtmpfs', '0:5', 'rw,relatime', `${half},${inodes},mode=755,inode64`),
      mount('proc', '/proc', 'proc', '0:19', 'rw,relatime'),
      mount('sys', '/sys', 'sysfs', '0:20', 'rw,relatime'),
      mount('tmpfs', '/shm', 'tmpfs', '0:21', 'rw,relatime', 'inode64'),
      mount(disk, '/mnt', 'ext4', disk_dev, 'rw,relatime'),
      ...(k.config.cgroup === false ? [] : [mount('cg', '/sys/fs/cgroup', 'cgroup2', '0:22', 'rw,relatime')]),
    ]
  const own = 'rw,nosuid,nodev,noexec,relatime'
  return [
    mount('sysfs', '/sys', 'sysfs', '0:20', own),
    mount('proc', '/proc', 'proc', '0:21', own),
    mount('udev', '/dev', 'devtmpfs', '0:5', 'rw,nosuid,relatime', `${half},${inodes},mode=755,inode64`),
    mount(disk, '/', 'ext4', disk_dev, 'rw,relatime', 'errors=remount-ro'),
    mount('tmpfs', '/dev/shm', 'tmpfs', '0:22', 'rw,nosuid,nodev', 'inode64'),
    mount('cgroup2', '/sys/fs/cgroup', 'cgroup2', '0:23', own),
    mount('tmpfs', '/tmp', 'tmpfs', '0:24', 'rw,nosuid,nodev', 'inode64'),
  ]
}
