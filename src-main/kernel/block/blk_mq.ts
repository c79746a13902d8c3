/**
 * The way of a bio to its device: the plug of the task that submits it, the I/O scheduler, the driver.
 *
 *   submit ─┬ adjacent to a request that waits (plug or scheduler) ──> part of it
 *           ├ plugged ──> held back until blk_finish_plug, 32 requests, 128 KiB in one, or until the task sleeps
 *           ├ a device with a scheduler ──> kblockd runs the queue: a kernel thread, so the CPU works while the task waits
 *           └ without one ──> the driver, at once
 *
 * A plug that is finished runs the queue in the task's own time; one that is flushed because the task sleeps leaves that
 * to kblockd.
 *
 * Linux: block/blk-mq.c (blk_mq_submit_bio, blk_add_rq_to_plug, blk_mq_flush_plug_list, blk_mq_run_hw_queue),
 * block/blk-mq-sched.c. Simplified: when kblockd will have run the queue is known when it is woken, so when the request
 * is done is too; one worker for all CPUs.
 */
import { PAGE_SIZE, TASK_IDLE, type Kernel } from '../kernel'
import { COST } from '../costs'
import { call_time, charge, kthread_sleep, threads, wake_kthread } from '../task'
import {
  blk_mq_get_request,
  device_has_elevator,
  doorbell_cost,
  max_request_pages,
  may_merge,
  start_request,
} from './device'

/** BLK_MAX_REQUEST_COUNT, BLK_PLUG_FLUSH_SIZE. */
const MAX_PLUGGED_REQUESTS = 32
const PLUG_FLUSH_PAGES = (128 * 1024) / PAGE_SIZE

// ---------------------------------------------------------------- plugs

/** Until blk_finish_plug the running task's requests are held back, so that adjacent ones are merged. */
export function blk_start_plug(k: Kernel): void {
  k.task.plug_depth[k.var.current]!++
}
export function blk_finish_plug(k: Kernel): void {
  const t = k.var.current
  if (--k.task.plug_depth[t]! === 0) blk_flush_plug(k, t, false)
}

/** Lets go what a task's plug holds back; from_schedule: because the task sleeps. */
export function blk_flush_plug(k: Kernel, t: number, from_schedule: boolean): void {
  const { plug_head, plug_tail, plug_nr } = k.task
  const { next, first } = k.bio
  let head = plug_head[t]!
  plug_head[t] = 0
  plug_tail[t] = 0
  plug_nr[t] = 0
  while (head !== 0) {
    let last = head
    while (next[last] !== 0 && first[next[last]!] === head) last = next[last]!
    const rest = next[last]!
    next[last] = 0
    run_hw_queue(k, head, from_schedule, rest === 0)
    head = rest
  }
}

/**
 * Who waits for a request that another task's plug holds back: that task would run meanwhile, and let it go. Simplified:
 * all plugs go, and at once.
 */
export function blk_flush_plugs_of_others(k: Kernel): void {
  const { plug_head, meta } = k.task
  for (let t = 1; t < meta.high; t++) if (plug_head[t] !== 0) blk_flush_plug(k, t, true)
}

function plug_bio(k: Kernel, bio: number, t: number): void {
  const { plug_head, plug_tail, plug_nr } = k.task
  const tail = plug_tail[t]!
  const merged = tail !== 0 && merges_into_plug(k, bio, tail)
  if (!merged) {
    blk_mq_get_request(k, bio)
    if (plug_nr[t]! >= MAX_PLUGGED_REQUESTS || (tail !== 0 && pages_up_to(k, tail) >= PLUG_FLUSH_PAGES))
      blk_flush_plug(k, t, false)
    plug_nr[t]!++
  }
  k.bio.first[bio] = merged ? k.bio.first[tail]! : bio
  if (merged) k.bio.kswapd[bio] = k.bio.kswapd[tail]!
  if (plug_head[t] === 0) plug_head[t] = bio
  else k.bio.next[plug_tail[t]!] = bio
  plug_tail[t] = bio
}

