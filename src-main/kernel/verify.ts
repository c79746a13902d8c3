/** The invariants of the whole machine: every module's own check; throws `KernelBug`. */
import type { Kernel } from './kernel'
import { verify_ksm } from './mm/ksm_verify'
import { verify_mm } from './mm/mm_verify'
import { verify_page_alloc } from './mm/page_alloc'
import { verify_rss_stat } from './mm/rss_stat'
import { verify_slub } from './mm/verify_slub'
import { verify_filemap } from './mm/verify_filemap'
import { verify_lru } from './mm/verify_lru'
import { verify_deferred_split } from './mm/deferred_split'
import { verify_memcg } from './mm/verify_memcg'
import { verify_swap } from './mm/verify_swap'
import { verify_zswap } from './mm/zswap'
import { verify_rcu } from './rcu/tree'
import { verify_sched } from './sched/verify'

export function verify(k: Kernel): void {
  verify_sched(k)
  verify_rcu(k)
  verify_page_alloc(k)
  verify_slub(k)
  verify_mm(k)
  verify_rss_stat(k)
  verify_ksm(k)
  verify_lru(k)
  verify_filemap(k)
  verify_swap(k)
  verify_zswap(k)
  verify_memcg(k)
  verify_deferred_split(k)
}
