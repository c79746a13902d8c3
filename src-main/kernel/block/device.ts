/**
 * Disks: latency, bandwidth, a queue. Each direction of a device is a pipe: a request enters when the pipe is free,
 * takes its transfer (and on a rotating disk its seek) time, and interrupts a fixed latency after that; when the
 * interrupt has been dealt with it is done. Requests of one direction complete in order, so a queue is a list and one
 * timer for its head. How a request comes here: blk_mq.ts.
 *
 * Linux: block/ and a driver. Simplified: no scheduler but "reads go first"; a request that follows its predecessor on
 * the disk is merged (no latency of its own, counted in *_merges); no errors.
 */
import { assert } from '@shared/assert'
import { M } from '@shared/counters'
import { PAGE_SIZE, string_id, type Kernel } from '../kernel'
import { COST } from '../costs'
import { row_alloc } from '../lib/arena'
import { timer_add } from '../lib/timer'
import { TIMER_BIO } from '../task'
import { wbt_done, wbt_init, wbt_issue, wbt_throttled } from './wbt'

export type DeviceKind = 'hdd' | 'ssd' | 'nvme' | 'virtio'
export const DEVICE_KINDS: readonly DeviceKind[] = ['hdd', 'ssd', 'nvme', 'virtio']

interface Preset {
  /** From the end of the transfer to the interrupt. */
  readonly latency_ns: readonly [read: number, write: number]
  /** Time in the pipe per page. */
  readonly page_ns: readonly [read: number, write: number]
  /** Time in the pipe per request that does not follow the one before. */
  readonly request_ns: readonly [read: number, write: number]
  readonly rotational: boolean
  /** max_segments, where it is another. */
  readonly segments?: number
  /** CPU time of its driver beyond COST: to tell the device of new requests, and per request in the interrupt. */
  readonly doorbell?: number
  readonly complete?: number
  /** It is said to rotate, but nothing does. */
  readonly emulated?: boolean
}
/**
 * A 7200 rpm disk (150 MB/s, 100 random reads/s, a write cache), a SATA SSD (500/450 MB/s, 80k IOPS), an NVMe drive
 * (3/2 GB/s, 400k IOPS), and the disk of an emulated machine: a file in the host's page cache, said to rotate (virtio_blk
 * leaves the queue's default).
 *
 * What the last takes is the host's time, not the emulated CPU's: the write to the doorbell leaves the guest's code and
 * wakes the emulator's main loop; that takes one request after the other off the ring and hands each to its thread pool
 * (request_ns); a thread reads or writes the file (page_ns: a copy), wakes the main loop once more, which raises the
 * interrupt (latency_ns: three wakings of a host thread). What the machine's own CPU does for it are the exits to the
 * emulator: the doorbell, once for all requests that are handed over together, and the interrupt. Measured by stepping
 * through the functions and the switches of psi/thrash-256M on a quiet host: virtio_queue_rq 27 µs with the doorbell and
 * 2–5 without, blk_mq_run_work_fn 37, vring_interrupt 21 and as much for the softirq, 116 from the CPU's falling idle to
 * the waker's turn. Their sum is what a request of eight pages that is waited for took beyond its pages, 200 µs
 * (reclaim/anon-swappiness60-repeat-c).
 */
const PRESETS: Readonly<Record<DeviceKind, Preset>> = {
  hdd: {
    latency_ns: [150_000, 150_000],
    page_ns: [27_000, 27_000],
    request_ns: [8_500_000, 1_000_000],
    rotational: true,
  },
  ssd: { latency_ns: [85_000, 45_000], page_ns: [8_200, 9_100], request_ns: [4_000, 4_000], rotational: false },
  virtio: {
    latency_ns: [45_000, 45_000],
    page_ns: [400, 400],
    request_ns: [10_000, 10_000],
    rotational: true,
    // What the device says (VIRTIO_BLK_F_SEG_MAX): a ring of 256 less the header and the status.
    segments: 254,
    doorbell: 1_900,
    complete: 2_000,
    emulated: true,
  },
  nvme: { latency_ns: [70_000, 18_000], page_ns: [1_370, 2_050], request_ns: [1_200, 1_200], rotational: false },
}
/** On a rotating disk, a request this near (pages) costs a short seek only. */
const NEAR_PAGES = 512
const NEAR_DIVISOR = 4

