/** Disks and swap devices: /proc/partitions, diskstats, and of /sys the stat files and the links by number. Linux: block/genhd.c. */
import type { Kernel } from '../kernel'
import { folder, link, type DirNode } from './tree'

export function partitions_text(k: Kernel): string {
  let text = 'major minor  #blocks  name\n\n'
  for (let d = 1; d < k.device.meta.high; d++) {
    const [major, minor] = dev_numbers(k, d)
    text += `${String(major).padStart(4)}  ${String(minor).padStart(7)} ${String(k.device.pages[d]! * 4).padStart(10)} ${device_name(k, d)}\n`
  }
  return k.device.meta.high > 1 ? text : ''
}

export function diskstats_text(k: Kernel): string {
  let text = ''
  for (let d = 1; d < k.device.meta.high; d++) {
    const [major, minor] = dev_numbers(k, d)
    text += `${String(major).padStart(4)} ${String(minor).padStart(7)} ${device_name(k, d)} ${disk_counts(k, d).join(' ')}\n`
  }
  return text
}

export function block_stat(k: Kernel, device: number): string {
  return `${disk_counts(k, device)
    .map((v) => String(v).padStart(8))
    .join(' ')}\n`
}

/** Requests, merges, sectors and ms read, the same written, in flight, ms busy, ms of all; nothing discarded or flushed. */
function disk_counts(k: Kernel, i: number): number[] {
  const d = k.device
  const ms = (ns: number): number => Math.floor(ns / 1e6)
  const reads = [d.reads[i]!, d.read_merges[i]!, d.read_sectors[i]!, ms(d.read_ns[i]!)]
  const writes = [d.writes[i]!, d.write_merges[i]!, d.write_sectors[i]!, ms(d.write_ns[i]!)]
  return [...reads, ...writes, d.inflight[i]!, ms(d.busy_ns[i]!), ms(d.read_ns[i]! + d.write_ns[i]!), 0, 0, 0, 0, 0, 0]
}

export function device_name(k: Kernel, device: number): string {
  return k.strings.list[k.device.name[device]!]!
}
export const SCSI_DISK_MAJOR = 8
export const VIRTBLK_MAJOR = 254
export const BLOCK_EXT_MAJOR = 259
/** SCSI disks are 8:0, 8:16, …; NVMe drives 259:0, 259:1, … */
export function dev_numbers(k: Kernel, device: number): readonly [number, number] {
  const name = device_name(k, device)
  const nvme = /^nvme(\d+)n1$/.exec(name)
  if (nvme !== null) return [BLOCK_EXT_MAJOR, Number(nvme[1])]
  // virtio_blk has no number of its own: the first free one, on Debian 254.
  return [name.startsWith('vd') ? VIRTBLK_MAJOR : SCSI_DISK_MAJOR, (name.charCodeAt(2) - 97) * 16]
}

/** /sys/dev/block: `8:0` and so on lead to the device. */
export function dev_block_folder(k: Kernel): DirNode {
  const links = Array.from({ length: k.device.meta.high - 1 }, (_, i) => {
    const name = device_name(k, i + 1)
    return [dev_numbers(k, i + 1).join(':'), link(`../../block/${name}`)] as const
  })
  return folder(Object.fromEntries(links), { mode: 0o755 })
}
