/**
 * The page allocator under load: the buddy system alone with three mixes of orders, and single pages through the per-CPU
 * lists. Prints one JSON line each: operations in millions a second and a hash of what was handed out.
 */
import { GFP_HIGHUSER_MOVABLE, GFP_NOWAIT, MIGRATE_MOVABLE, type Kernel } from '../../src-main/kernel/kernel'
import { __free_one_page, __mod_zone_freepage_state, __rmqueue_smallest } from '../../src-main/kernel/mm/buddy'
import { alloc_page, free_page, init_zones } from '../../src-main/kernel/mm/page_alloc'
import { machine } from '../kernel/mm/machine'

const FRAMES = 1 << 22
const OPERATIONS = Number(process.env['BENCH_OPS'] ?? 2_000_000)
const MODES = ['orders 0…10 alike', 'mostly small orders', 'order 0 only']

/** 16 GiB above 4 GiB, free: the frames of zone Normal as one field of largest blocks. */
function field(): Kernel {
  const k = machine(20 * 1024)
  k.var.max_pfn = 0x100000 + FRAMES
  k.pageblock.migratetype.fill(MIGRATE_MOVABLE)
  for (let pfn = 0x100000; pfn < 0x100000 + FRAMES; pfn += 1024) __free_one_page(k, pfn, 2, 10, MIGRATE_MOVABLE, 1)
  return k
}

/** The mix of allocations and frees around 70 % use that the C program of the same name runs. */
function load(k: Kernel, mode: number, operations: number): { sum: number; live: number } {
  const live = new Int32Array(FRAMES)
  const orders = new Uint8Array(FRAMES)
  const target = Math.floor(FRAMES / 10) * 7
  let x = 0x9e3779b9 | 0
  let nr = 0
  let used = 0
  let sum = 0
  for (let done = 0; done < operations; done++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    const q = x >>> 0
    if (nr === 0 || (used < target ? (q & 7) < 5 : (q & 7) < 3)) {
      let order = 0
      let z = q >>> 8
      if (mode === 0) order = z % 11
      else if (mode === 1)
        while (order < 10 && (z & 3) === 0) {
          order++
          z >>>= 2
        }
      const pfn = __rmqueue_smallest(k, 2, order, MIGRATE_MOVABLE)
      if (pfn === 0) continue
      __mod_zone_freepage_state(k, 2, -(1 << order))
      live[nr] = pfn
      orders[nr++] = order
      used += 1 << order
      sum = (sum + pfn) | 0
    } else {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      const at = (x >>> 0) % nr
      const order = orders[at]!
      __free_one_page(k, live[at]!, 2, order, MIGRATE_MOVABLE, 0)
      used -= 1 << order
      nr--
      live[at] = live[nr]!
      orders[at] = orders[nr]!
    }
  }
  return { sum: sum >>> 0, live: nr }
}

/** CPU time, not wall-clock time: other processes do not count. */
function timed(name: string, operations: number, run: () => unknown): void {
  const begin = process.cpuUsage()
  const result = run()
  const { user, system } = process.cpuUsage(begin)
  console.log(JSON.stringify({ bench: name, Mops: +(operations / (user + system)).toFixed(2), result }))
}

function buddy(name: string, mode: number): void {
  load(field(), 0, Math.min(OPERATIONS, 300_000))
  const k = field()
  timed(`buddy: ${name}`, OPERATIONS, () => load(k, mode, OPERATIONS))
}

function per_cpu_lists(): void {
  const k = machine(4096)
  init_zones(k)
  const pages = new Int32Array(1024)
  const gfp = GFP_NOWAIT | (GFP_HIGHUSER_MOVABLE & 0xa)
  const rounds = (nr: number): number => {
    let sum = 0
    for (let i = 0; i < nr; i++) {
      for (let j = 0; j < 1024; j++) sum = (sum + (pages[j] = alloc_page(k, gfp))) | 0
      for (let j = 0; j < 1024; j++) free_page(k, pages[j]!)
    }
    return sum >>> 0
  }
  rounds(100)
  timed('pcp: alloc_page + free_page', OPERATIONS, () => rounds(OPERATIONS / 1024))
}

MODES.forEach(buddy)
per_cpu_lists()
