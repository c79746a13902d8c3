/** Columns of the tables. Requests and devices. */
import type { TableSpec } from '../lib/arena'

/** Requests on their way to a device. */
export const BIO = {
  device: 'i32',
  write: 'u8',
  /** Of a request that kswapd wrote (WBT_KSWAPD). */
  kswapd: 'u8',
  pfn: 'i32',
  nr: 'i32',
  submit_ns: 'f64',
  done_ns: 'f64',
  next: 'i32',
  kind: 'u8',
  obj: 'i32',
  /** Page index in the file of `obj`, for file I/O. */
  index: 'f64',
  /** First bio of the request it was merged into (itself when it was not), and when the device began with that. */
  first: 'i32',
  start_ns: 'f64',
  /** When its interrupt comes; at done_ns that has been dealt with. */
  irq_ns: 'f64',
  /** On the device, in pages. */
  block: 'f64',
  /** Its object of the slab cache; 0: of the pool. */
  object: 'f64',
} as const satisfies TableSpec

export const DEVICE = {
  kind: 'u8',
  name: 'i32',
  busy_until: 'f64',
  last_block: 'f64',
  reads: 'f64',
  writes: 'f64',
  read_sectors: 'f64',
  write_sectors: 'f64',
  read_ns: 'f64',
  write_ns: 'f64',
  busy_ns: 'f64',
  inflight: 'i32',
  weighted_ns: 'f64',
  read_merges: 'f64',
  write_merges: 'f64',
  /** Per direction (read, write): when its pipe is free, the block after the last request, requests in order of completion. */
  pipe_until: ['f64', 2],
  next_block: ['f64', 2],
  head: ['i32', 2],
  tail: ['i32', 2],
  timer: ['i32', 2],
  /** Pages and bios of the last request of a direction. */
  request_pages: ['i32', 2],
  request_bios: ['i32', 2],
  inflight_writes: 'i32',
  /** Write throttling: those of kswapd, how many the queue takes, how slow reads may be, the step of the depth, the end of the window (0: none) and what ended in it. */
  inflight_kswapd: 'i32',
  wbt_queue_depth: 'i32',
  wbt_min_latency_ns: 'f64',
  wbt_step: 'i32',
  wbt_window_ns: 'f64',
  wbt_reads: 'i32',
  wbt_writes: 'i32',
  wbt_read_min_ns: 'f64',
  wbt_unknown: 'i32',
  /** When a read was last issued or done. */
  wbt_read_ns: 'f64',
  /** Pages on the device, and where the next new file begins. */
  pages: 'f64',
  next_free: 'f64',
} as const satisfies TableSpec
