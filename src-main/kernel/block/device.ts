/**
 * Disks: latency, bandwidth, a queue. Each direction of a device is a pipe: a request enters when the pipe is free,
 * takes its transfer (and on a rotating disk its seek) time, and is done a fixed latency after that. Requests of one
 * direction complete in order, so a queue is a list and one timer for its head.
 *
 * Linux: block/ and a driver. Simplified: no scheduler but "reads go first"; a request that follows its predecessor on
 * the disk is merged (no latency of its own, counted in *_merges); no errors.
 */
import { assert } from '@shared/assert'
import { M } from '@shared/counters'
import { PAGE_SIZE, string_id, type Kernel } from '../kernel'
import { row_alloc } from '../lib/arena'
import { timer_add } from '../lib/timer'
import { TIMER_BIO } from '../task'

export type DeviceKind = 'hdd' | 'ssd' | 'nvme'
export const DEVICE_KINDS: readonly DeviceKind[] = ['hdd', 'ssd', 'nvme']

interface Preset {
  /** From the end of the transfer to the interrupt. */
  readonly latency_ns: readonly [read: number, write: number]
  /** Time in the pipe per page. */
  readonly page_ns: readonly [read: number, write: number]
  /** Time in the pipe per request that does not follow the one before. */
  readonly request_ns: readonly [read: number, write: number]
  readonly rotational: boolean
}
/** A 7200 rpm disk (150 MB/s, 100 random reads/s, a write cache), a SATA SSD (500/450 MB/s, 80k IOPS), an NVMe drive (3/2 GB/s, 400k IOPS). */
const PRESETS: Readonly<Record<DeviceKind, Preset>> = {
  hdd: {
    latency_ns: [150_000, 150_000],
    page_ns: [27_000, 27_000],
    request_ns: [8_500_000, 1_000_000],
    rotational: true,
  },
  ssd: { latency_ns: [85_000, 45_000], page_ns: [8_200, 9_100], request_ns: [4_000, 4_000], rotational: false },
  nvme: { latency_ns: [70_000, 18_000], page_ns: [1_370, 2_050], request_ns: [1_200, 1_200], rotational: false },
}
/** On a rotating disk, a request this near (pages) costs a short seek only. */
const NEAR_PAGES = 512
const NEAR_DIVISOR = 4

export const READ = 0
export const WRITE = 1
/** Segments of a request (max_segments of ATA and NVMe): pages are rarely adjacent in memory. */
const MAX_REQUEST_PAGES = 128
/** blk-mq tags: who submits more waits. */
const NR_REQUESTS = 256
/** Write throttling (block/blk-wbt.c): requests of buffered writes in flight by kswapd and for it, and by others. */
const WBT_MAX_DEPTH = 16
const WBT_NORMAL = 8

/** Adds a device of `pages` pages; returns its row. */
export function add_device(k: Kernel, kind: DeviceKind, name: string, pages: number): number {
  const row = row_alloc(k.device)
  assert(row !== 0, 'add_device: too many devices')
  k.device.kind[row] = DEVICE_KINDS.indexOf(kind)
  k.device.name[row] = string_id(k, name)
  k.device.pages[row] = pages
  return row
}

/** sda, sdb, … for disks, nvme0n1, … for NVMe: the next free name of a kind. */
export function next_device_name(k: Kernel, kind: DeviceKind): string {
  let same = 0
  for (let d = 1; d < k.device.meta.high; d++) if ((device_kind(k, d) === 'nvme') === (kind === 'nvme')) same++
  return kind === 'nvme' ? `nvme${same}n1` : `sd${String.fromCharCode(97 + same)}`
}

export function device_kind(k: Kernel, device: number): DeviceKind {
  return DEVICE_KINDS[k.device.kind[device]!]!
}
export function device_rotational(k: Kernel, device: number): boolean {
  return PRESETS[device_kind(k, device)].rotational
}

/** Pages a second that a device can write in sequence. */
export function device_write_pages_per_s(k: Kernel, device: number): number {
  return Math.floor(1e9 / PRESETS[device_kind(k, device)].page_ns[WRITE])
}

/** Requests between these two are merged where they are adjacent, however fast the device is (blk_start_plug). */
export function blk_start_plug(k: Kernel): void {
  for (let device = 1; device < k.device.meta.high; device++)
    if (k.device.plugged[device]!++ === 0) k.device.plug_ns[device] = k.var.now
}
export function blk_finish_plug(k: Kernel): void {
  for (let device = 1; device < k.device.meta.high; device++) k.device.plugged[device]!--
}