export const READ = 0
export const WRITE = 1
/** max_segments where a driver names no other (BLK_MAX_SEGMENTS). */
const MAX_SEGMENTS = 128
/** blk-mq tags: who submits more waits. */
const NR_REQUESTS = 256

/** Adds a device of `pages` pages; returns its row. */
export function add_device(k: Kernel, kind: DeviceKind, name: string, pages: number): number {
  const row = row_alloc(k.device)
  assert(row !== 0, 'add_device: too many devices')
  k.device.kind[row] = DEVICE_KINDS.indexOf(kind)
  k.device.name[row] = string_id(k, name)
  k.device.pages[row] = pages
  wbt_init(k, row, NR_REQUESTS, PRESETS[kind].rotational)
  return row
}

/** sda, sdb, … for disks, vda, … for virtio, nvme0n1, … for NVMe: the next free name of a kind. */
export function next_device_name(k: Kernel, kind: DeviceKind): string {
  const family = (of: DeviceKind): string => (of === 'nvme' ? 'nvme' : of === 'virtio' ? 'vd' : 'sd')
  let same = 0
  for (let d = 1; d < k.device.meta.high; d++) if (family(device_kind(k, d)) === family(kind)) same++
  return kind === 'nvme' ? `nvme${same}n1` : `${family(kind)}${String.fromCharCode(97 + same)}`
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

/** Single-queue devices have an I/O scheduler (elevator_get_default: mq-deadline); those with many queues have none. */
export function device_has_elevator(k: Kernel, device: number): boolean {
  return device_kind(k, device) !== 'nvme'
}

/** The longest request: pages are rarely adjacent in memory, so each is a segment. */
export function max_request_pages(k: Kernel, device: number): number {
  return PRESETS[device_kind(k, device)].segments ?? MAX_SEGMENTS
}

/** CPU time for which a device's driver tells it of new requests. */
export function doorbell_cost(k: Kernel, device: number): number {
  return PRESETS[device_kind(k, device)].doorbell ?? 0
}

/** CPU time of the interrupt of a request of so many bios. */
export function completion_cost(k: Kernel, device: number, bios: number): number {
  return COST.request_complete + (PRESETS[device_kind(k, device)].complete ?? 0) + bios * COST.bio_end
}
function completion_ns(k: Kernel, device: number, bios: number): number {
  return completion_cost(k, device, bios) * (k.config.slowdown ?? 1)
}

/** A request of a bio gets its tag: from now on it counts against the limits, wherever it waits. */
export function blk_mq_get_request(k: Kernel, bio: number): void {
  const device = k.bio.device[bio]!
  const dir = k.bio.write[bio]!
  wbt_issue(k, device, dir)
  k.device.inflight[device]!++
  k.device.inflight_writes[device]! += dir
  k.device.inflight_kswapd[device]! += dir & k.bio.kswapd[bio]!
}
function blk_mq_put_request(k: Kernel, bio: number): void {
  const device = k.bio.device[bio]!
  const dir = k.bio.write[bio]!
  k.device.inflight[device]!--
  k.device.inflight_writes[device]! -= dir
  k.device.inflight_kswapd[device]! -= dir & k.bio.kswapd[bio]!
}

/**
 * The driver takes a request at time `at`: bios linked from `head` that are adjacent on the disk. What follows a request
 * that the device has not begun with becomes part of it.
 */
export function start_request(k: Kernel, head: number, at: number): void {
  const d = k.device
  const device = k.bio.device[head]!
  const dir = k.bio.write[head] === 0 ? READ : WRITE
  const queue = device * 2 + dir
  const block = k.bio.block[head]!
  let nr = 0
  let bios = 0
  let last = head
  for (let b = head; b !== 0; b = k.bio.next[b]!, bios++) {
    nr += k.bio.nr[b]!
    last = b
  }
  const tail = d.tail[queue]!
  const merged = may_merge(k, queue, block, nr, at)
  const pipe = enter_pipe(k, device, dir, block, nr, merged, at)
  account(k, device, dir, nr, merged ? bios : bios - 1, merged, k.bio.submit_ns[head]!, pipe.start, pipe.end)
  d.request_pages[queue] = nr + (merged ? d.request_pages[queue]! : 0)
  d.request_bios[queue] = bios + (merged ? d.request_bios[queue]! : 0)
  const start = merged ? k.bio.start_ns[tail]! : pipe.start
  const first = merged ? k.bio.first[tail]! : head
  // Interrupts of a direction are dealt with one after the other.
  const before = merged || tail === 0 ? 0 : k.bio.done_ns[tail]!
  const irq = Math.max(pipe.end + PRESETS[device_kind(k, device)].latency_ns[dir], before)
  if (tail !== 0) k.bio.next[tail] = head
  else d.head[queue] = head
  d.tail[queue] = last
  set_times(k, first, start, irq, irq + completion_ns(k, device, d.request_bios[queue]!))
  // A merged request has one tag, of who came first.
  if (merged) {
    blk_mq_put_request(k, head)
    for (let b = head; b !== 0; b = k.bio.next[b]!) k.bio.kswapd[b] = k.bio.kswapd[tail]!
  }
  arm(k, queue)
}

/** A request is done as a whole. */
function set_times(k: Kernel, first: number, start: number, irq: number, done: number): void {
  for (let b = first; b !== 0; b = k.bio.next[b]!) {
    k.bio.first[b] = first
    k.bio.start_ns[b] = start
    k.bio.irq_ns[b] = irq
    k.bio.done_ns[b] = done
  }
}

/** When the device begins with a request and has transferred it: reads go before the writes that wait. */
function enter_pipe(k: Kernel, device: number, dir: 0 | 1, block: number, nr: number, merged: boolean, at: number) {
  const d = k.device
  const preset = PRESETS[device_kind(k, device)]
  const [reads, writes] = [device * 2, device * 2 + WRITE]
  const seek = merged ? 0 : seek_ns(k, device, dir, block, preset)
  const service = nr * preset.page_ns[dir] + seek
  let start = Math.max(at, d.pipe_until[device * 2 + dir]!)
  if (dir === WRITE) start = Math.max(start, d.pipe_until[reads]!)
  else if (d.pipe_until[writes]! > at) d.pipe_until[writes]! += service
  const end = start + service
  d.pipe_until[device * 2 + dir] = end
  d.next_block[device * 2 + dir] = block + nr
  d.last_block[device] = block + nr
  return { start, end }
}

/** Adjacent to the last request of its direction, which the device has not begun with. */
export function may_merge(k: Kernel, queue: number, block: number, nr: number, at: number): boolean {
  const d = k.device
  const tail = d.tail[queue]!
  if (tail === 0 || block !== d.next_block[queue] || d.request_pages[queue]! + nr > max_request_pages(k, queue >> 1))
    return false
  return k.bio.start_ns[tail]! > at
}

/** True when one more request of a direction has to wait: no tags left, or too many writes under way. */
export function queue_congested(k: Kernel, device: number, dir: number, kswapd: boolean): boolean {
  if (dir === WRITE && wbt_throttled(k, device, kswapd)) return true
  return k.device.inflight[device]! >= NR_REQUESTS
}

function seek_ns(k: Kernel, device: number, dir: 0 | 1, block: number, preset: Preset): number {
  const full = preset.request_ns[dir]
  if (!preset.rotational || preset.emulated === true) return full
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
  merges: number,
  merged: boolean,
  submitted: number,
  start: number,
  end: number,
): void {
  const d = k.device
  const sectors = nr * (PAGE_SIZE / 512)
  const requests = merged ? 0 : 1
  if (dir === READ) {
    d.read_merges[device]! += merges
    d.reads[device]! += requests
    d.read_sectors[device]! += sectors
    d.read_ns[device]! += end - submitted
  } else {
    d.write_merges[device]! += merges
    d.writes[device]! += requests
    d.write_sectors[device]! += sectors
    d.write_ns[device]! += end - submitted
  }
  d.weighted_ns[device]! += end - submitted
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
    if (bio !== 0 && (best === 0 || k.bio.irq_ns[bio]! < k.bio.irq_ns[best]!)) best = bio
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
  blk_mq_put_request(k, bio)
  wbt_done(k, device, k.bio.write[bio]!, k.bio.done_ns[bio]! - k.bio.start_ns[bio]!)
}

/** One timer per queue, for its head. */
export function arm(k: Kernel, queue: number): void {
  const bio = k.device.head[queue]!
  if (bio !== 0 && k.device.timer[queue] === 0)
    k.device.timer[queue] = timer_add(k, k.bio.irq_ns[bio]!, TIMER_BIO, queue)
}
