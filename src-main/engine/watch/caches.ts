/** A slab cache close up, the swap areas slot by slot, and who would be killed now. */
import type { WatchOom, WatchSlab, WatchSwap } from '@shared/protocol'
import { oom_badness, oom_totalpages } from '../../kernel/mm/oom_kill'
import { get_mm_rss } from '../../kernel/mm/rss_stat'
import { cache_by_name } from '../../kernel/mm/slub'
import { SWAP_COUNT_MASK, SWAP_HAS_CACHE } from '../../kernel/mm/swapfile'
import { PF_KTHREAD, STEP_NS, type Kernel } from '../../kernel/kernel'

const MAX_SLABS = 4096
const LISTS = ['full', 'partial', 'cpu'] as const

export function watchSlab(k: Kernel, name: string): WatchSlab {
  const cache = cache_by_name(k, name)
  const slabs: WatchSlab['slabs'][number][] = []
  const s = k.slab
  for (let row = 1; row < s.meta.high && slabs.length < MAX_SLABS; row++) {
    if (cache === 0 || s.cache[row] !== cache) continue
    const list = s.frozen[row] !== 0 ? 'cpu' : (LISTS[s.on_list[row]!] ?? 'full')
    slabs.push({ pfn: s.pfn[row]!, list, inuse: s.inuse[row]!, used: [...s.used.subarray(row * 16, row * 16 + 16)] })
  }
  return {
    kind: 'slab',
    ms: now(k),
    cache: name,
    objsize: k.kmem_cache.size[cache]!,
    objects: k.kmem_cache.objects[cache]!,
    order: k.kmem_cache.order[cache]!,
    slabs: slabs.sort((a, b) => a.pfn - b.pfn),
  }
}

export function watchSwap(k: Kernel): WatchSwap {
  const areas: WatchSwap['areas'][number][] = []
  for (let row = 1; row < k.swap_info.meta.high; row++) {
    const pages = k.swap_info.pages[row]!
    if (pages === 0) continue
    const start = k.swap_info.start[row]!
    areas.push({
      name: k.strings.list[k.swap_info.name[row]!]!,
      pages,
      used: k.swap_info.inuse[row]!,
      priority: k.swap_info.prio[row]!,
      map: Uint8Array.from(k.swap.map.subarray(start, start + pages), slotByte),
    })
  }
  return { kind: 'swap', ms: now(k), areas }
}

/** References up to 63, and 0x40 when the page is also in the swap cache. */
function slotByte(map: number): number {
  return Math.min(map & SWAP_COUNT_MASK, 63) | ((map & SWAP_HAS_CACHE) !== 0 ? 0x40 : 0)
}

/** oom_badness of every task, term by term, as in mm/oom_kill.c; `oom_score` as /proc shows it. */
export function watchOom(k: Kernel): WatchOom {
  const totalpages = oom_totalpages(k)
  const ranking: WatchOom['ranking'][number][] = []
  for (let t = 1; t < k.task.meta.high; t++) {
    const mm = k.task.mm[t]!
    if (k.task.pid[t] === 0 || mm === 0 || (k.task.flags[t]! & PF_KTHREAD) !== 0 || k.task.tgid[t] !== k.task.pid[t])
      continue
    const adj = k.task.oom_score_adj[t]!
    const points = oom_badness(k, t, totalpages)
    const exempt = points === -Infinity || points < -(2 ** 50)
    ranking.push({
      pid: k.task.pid[t]!,
      name: k.strings.list[k.task.comm[t]!]!,
      rss: get_mm_rss(k, mm),
      swapents: k.mm.swapents[mm]!,
      pgtables: k.mm.pgtables_bytes[mm]! / 4096,
      oom_score_adj: adj,
      adjustment: Math.trunc((adj * totalpages) / 1000),
      points: exempt ? null : points,
      oom_score: exempt ? 0 : Math.max(0, Math.trunc(((1000 + Math.trunc((points * 1000) / totalpages)) * 2) / 3)),
    })
  }
  ranking.sort((a, b) => (b.points ?? -Infinity) - (a.points ?? -Infinity) || a.pid - b.pid)
  return { kind: 'oom', ms: now(k), totalpages, ranking }
}

function now(k: Kernel): number {
  return (k.var.step * STEP_NS) / 1e6
}
