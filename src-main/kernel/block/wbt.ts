/**
 * Write throttling: how many requests of buffered writes and of swapping may be under way, so that reads do not wait behind
 * them. A window of 100 ms after another is looked at: while reads are quick, or there are none, the depth doubles (16, 31,
 * 61 …); when reads took too long it shrinks; when nothing happens it goes back.
 *
 *   wbt_wait ─> under get_limit? ─┬ kswapd: the whole depth, counted apart
 *                                 ├ others: a quarter of it within 100 ms of a read
 *                                 └ else half of it
 *
 * Linux: block/blk-wbt.c, block/blk-rq-qos.c (rq_depth_*). Simplified: the window's timer is looked at when a request comes
 * or ends, which is when its result counts; background writes and those of a task that balance_dirty_pages has just held
 * back are not told from others.
 */
import type { Kernel } from '../kernel'
import { int_sqrt } from '../lib/math'

const READ = 0
/** RWB_DEF_DEPTH, RWB_WINDOW_NSEC, RWB_MIN_WRITE_SAMPLES, RWB_UNKNOWN_BUMP. */
const DEFAULT_DEPTH = 16
const WINDOW_NS = 100_000_000
const MIN_WRITE_SAMPLES = 3
const UNKNOWN_BUMP = 5
/** wbt_default_latency_nsec: of a solid-state disk, and of one that rotates. */
const MIN_LATENCY_NS = [2_000_000, 75_000_000] as const
/** HZ/10. */
const CLOSE_NS = 100_000_000

/** A queue of so many requests. Linux: wbt_init. */
export function wbt_init(k: Kernel, device: number, queue_depth: number, rotates: boolean): void {
  k.device.wbt_queue_depth[device] = queue_depth
  k.device.wbt_min_latency_ns[device] = MIN_LATENCY_NS[rotates ? 1 : 0]
}

/** What the step of the depth comes to, and whether three quarters of the queue bound it (rq_depth_calc_max_depth). */
function calc_max_depth(k: Kernel, device: number): { readonly depth: number; readonly scaled_max: boolean } {
  const queue_depth = k.device.wbt_queue_depth[device]!
  const step = k.device.wbt_step[device]!
  const depth = Math.min(DEFAULT_DEPTH, queue_depth)
  if (step > 0) return { depth: 1 + ((depth - 1) >> Math.min(31, step)), scaled_max: false }
  if (step === 0) return { depth, scaled_max: false }
  const scaled = 1 + (depth - 1) * 2 ** -step
  const most = Math.floor((3 * queue_depth) / 4)
  return { depth: Math.min(scaled, most), scaled_max: scaled > most }
}

/** True when one more request that writes has to wait. */
export function wbt_throttled(k: Kernel, device: number, kswapd: boolean): boolean {
  const d = k.device
  look(k, device)
  const { depth } = calc_max_depth(k, device)
  if (kswapd) return d.inflight_kswapd[device]! >= depth
  const close = k.var.now < d.wbt_read_ns[device]! + CLOSE_NS
  const [normal, background] = depth <= 2 ? [depth, 1] : [(depth + 1) >> 1, (depth + 3) >> 2]
  return d.inflight_writes[device]! - d.inflight_kswapd[device]! >= (close ? background : normal)
}

/** wbt_wait after its wait: a write starts the window. */
export function wbt_issue(k: Kernel, device: number, dir: number): void {
  const d = k.device
  look(k, device)
  if (dir === READ) d.wbt_read_ns[device] = k.var.now
  else if (d.wbt_window_ns[device] === 0) activate(k, device, k.var.now)
}

/** A request is done: a sample of the window. */
export function wbt_done(k: Kernel, device: number, dir: number, latency_ns: number): void {
  const d = k.device
  look(k, device)
  if (dir === READ) d.wbt_read_ns[device] = k.var.now
  if (d.wbt_window_ns[device] === 0) return
  if (dir !== READ) d.wbt_writes[device]!++
  else if (d.wbt_reads[device]!++ === 0 || latency_ns < d.wbt_read_min_ns[device]!)
    d.wbt_read_min_ns[device] = latency_ns
}

/** rwb_arm_timer: the next window, shorter while the depth is reduced. */
function activate(k: Kernel, device: number, from: number): void {
  const d = k.device
  const step = d.wbt_step[device]!
  const length = step > 0 ? Math.floor((WINDOW_NS * 16) / int_sqrt((step + 1) << 8)) : WINDOW_NS
  d.wbt_window_ns[device] = from + length
  d.wbt_reads[device] = 0
  d.wbt_writes[device] = 0
}

/** Ends the windows that are over (wb_timer_fn). */
function look(k: Kernel, device: number): void {
  const d = k.device
  while (d.wbt_window_ns[device] !== 0 && k.var.now >= d.wbt_window_ns[device]!) {
    end_window(k, device)
    const ended = d.wbt_window_ns[device]!
    d.wbt_window_ns[device] = 0
    if (d.wbt_step[device] !== 0 || d.inflight_writes[device]! > 0) activate(k, device, ended)
  }
}

function end_window(k: Kernel, device: number): void {
  const d = k.device
  const [reads, writes] = [d.wbt_reads[device]!, d.wbt_writes[device]!]
  const step = d.wbt_step[device]!
  if (reads > 0 && writes >= MIN_WRITE_SAMPLES && d.wbt_read_min_ns[device]! > d.wbt_min_latency_ns[device]!) {
    d.wbt_unknown[device] = 0
    if (calc_max_depth(k, device).depth > 1) d.wbt_step[device] = step < 0 ? 0 : step + 1
    return
  }
  // LAT_OK and LAT_UNKNOWN_WRITES: reads were quick beside the writes, or there were writes alone.
  if (writes > 0 || d.inflight_writes[device]! > 0) return scale_up(k, device)
  if (++d.wbt_unknown[device]! < UNKNOWN_BUMP) return
  if (step > 0) scale_up(k, device)
  else if (step < 0) {
    d.wbt_step[device] = step + 1
    d.wbt_unknown[device] = 0
  }
}

/** Not beyond the step at which the queue bounds the depth. */
function scale_up(k: Kernel, device: number): void {
  k.device.wbt_unknown[device] = 0
  if (!calc_max_depth(k, device).scaled_max) k.device.wbt_step[device]!--
}
