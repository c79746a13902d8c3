/** The multi-gen LRU piece by piece: walks of page tables, the reverse map, what is evicted first and what is protected. */
import { describe, expect, test } from 'vitest'
import { C } from '../../../src-shared/counters'
import { flush_tlb_mm } from '../../../src-main/kernel/arch/x86/tlb_flush'
import { pmd_offset, pte_offset } from '../../../src-main/kernel/arch/x86/pgtable'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { GFP_KERNEL, PTE_A, PTE_SHIFT, type Kernel } from '../../../src-main/kernel/kernel'
import { folio_lru_gen, LRU_GEN_ANON, LRU_GEN_FILE } from '../../../src-main/kernel/mm/lru_gen'
import { get_swappiness, should_run_aging, try_to_inc_max_seq } from '../../../src-main/kernel/mm/lru_gen_aging'
import { get_tier_idx, get_type_to_scan, reset_ctrl_pos } from '../../../src-main/kernel/mm/lru_gen_ctrl'
import { lru_gen_shrink_begin, lru_gen_shrink_round } from '../../../src-main/kernel/mm/lru_gen_evict'
import { lru_gen_set_caps } from '../../../src-main/kernel/mm/lru_gen_state'
import { cgroup_attach, cgroup_mkdir, cgroup_rmdir } from '../../../src-main/kernel/mm/memcg_tree'
import { scan_control, type ScanControl } from '../../../src-main/kernel/mm/scan_count'
import { lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../../support/bare'
import { lab } from '../../support/lab'

const NR = 1024
const ROOT = 1

/** A task with pages of two PTE tables, all used, in the youngest generation. */
function with_pages(caps: number): { k: Kernel; p: number; mm: number } {
  const k = bare_machine({ ram: 128 * MiB })
  swapon(k, 32 * MiB, 'ssd')
  lru_gen_set_caps(k, caps)
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS
  const at = sys.sys_mmap(k, 0, NR * 4096 + 2 * MiB, u.PROT_READ | u.PROT_WRITE, flags)
  const p = Math.ceil(at / (2 * MiB)) * 2 * MiB
  access_range(k, p, NR, 4096, true)
  lru_add_drain_all(k)
  return { k, p, mm: k.task.mm[k.var.current]! }
}
const max_seq = (k: Kernel): number => k.lru_gen.max_seq[ROOT]!
function age(k: Kernel): void {
  expect(try_to_inc_max_seq(k, 0, max_seq(k), true)).toBe(true)
  verify_lru(k)
}
/** Generations by sequence number of the pages of an area. */
function seqs(k: Kernel, mm: number, p: number, nr: number): Map<number, number> {
  const found = new Map<number, number>()
  for (let i = 0; i < nr; i++) {
    const entry = k.pt.entry[pte_offset(k, mm, p + i * 4096)]!
    const gen = folio_lru_gen(k, entry >>> PTE_SHIFT)
    const seq = gen < 0 ? -1 : max_seq(k) - ((max_seq(k) - gen) & 3)
    found.set(seq, (found.get(seq) ?? 0) + 1)
  }
  return found
}
function accessed(k: Kernel, mm: number, p: number, nr: number): number {
  let count = 0
  for (let i = 0; i < nr; i++) if ((k.pt.entry[pte_offset(k, mm, p + i * 4096)]! & PTE_A) !== 0) count++
  return count
}
function use(k: Kernel, mm: number, p: number, nr: number): void {
  flush_tlb_mm(k, mm)
  k.mm.lru_gen_used[mm] = 1
  access_range(k, p, nr, 4096, false)
}

describe('a walk of page tables', () => {
  test('puts used pages into the generation that was youngest, and clears their bits', () => {
    const { k, p, mm } = with_pages(7)
    const first = max_seq(k)
    age(k)
    expect(accessed(k, mm, p, NR)).toBe(0)
    expect([...seqs(k, mm, p, NR)]).toEqual([[first, NR]])
    use(k, mm, p, 100)
    age(k)
    expect(seqs(k, mm, p, NR).get(first + 1)).toBe(100)
    expect(seqs(k, mm, p, NR).get(first)).toBe(NR - 100)
  })

  test('leaves tables alone whose own bit says that nobody came by, and an address space that did not run', () => {
    const { k, p, mm } = with_pages(7)
    age(k)
    const pmd = pmd_offset(k, mm, p + 2 * MiB)
    expect(k.pt.entry[pmd]! & PTE_A).toBe(0)
    use(k, mm, p, NR)
    k.pt.entry[pmd]! &= ~PTE_A
    age(k)
    expect(accessed(k, mm, p, 512)).toBe(0)
    expect(accessed(k, mm, p + 2 * MiB, 512)).toBe(512)
    k.mm.lru_gen_used[mm] = 0
    use(k, mm, p, 512)
    k.mm.lru_gen_used[mm] = 0
    age(k)
    expect(accessed(k, mm, p, 512)).toBe(512)
  })

  test('comes back only to tables of which it found one page in eight used', () => {
    const { k, p, mm } = with_pages(7)
    age(k)
    // Now the first table is worth a walk, the second is not.
    use(k, mm, p, 64)
    access_range(k, p + 2 * MiB, 63, 4096, false)
    age(k)
    expect(accessed(k, mm, p, NR)).toBe(0)
    use(k, mm, p, NR)
    age(k)
    expect(accessed(k, mm, p, 512)).toBe(0)
    expect(accessed(k, mm, p + 2 * MiB, 512)).toBe(512)
  })

  test('does not happen without its part of the switch', () => {
    const { k, p, mm } = with_pages(1)
    age(k)
    expect(accessed(k, mm, p, NR)).toBe(NR)
  })
})

describe('eviction', () => {
  /** Passes of a batch each: memory is not short. */
  function evict(k: Kernel, fields: Partial<ScanControl> = {}): void {
    for (let pass = 0; pass < 6; pass++) {
      const sc = scan_control({ gfp: GFP_KERNEL, priority: 2, nr_to_reclaim: 1000, ...fields })
      const scan = lru_gen_shrink_begin(k, 0, sc)
      while (!lru_gen_shrink_round(k, scan, sc));
      expect(k.task.mm_walk[k.var.current]).toBe(0)
      verify_lru(k)
    }
  }

  test('finds a used page through the reverse map, and the 64 entries around it', () => {
    const { k, p, mm } = with_pages(1)
    age(k)
    age(k)
    const activated = k.vmstat[C.pgactivate]!
    const young = (): number => seqs(k, mm, p, NR).get(max_seq(k)) ?? 0
    expect(young()).toBe(0)
    evict(k)
    // Of a batch the first page is found; all others are in its window, or have been seen already.
    expect(young()).toBeGreaterThanOrEqual(64)
    expect(accessed(k, mm, p, NR)).toBe(NR - young())
    expect(k.vmstat[C.pgactivate]! - activated).toBeGreaterThan(0)
    expect(k.vmstat[C.pswpout]).toBe(0)
  })

  test('for a low zone moves the pages of higher ones out of its way', () => {
    const { k, p, mm } = with_pages(7)
    for (let i = 0; i < 3; i++) age(k)
    const oldest = (): number => k.lru_gen.min_seq[ROOT * 2 + LRU_GEN_ANON]!
    const from = oldest()
    expect(seqs(k, mm, p, NR).get(from)).toBe(NR)
    const sc = scan_control({ gfp: GFP_KERNEL, priority: 2, nr_to_reclaim: 1000, reclaim_idx: 0 })
    const scan = lru_gen_shrink_begin(k, 0, sc)
    while (!lru_gen_shrink_round(k, scan, sc));
    verify_lru(k)
    expect(k.vmstat[C.pgscan_anon]).toBe(0)
    expect(oldest()).toBe(from + 1)
    expect(seqs(k, mm, p, NR).get(from + 1)).toBe(NR)
  })

  test('writes what was not used for two generations, and keeps the page until it is written', () => {
    const { k, mm } = with_pages(7)
    age(k)
    age(k)
    age(k)
    evict(k)
    // What is on its way to the disk is not stolen yet.
    expect(k.vmstat[C.pswpout]).toBeGreaterThanOrEqual(k.vmstat[C.pgsteal_anon]! + 64)
    expect(k.mm.swapents[mm]).toBeGreaterThanOrEqual(64)
    // On their way to the disk they are second youngest; written, they will be the first to go.
    const waiting = [...k.swap.cache.subarray(0, k.swap.meta.high)].filter((pfn) => pfn > 0)
    expect(waiting.length).toBeGreaterThanOrEqual(64)
    expect(waiting.filter((pfn) => folio_lru_gen(k, pfn) === (max_seq(k) & 3))).toEqual([])
  })

  test('holds its writes back until the pass is over, so that those of all batches go together', () => {
    const { k } = with_pages(7)
    age(k)
    age(k)
    age(k)
    const sc = scan_control({ kswapd: true, gfp: GFP_KERNEL, priority: 0, nr_to_reclaim: 1000 })
    const scan = lru_gen_shrink_begin(k, 0, sc)
    const held: number[] = []
    while (!lru_gen_shrink_round(k, scan, sc)) if (k.vmstat[C.pswpout]! > 0) held.push(k.task.plug_nr[k.var.current]!)
    expect(held.length).toBeGreaterThan(1)
    expect(Math.min(...held)).toBe(1)
    expect(k.task.plug_nr[k.var.current]).toBe(0)
    expect(k.task.plug_depth[k.var.current]).toBe(0)
  })

  test('that may neither swap nor write, as that for a boosted mark, passes dirty pages by', () => {
    const { k, p, mm } = with_pages(7)
    age(k)
    age(k)
    age(k)
    const before = [...seqs(k, mm, p, NR)]
    evict(k, { may_swap: false, may_writepage: false })
    expect(k.vmstat[C.pswpout]).toBe(0)
    expect(k.vmstat[C.pgskip_dma32]).toBeGreaterThanOrEqual(64)
    expect([...seqs(k, mm, p, NR)]).toEqual(before)
  })
})

describe('aging is due', () => {
  const due = (k: Kernel): boolean => should_run_aging(k, 0, scan_control({}), true).need_aging

  test('when less than three generations are left, and not while there are four', () => {
    const { k } = with_pages(1)
    expect(due(k)).toBe(false)
    k.lru_gen.min_seq.fill(max_seq(k) - 1, ROOT * 2, ROOT * 2 + 2)
    expect(due(k)).toBe(true)
  })

  test('of three, when the youngest is more than half, or the oldest less than a quarter', () => {
    const { k } = with_pages(1)
    k.lru_gen.min_seq.fill(max_seq(k) - 2, ROOT * 2, ROOT * 2 + 2)
    const sizes = (old: number, middle: number, young: number): boolean => {
      k.lru_gen.nr_pages.fill(0)
      const at = (seq: number): number => ROOT * 24 + (seq & 3) * 6 + 1
      k.lru_gen.nr_pages[at(max_seq(k) - 2)] = old
      k.lru_gen.nr_pages[at(max_seq(k) - 1)] = middle
      k.lru_gen.nr_pages[at(max_seq(k))] = young
      return due(k)
    }
    expect(sizes(250, 250, 500)).toBe(false)
    expect(sizes(250, 249, 501)).toBe(true)
    expect(sizes(249, 251, 500)).toBe(true)
  })

  test('64 slots are the least that counts as swap', () => {
    const { k } = with_pages(1)
    expect(get_swappiness(k, 0)).toBe(60)
    k.swap_info.inuse[1] = k.swap_info.pages[1]! - 63
    expect(get_swappiness(k, 0)).toBe(0)
  })
})

describe('the feedback of refaults', () => {
  const TIER = (type: number, tier: number): number => (ROOT * 2 + type) * 4 + tier
  function machine(): Kernel {
    const k = bare_machine()
    lru_gen_set_caps(k, 7)
    return k
  }

  test('evicts every tier while few pages come back', () => {
    const k = machine()
    k.lru_gen.refaulted[TIER(LRU_GEN_FILE, 1)] = 63
    k.lru_gen.evicted[TIER(LRU_GEN_FILE, 1)] = 64
    expect(get_tier_idx(k, ROOT, LRU_GEN_FILE)).toBe(3)
  })

  test('protects a tier that comes back twice as often as the first', () => {
    const k = machine()
    const set = (tier: number, refaulted: number, evicted: number): void => {
      k.lru_gen.refaulted[TIER(LRU_GEN_FILE, tier)] = refaulted
      k.lru_gen.evicted[TIER(LRU_GEN_FILE, tier)] = evicted
    }
    set(0, 100, 1000)
    set(1, 100, 1000)
    set(2, 300, 1000)
    expect(get_tier_idx(k, ROOT, LRU_GEN_FILE)).toBe(1)
    set(2, 200, 1064)
    expect(get_tier_idx(k, ROOT, LRU_GEN_FILE)).toBe(3)
  })

  test('weighs the kinds by swappiness', () => {
    const k = machine()
    const set = (type: number, refaulted: number): void => {
      k.lru_gen.refaulted[TIER(type, 0)] = refaulted
      k.lru_gen.evicted[TIER(type, 0)] = 10_000
    }
    expect(get_type_to_scan(k, ROOT, 60).type).toBe(LRU_GEN_FILE)
    // 60 : 140 in favour of anonymous pages; file pages may come back 7/3 times as often.
    set(LRU_GEN_ANON, 1000)
    set(LRU_GEN_FILE, 2300)
    expect(get_type_to_scan(k, ROOT, 60).type).toBe(LRU_GEN_FILE)
    set(LRU_GEN_FILE, 2400)
    expect(get_type_to_scan(k, ROOT, 60).type).toBe(LRU_GEN_ANON)
    expect(get_type_to_scan(k, ROOT, 50).type).toBe(LRU_GEN_FILE)
  })

  test('forgets half of it with each generation', () => {
    const k = machine()
    k.lru_gen.refaulted[TIER(LRU_GEN_ANON, 2)] = 30
    k.lru_gen.evicted[TIER(LRU_GEN_ANON, 2)] = 70
    k.lru_gen.protected[(ROOT * 2 + LRU_GEN_ANON) * 3 + 1] = 31
    reset_ctrl_pos(k, ROOT, LRU_GEN_ANON)
    reset_ctrl_pos(k, ROOT, LRU_GEN_ANON)
    expect(k.lru_gen.avg_refaulted[TIER(LRU_GEN_ANON, 2)]).toBe(7)
    expect(k.lru_gen.avg_total[TIER(LRU_GEN_ANON, 2)]).toBe(25)
    expect(k.lru_gen.refaulted[TIER(LRU_GEN_ANON, 2)]).toBe(0)
  })

  test('counts what comes back to the oldest generation only', () => {
    const program = (last: string): string => `
machine: { ram: 128MiB, swap: [{ size: 256MiB, device: ssd }] }
steps:
  - writeFile: { path: /sys/kernel/mm/lru_gen/enabled, text: y }
  - mmap: { as: p, length: 160MiB, flags: [private, anonymous, noreserve] }
  - touch: { area: p, access: write, length: 72MiB }
  ${last}
  - { label: back, touch: { area: p, access: read, length: 256KiB } }
  - { label: more, touch: { area: p, access: write, from: 72MiB, length: 60MiB } }
`
    const counts = (last: string): Record<string, number>[] => {
      const { lines } = lab(program(last))
      return ['back', 'more'].map((label) => ({ ...lines.find((line) => line.label === label)!.vmstat }))
    }
    const [soon, after] = counts('') as [Record<string, number>, Record<string, number>]
    expect(soon['workingset_refault_anon']).toBeGreaterThanOrEqual(64)
    expect(soon['workingset_restore_anon']).toBe(soon['workingset_refault_anon'])
    // They count as read often from then on: spared when their generation is the oldest, and counted once for that.
    expect(after['workingset_activate_anon']).toBeGreaterThanOrEqual(32)
    // (Twice would be twice as many; the program's own pages come on top.)
    expect(after['workingset_activate_anon']).toBeLessThan(1.5 * soon['workingset_restore_anon']!)
    // Written over twice: other generations are the oldest by now.
    const [late] = counts('- touch: { area: p, access: write, from: 72MiB, length: 88MiB }') as [Record<string, number>]
    expect(late['pswpin']).toBeGreaterThanOrEqual(64)
    expect(late['workingset_refault_anon'] ?? 0).toBeLessThan(16)
  })
})

test('a cgroup that is removed keeps its generations while it has pages; its address spaces move with their owners', () => {
  const k = bare_machine({ ram: 128 * MiB })
  lru_gen_set_caps(k, 7)
  const t = k.var.current
  const mm = k.task.mm[t]!
  const memcg = cgroup_mkdir(k, 0, 'a')
  cgroup_attach(k, memcg, t)
  expect(k.mm.lru_gen_memcg[mm]).toBe(memcg + 1)
  const p = sys.sys_mmap(k, 0, NR * 4096, u.PROT_READ | u.PROT_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS)
  access_range(k, p, NR, 4096, true)
  lru_add_drain_all(k)
  const pages = (m: number): number =>
    k.lru_gen.nr_pages.subarray((m + 1) * 24, (m + 2) * 24).reduce((a, b) => a + b, 0)
  const before = pages(0)
  expect(pages(memcg)).toBeGreaterThanOrEqual(NR)
  const both = before + pages(memcg)
  cgroup_attach(k, 0, t)
  expect(cgroup_rmdir(k, memcg)).toBe(0)
  expect(k.mm.lru_gen_memcg[mm]).toBe(1)
  // Its pages hold it, where reclaim of the machine still finds them.
  expect([pages(0), pages(memcg)]).toEqual([before, both - before])
  expect(seqs(k, mm, p, NR).get(max_seq(k))).toBe(NR)
  verify_lru(k)
})

test('with min_ttl_ms somebody is killed rather than that the working set thrashes', () => {
  const r = lab(`
machine: { ram: 128MiB, swap: [{ size: 256MiB, device: ssd }] }
steps:
  - writeFile: { path: /sys/kernel/mm/lru_gen/enabled, text: y }
  - writeFile: { path: /sys/kernel/mm/lru_gen/min_ttl_ms, text: "100000" }
  - fork: { as: hog }
  - in: { task: hog, steps: [ { mmap: { as: p, length: 120MiB, flags: [private, anonymous, noreserve] } } ] }
  - in: { task: hog, steps: [ { mayFail: [SIGKILL], touch: { area: p, access: write } } ] }
`)
  expect(r.lines.flatMap((line) => line.killed ?? []).map((kill) => kill.task)).toEqual(['hog'])
})
