/**
 * What the block layer keeps for a disk: requests for as many commands as its queues take, the ring that it shares with
 * the device, its nodes in sysfs and debugfs.
 *
 * Linux: block/genhd.c (device_add_disk), block/blk-mq.c (blk_mq_alloc_rqs), block/blk-mq-sched.c (mq-deadline),
 * block/blk-mq-debugfs.c, drivers/virtio/virtio_ring.c (vring_create_virtqueue_split). Simplified: of a controller with
 * several disks each has queues of its own; nothing is given back, for a disk is never unplugged.
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, type Kernel } from '../kernel'
import { DRIVERS } from './modules'
import { get_order } from '../lib/math'
import { alloc_pages } from '../mm/page_alloc'
import { hold_each, type HeldObjects } from '../mm/slab_common'
import type { DeviceKind } from '../block/device'

interface Queue {
  /** Commands in flight: of the device, and of the scheduler before it. */
  readonly tags: number
  readonly scheduled: number
  /** Bytes of the driver's part of a request. */
  readonly command: number
  /** Pages of the ring. */
  readonly ring: number
  /** Every CPU has a queue of its own. */
  readonly per_cpu: boolean
}
/** struct request. */
const REQUEST_BYTES = 264
const CACHE_LINE = 64
const MAX_ORDER = 4

const QUEUES: Readonly<Record<keyof typeof DRIVERS, Queue>> = {
  virtio: { tags: 256, scheduled: 256, command: 104, ring: 3, per_cpu: false },
  sata: { tags: 32, scheduled: 64, command: 472, ring: 8, per_cpu: false },
  nvme: { tags: 1023, scheduled: 0, command: 216, ring: 20, per_cpu: true },
}
/** Its folders in sysfs (queue, mq, power, holders, …), its files in debugfs/block, its names and tags. */
const DISK: HeldObjects = {
  request_queue: 1,
  bdev_cache: 1,
  kernfs_node_cache: 120,
  dentry: 64,
  inode_cache: 64,
  lsm_inode_cache: 64,
  'kmalloc-16': 64,
  'kmalloc-32': 64,
  'kmalloc-64': 32,
  'kmalloc-1k': 12,
  'kmalloc-2k': 6,
  'kmalloc-4k': 4,
  'kmalloc-8k': 2,
}

/** Lab machines run under an emulator whose disks are virtio. */
function driver_of(k: Kernel, kind: DeviceKind): keyof typeof DRIVERS {
  if (k.config.bare) return 'virtio'
  return kind === 'nvme' ? 'nvme' : 'sata'
}
export function driver_modules(k: Kernel, kind: DeviceKind): readonly string[] {
  return DRIVERS[driver_of(k, kind)]
}

/** Modules that a lab machine's start-up script loads for its disks, in their order. */
export function disk_modules(k: Kernel): readonly string[] {
  const { disk, ext4, swap } = k.config
  const kinds = [...(ext4 === true ? [disk] : []), ...swap.map(({ device }) => device)]
  return [...new Set(kinds.flatMap((kind) => driver_modules(k, kind)))]
}

/** The driver finds the disks of the configuration: those of swap areas, and that of the files. */
export function add_disks(k: Kernel): void {
  for (const { device, file } of k.config.swap) if (file !== true) add_disk(k, device)
  if (!k.config.bare || k.config.ext4 === true) add_disk(k, k.config.disk)
}

export function add_disk(k: Kernel, kind: DeviceKind): void {
  const { tags, scheduled, command, ring, per_cpu } = QUEUES[driver_of(k, kind)]
  const bytes = Math.ceil((REQUEST_BYTES + command) / CACHE_LINE) * CACHE_LINE
  for (let queue = per_cpu ? k.config.cpus : 1; queue > 0; queue--) {
    alloc_requests(k, tags * bytes)
    alloc_requests(k, scheduled * bytes)
    alloc_requests(k, ring * 4096)
  }
  hold_each(k, DISK)
}

/** blk_mq_alloc_rqs: the largest blocks that are not more than twice what is left, 64 KiB at most. */
function alloc_requests(k: Kernel, bytes: number): void {
  for (let left = bytes; left > 0;) {
    let order = MAX_ORDER
    while (order > 0 && left < 4096 << (order - 1)) order--
    order = Math.min(order, get_order(left))
    assert(alloc_pages(k, GFP_KERNEL, order) !== 0, 'add_disk: no memory')
    left -= 4096 << order
  }
}
