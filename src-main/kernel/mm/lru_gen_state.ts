/**
 * The switch of the multi-gen LRU: every page goes from the classic lists to the generations, or back.
 *
 *   active   <──> the two youngest generations (to the youngest, when it is switched on)
 *   inactive <──> the others (anonymous pages and pages that wait for their write: to the second youngest)
 *
 * Linux: mm/vmscan.c (lru_gen_change_state, fill_evictable, drain_evictable, store_enabled).
 */
import { LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, type Kernel } from '../kernel'
import { LISTS_PER_LRUVEC, LRU_GEN_CORE, LRU_GEN_MM_WALK, LRU_GEN_NONLEAF_YOUNG, lru_gen_list } from './lru_gen'
import { mem_cgroup_iter } from './memcontrol'
import { lru_row, lruvec_add_folio, lruvec_del_folio } from './swap'

/** Writes the parts that are to be on; this CPU can do all of them. */
export function lru_gen_set_caps(k: Kernel, caps: number): void {
  const was = k.var.lru_gen_caps
  k.var.lru_gen_caps = caps & (LRU_GEN_CORE | LRU_GEN_MM_WALK | LRU_GEN_NONLEAF_YOUNG)
  if (((was ^ caps) & LRU_GEN_CORE) === 0) return
  for (const memcg of mem_cgroup_iter(k, 0))
    if ((caps & LRU_GEN_CORE) !== 0) fill_evictable(k, memcg)
    else drain_evictable(k, memcg)
}

function fill_evictable(k: Kernel, memcg: number): void {
  for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) move_all(k, k.lru.tail, lru_row(memcg, lru))
}
function drain_evictable(k: Kernel, memcg: number): void {
  const first = lru_gen_list(memcg, 0, 0, 0)
  for (let list = first; list < first + LISTS_PER_LRUVEC; list++) move_all(k, k.lru_gen_list.tail, list)
}
/** Oldest first, each to the head of its new list. */
function move_all(k: Kernel, tail: Int32Array, list: number): void {
  for (let pfn = tail[list]!; pfn !== 0; pfn = tail[list]!) {
    lruvec_del_folio(k, pfn)
    lruvec_add_folio(k, pfn)
  }
}
