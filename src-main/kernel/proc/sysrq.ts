/**
 * /proc/sysrq-trigger: what a key of the magic SysRq asks of the kernel. Linux: drivers/tty/sysrq.c (write_sysrq_trigger,
 * moom_callback). Kept: `f`, the OOM killer by hand; `s`, sync. Others are read and do nothing.
 */
import { GFP_KERNEL, type Kernel } from '../kernel'
import { sync_filesystem } from '../mm/fs_writeback'
import { out_of_memory } from '../mm/oom_kill'
import { find_task_by_pid, printk } from '../task'

/** The order by which the OOM killer knows that it was called by hand. */
const SYSRQ_ORDER = -1

/** The first character counts, as in Linux. Always 0. */
export function sysrq_write(k: Kernel, text: string, self: number): number {
  const { current } = k.var
  k.var.current = find_task_by_pid(k, self)
  if (text.startsWith('f')) {
    printk(k, 'sysrq: Manual OOM execution')
    out_of_memory(k, GFP_KERNEL, SYSRQ_ORDER)
  } else if (text.startsWith('s')) sync_filesystem(k)
  k.var.current = current
  return 0
}
