/** Starting a lab task: fork and exec of the one small program that a bare machine has. */
import { string_id, type Kernel } from '../kernel/kernel'
import { find_task_by_pid, SIGBUS, SIGSEGV } from '../kernel/task'
import { sys_fork, sys_sigaction } from '../kernel/entry/syscall'
import { SPECIAL_VDSO } from '../kernel/mm/fault'
import { attach, exec } from './calls'
import type { Area } from './runner'

/**
 * A child of `parent` (a task row) in a fresh image; its row, or 0 without memory for it. It moves to its cgroup before
 * the image is made, as `echo $$ >cgroup.procs; exec …` does. Faults go to a handler.
 */
export function start_lab_task(k: Kernel, parent: number, comm: string, cgroup?: string): number {
  const { current } = k.var
  k.var.current = parent
  const pid = sys_fork(k)
  const row = pid < 0 ? 0 : find_task_by_pid(k, pid)
  if (row !== 0) {
    k.var.current = row
    if (cgroup !== undefined) attach(k, cgroup, pid)
    exec(k, comm)
    k.task.comm[row] = string_id(k, comm.slice(0, 15))
    handleFaults(k)
  }
  k.var.current = current
  return row
}

/** The parts of a task's image by name, so that a program's own accesses can be part of a lab program. */
export function imageAreas(k: Kernel, row: number): Map<string, Area> {
  const mm = k.task.mm[row]!
  const areas = new Map<string, Area>()
  if (mm === 0) return areas
  const { start_code, end_code, start_data, end_data, start_brk, brk } = k.mm
  const part = (name: string, start: number, end: number): void => {
    if (end > start) areas.set(name, { start, length: end - start })
  }
  part('text', start_code[mm]!, end_code[mm]!)
  part('data', start_data[mm]!, end_data[mm]!)
  part('bss', end_data[mm]!, start_brk[mm]!)
  part('heap', start_brk[mm]!, brk[mm]!)
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!)
    if (k.vma.special[vma] === SPECIAL_VDSO) part('vdso', k.vma.vm_start[vma]!, k.vma.vm_end[vma]!)
  return areas
}

/** The running task wants SIGSEGV and SIGBUS in a handler, so that it goes on after them. */
export function handleFaults(k: Kernel): void {
  sys_sigaction(k, SIGSEGV, true)
  sys_sigaction(k, SIGBUS, true)
}