/** Only the last request of a plug is looked at. */
function merges_into_plug(k: Kernel, bio: number, tail: number): boolean {
  const b = k.bio
  if (b.device[tail] !== b.device[bio] || b.write[tail] !== b.write[bio]) return false
  if (b.block[bio] !== b.block[tail]! + b.nr[tail]!) return false
  return pages_up_to(k, tail) + b.nr[bio]! <= max_request_pages(k, b.device[bio]!)
}
/** Pages of a request up to its last bio: they are adjacent. */
function pages_up_to(k: Kernel, last: number): number {
  return k.bio.block[last]! + k.bio.nr[last]! - k.bio.block[k.bio.first[last]!]!
}

// ---------------------------------------------------------------- submitting

/** True when a bio becomes part of a request that waits already, and so needs no tag of its own. */
export function would_merge(k: Kernel, bio: number): boolean {
  const t = k.var.current
  const tail = k.task.plug_tail[t]!
  if (k.task.plug_depth[t]! > 0) return tail !== 0 && merges_into_plug(k, bio, tail)
  return merges_into_queue(k, bio)
}
function merges_into_queue(k: Kernel, bio: number): boolean {
  const queue = k.bio.device[bio]! * 2 + k.bio.write[bio]!
  return may_merge(k, queue, k.bio.block[bio]!, k.bio.nr[bio]!, call_time(k))
}

/** Sends a bio (a row of k.bio with its fields filled in) on its way. */
export function blk_mq_submit_bio(k: Kernel, bio: number): void {
  const t = k.var.current
  const b = k.bio
  b.submit_ns[bio] = call_time(k)
  b.done_ns[bio] = Infinity
  b.first[bio] = bio
  b.next[bio] = 0
  if (k.task.plug_depth[t]! > 0) return plug_bio(k, bio, t)
  blk_mq_get_request(k, bio)
  if (merges_into_queue(k, bio)) start_request(k, bio, call_time(k))
  else run_hw_queue(k, bio, true, true)
}

/**
 * The queue is run: by kblockd (async, where a scheduler holds the request), or here and now. The device is told with the
 * `last` of those that go together.
 */
function run_hw_queue(k: Kernel, head: number, async: boolean, last: boolean): void {
  const device = k.bio.device[head]!
  const cost = COST.request_dispatch + (last ? doorbell_cost(k, device) : 0)
  if (async && device_has_elevator(k, device) && threads(k).kblockd !== 0) {
    if (last) charge(k, COST.run_queue_async)
    start_request(k, head, kblockd_run(k, cost))
  } else {
    charge(k, cost)
    start_request(k, head, call_time(k))
  }
}

// ---------------------------------------------------------------- kblockd

/** Work of the thread: how much, and when it will be through with it. Plain data in var.mod. */
interface Kblockd {
  cost: number
  until: number
}
function kblockd(k: Kernel): Kblockd {
  return (k.var.mod['kblockd'] ??= { cost: 0, until: 0 }) as Kblockd
}

/** Wakes kblockd for one more request; when the driver will have it. At nice -20 the thread is the next to run. */
function kblockd_run(k: Kernel, cost: number): number {
  const work = kblockd(k)
  const slowdown = k.config.slowdown ?? 1
  const begins = work.cost > 0 ? work.until : call_time(k) + COST.context_switch * slowdown
  work.cost += cost
  work.until = Math.max(begins, call_time(k)) + cost * slowdown
  wake_kthread(k, 'kblockd')
  return work.until
}

/** kblockd: its time passes here; the requests are with their devices already. True when it is through. */
export function kblockd_step(k: Kernel): boolean {
  const work = kblockd(k)
  const cost = work.cost
  work.cost = 0
  if (cost > 0) charge(k, cost)
  else kthread_sleep(k, threads(k).kblockd, Infinity, TASK_IDLE)
  return cost === 0
}