/** Queues a request at time `at`; tells when it will be done. `bio` is a row of k.bio with its fields filled in. */
export function queue_bio(k: Kernel, bio: number, block: number, at: number): number {
  const d = k.device
  const device = k.bio.device[bio]!
  const dir = k.bio.write[bio] === 0 ? READ : WRITE
  const queue = device * 2 + dir
  const nr = k.bio.nr[bio]!
  const preset = PRESETS[device_kind(k, device)]
  const tail = d.tail[queue]!
  const merged = may_merge(k, device, queue, block, nr, at)
  let service = nr * preset.page_ns[dir]
  if (!merged) service += seek_ns(k, device, dir, block, preset)
  let start = Math.max(at, d.pipe_until[queue]!)
  if (dir === WRITE) start = Math.max(start, d.pipe_until[device * 2]!)
  else if (d.pipe_until[device * 2 + WRITE]! > at) d.pipe_until[device * 2 + WRITE]! += service
  const end = start + service
  d.pipe_until[queue] = end
  d.next_block[queue] = block + nr
  d.last_block[device] = block + nr
  const done = Math.max(end + preset.latency_ns[dir], tail === 0 ? 0 : k.bio.done_ns[tail]!)
  k.bio.submit_ns[bio] = at
  k.bio.done_ns[bio] = done
  k.bio.first[bio] = merged ? k.bio.first[tail]! : bio
  k.bio.start_ns[bio] = merged ? k.bio.start_ns[tail]! : start
  d.request_pages[queue] = merged ? d.request_pages[queue]! + nr : nr
  account(k, device, dir, nr, merged, at, start, end)
  if (tail !== 0) k.bio.next[tail] = bio
  else d.head[queue] = bio
  d.tail[queue] = bio
  if (!merged) {
    d.inflight[device]!++
    d.inflight_writes[device]! += dir
  }
  // A merged request is done as a whole.
  if (merged) for (let b = k.bio.first[bio]!; b !== bio; b = k.bio.next[b]!) k.bio.done_ns[b] = done
  arm(k, queue)
  return done
}

/** Adjacent to the last request of its direction, which the device has not begun with (or the plug holds back). */
function may_merge(k: Kernel, device: number, queue: number, block: number, nr: number, at: number): boolean {
  const d = k.device
  const tail = d.tail[queue]!
  if (tail === 0 || block !== d.next_block[queue] || d.request_pages[queue]! + nr > MAX_REQUEST_PAGES) return false
  const plugged = d.plugged[device]! > 0 && k.bio.submit_ns[tail]! >= d.plug_ns[device]!
  return plugged || k.bio.start_ns[tail]! > at
}

/** True when one more request of a direction has to wait: no tags left, or too many writes under way. */
export function queue_congested(k: Kernel, device: number, dir: number, kswapd: boolean): boolean {
  const limit = kswapd ? WBT_MAX_DEPTH : WBT_NORMAL
  if (dir === WRITE && k.device.inflight_writes[device]! >= limit) return true
  return k.device.inflight[device]! >= NR_REQUESTS
}

/** True when a request for `block` would be merged with the last one. */
export function would_merge(k: Kernel, device: number, dir: number, block: number, nr: number, at: number): boolean {
  return may_merge(k, device, device * 2 + dir, block, nr, at)
}

function seek_ns(k: Kernel, device: number, dir: 0 | 1, block: number, preset: Preset): number {
  const full = preset.request_ns[dir]
  if (!preset.rotational) return full
  const distance = Math.abs(block - k.device.last_block[device]!)
  if (distance === 0) return 0
  return distance <= NEAR_PAGES ? full / NEAR_DIVISOR : full
}

/** /proc/diskstats: requests, merges, sectors, time in the queue; busy time once for overlapping requests. */
function account(
  k: Kernel,
  device: number,
  dir: number,
  nr: number,
  merged: boolean,
  at: number,
  start: number,
  end: number,
): void {
  const d = k.device
  const sectors = nr * (PAGE_SIZE / 512)
  if (dir === READ) {
    if (merged) d.read_merges[device]!++
    else d.reads[device]!++
    d.read_sectors[device]! += sectors
    d.read_ns[device]! += end - at
  } else {
    if (merged) d.write_merges[device]!++
    else d.writes[device]!++
    d.write_sectors[device]! += sectors
    d.write_ns[device]! += end - at
  }
  d.weighted_ns[device]! += end - at
  const busy = Math.max(0, end - Math.max(start, d.busy_until[device]!))
  d.busy_ns[device]! += busy
  k.machine[device === 1 ? M.disk_busy : M.swap_busy]! += busy
  d.busy_until[device] = Math.max(d.busy_until[device]!, end)
}

/** The request that is done first on any device, 0 when nothing is in flight. */
export function first_bio(k: Kernel): number {
  const { head, meta } = k.device
  let best = 0
  for (let i = 2; i < meta.high * 2; i++) {
    const bio = head[i]!
    if (bio !== 0 && (best === 0 || k.bio.done_ns[bio]! < k.bio.done_ns[best]!)) best = bio
  }
  return best
}

/** Takes the first request off its queue; the caller ends it and frees the row. */
export function dequeue_bio(k: Kernel, bio: number): void {
  const d = k.device
  const device = k.bio.device[bio]!
  const queue = device * 2 + k.bio.write[bio]!
  assert(d.head[queue] === bio, 'dequeue_bio: not the first')
  const next = k.bio.next[bio]!
  d.head[queue] = next
  if (next === 0) d.tail[queue] = 0
  k.bio.next[bio] = 0
  // The bios of a merged request are done at one time and leave together.
  if (next !== 0 && k.bio.first[next] === k.bio.first[bio]) return
  d.inflight[device]!--
  d.inflight_writes[device]! -= k.bio.write[bio]!
}

/** One timer per queue, for its head. */
export function arm(k: Kernel, queue: number): void {
  const bio = k.device.head[queue]!
  if (bio !== 0 && k.device.timer[queue] === 0)
    k.device.timer[queue] = timer_add(k, k.bio.done_ns[bio]!, TIMER_BIO, queue)
}
