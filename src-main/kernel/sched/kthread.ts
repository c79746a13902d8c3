/** Kernel threads: which function each one runs. A step does a bounded piece of work; it sleeps in kthread_sleep. */
import { TASK_IDLE, TASK_RUNNING, type Kernel } from '../kernel'
import { kblockd_step } from '../block/blk_mq'
import { kthread_sleep, need_resched, threads } from '../task'
import { kswapd_step } from '../mm/vmscan'
import { kcompactd_step } from '../mm/kcompactd'
import { khugepaged_step } from '../mm/khugepaged'
import { ksmd_step } from '../mm/ksm_scan'
import { zswap_shrink_step } from '../mm/zswap'
import { flusher_step } from '../mm/fs_writeback'
import { oom_reaper_step } from '../mm/oom_kill'
import { rcu_gp_kthread_step } from '../rcu/tree'
import { run_ksoftirqd } from '../rcu/softirq'

const STEPS = {
  kblockd: kblockd_step,
  kswapd: kswapd_step,
  kcompactd: kcompactd_step,
  khugepaged: khugepaged_step,
  ksmd: ksmd_step,
  zswap_shrink: zswap_shrink_step,
  flusher: flusher_step,
  oom_reaper: oom_reaper_step,
  rcu_preempt: rcu_gp_kthread_step,
} as const

/** Lets a kernel thread work until its slice is over or it has nothing to do. */
export function kthread_step(k: Kernel, t: number): void {
  const step = step_of(k, t)
  if (step === null) return kthread_sleep(k, t, Infinity, TASK_IDLE)
  while (k.task.state[t] === TASK_RUNNING && !need_resched(k)) {
    const before = k.var.now
    if (step(k) && k.task.state[t] === TASK_RUNNING) kthread_sleep(k, t)
    if (k.var.now === before) break
  }
}

function step_of(k: Kernel, t: number): ((k: Kernel) => boolean) | null {
  if (k.cpu.ksoftirqd[k.var.cpu + 1] === t) return run_ksoftirqd
  const known = threads(k)
  for (const name in STEPS) if (known[name as keyof typeof STEPS] === t) return STEPS[name as keyof typeof STEPS]
  return null
}
