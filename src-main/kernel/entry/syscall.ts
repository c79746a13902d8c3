/**
 * System calls of the running task about memory and processes; those about files are in file.ts. Results are as in the
 * kernel: 0 or a value, or a negative errno. A call that waits leaves the task asleep (task_blocked) and, where it is to
 * be made again afterwards, returns -ERESTARTSYS.
 */
import { M } from '@shared/counters'
import { type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge, current_mm, find_task_by_pid, send_signal } from '../task'
import {
  EBADF,
  EINVAL,
  EPERM,
  ESRCH,
  MAP_ANONYMOUS,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_STACK,
  SIGKILL,
  SIGSTOP,
} from '../uapi'
import { do_brk } from '../mm/brk'
import { fdget } from '../mm/file_table'
import { do_madvise } from '../mm/madvise'
import { mem_cgroup_handle_over_high } from '../mm/memcontrol'
import { do_mincore } from '../mm/mincore'
import { do_mlock, do_mlockall, do_munlock, do_munlockall } from '../mm/mlock'
import { do_munmap, vm_mmap } from '../mm/mmap'
import { do_mprotect } from '../mm/mprotect'
import { do_mremap } from '../mm/mremap'
import { do_msync } from '../mm/msync'
import { do_execve } from '../sched/exec'
import { do_exit, do_wait } from '../sched/exit'
import { copy_process } from '../sched/fork'
import { get_signal, set_handler } from '../sched/signal'

/**
 * Every call costs its entry and exit. The delay above memory.high comes on the way back to user mode; of calls that do not
 * give way at their end (exit_to_user_mode), at the next one's entry: what the task computes between is not delayed.
 */
function enter(k: Kernel): void {
  mem_cgroup_handle_over_high(k)
  k.machine[M.syscalls]!++
  charge(k, COST.syscall)
}

// ---------------------------------------------------------------- memory

/** `fd` is -1 for anonymous memory. The address or -errno. */
export function sys_mmap(
  k: Kernel,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  fd = -1,
  offset = 0,
): number {
  enter(k)
  let file = 0
  if ((flags & MAP_ANONYMOUS) === 0) {
    file = fdget(k, k.var.current, fd)
    if (file === 0) return -EBADF
  }
  return vm_mmap(k, current_mm(k), addr, length, prot, flags, file, offset)
}

export function sys_munmap(k: Kernel, addr: number, length: number): number {
  enter(k)
  return do_munmap(k, current_mm(k), addr, length)
}

/** The end of the heap afterwards; `brk` 0 asks only. */
export function sys_brk(k: Kernel, brk: number): number {
  enter(k)
  return do_brk(k, current_mm(k), brk)
}

export function sys_mprotect(k: Kernel, addr: number, length: number, prot: number): number {
  enter(k)
  return do_mprotect(k, current_mm(k), addr, length, prot)
}

export function sys_msync(k: Kernel, addr: number, length: number): number {
  enter(k)
  return do_msync(k, current_mm(k), addr, length)
}

export function sys_madvise(k: Kernel, addr: number, length: number, advice: number): number {
  enter(k)
  return do_madvise(k, current_mm(k), addr, length, advice)
}

export function sys_mremap(
  k: Kernel,
  addr: number,
  old_length: number,
  new_length: number,
  flags: number,
  new_addr = 0,
): number {
  enter(k)
  return do_mremap(k, current_mm(k), addr, old_length, new_length, flags, new_addr)
}

export function sys_mlock(k: Kernel, addr: number, length: number, flags = 0): number {
  enter(k)
  return do_mlock(k, current_mm(k), addr, length, flags)
}
export function sys_munlock(k: Kernel, addr: number, length: number): number {
  enter(k)
  return do_munlock(k, current_mm(k), addr, length)
}
export function sys_mlockall(k: Kernel, flags: number): number {
  enter(k)
  return do_mlockall(k, current_mm(k), flags)
}
export function sys_munlockall(k: Kernel): number {
  enter(k)
  return do_munlockall(k, current_mm(k))
}

/** How many pages of the range are resident, or -errno; their numbers go into `vec`. */
export function sys_mincore(k: Kernel, addr: number, length: number, vec: number[] = []): number {
  enter(k)
  return do_mincore(k, current_mm(k), addr, length, vec)
}

// ---------------------------------------------------------------- limits and identity

/** Soft limit in bytes (Infinity: none). */
export function sys_setrlimit(k: Kernel, resource: number, soft: number): number {
  enter(k)
  return set_limit(k, k.var.current, resource, soft)
}
function set_limit(k: Kernel, t: number, resource: number, soft: number): number {
  switch (resource) {
    case RLIMIT_STACK:
      k.task.rlim_stack[t] = soft
      return 0
    case RLIMIT_DATA:
      k.task.rlim_data[t] = soft
      return 0
    case RLIMIT_AS:
      k.task.rlim_as[t] = soft
      return 0
    case RLIMIT_MEMLOCK:
      k.task.rlim_memlock[t] = soft
      return 0
  }
  return -EINVAL
}

export function sys_setuid(k: Kernel, uid: number): number {
  enter(k)
  const t = k.var.current
  if (k.task.uid[t] !== 0 && k.task.uid[t] !== uid) return -EPERM
  k.task.uid[t] = uid
  k.task.gid[t] = uid
  return 0
}

// ---------------------------------------------------------------- processes

/** The child's pid or -errno; the child is runnable. */
export function sys_fork(k: Kernel): number {
  enter(k)
  const t = copy_process(k)
  return t < 0 ? t : k.task.pid[t]!
}
/** A thread: the caller's memory and thread group. */
export function sys_clone_thread(k: Kernel): number {
  enter(k)
  const t = copy_process(k, true)
  return t < 0 ? t : k.task.pid[t]!
}

export function sys_execve(k: Kernel, path: string, args = ''): number {
  enter(k)
  return do_execve(k, path, args)
}

/** exit_group(2). */
export function sys_exit(k: Kernel, code: number): void {
  enter(k)
  do_exit(k, (code & 0xff) << 8)
}

/** The pid of a child that ended (its status is in task.exit_status), 0 with WNOHANG, or -errno. */
export function sys_wait4(k: Kernel, pid: number, options = 0): number {
  enter(k)
  return do_wait(k, pid, options)
}

export function sys_kill(k: Kernel, pid: number, sig: number): number {
  enter(k)
  const t = find_task_by_pid(k, pid)
  if (t === 0) return -ESRCH
  const uid = k.task.uid[k.var.current]!
  if (uid !== 0 && uid !== k.task.uid[t]) return -EPERM
  if (sig < 0 || sig > 64) return -EINVAL
  if (sig !== 0) send_signal(k, t, sig)
  return 0
}

export function sys_sigaction(k: Kernel, sig: number, handled: boolean): number {
  enter(k)
  if (sig < 1 || sig > 64 || sig === SIGKILL || sig === SIGSTOP) return -EINVAL
  set_handler(k, k.var.current, sig, handled)
  return 0
}

/** The way back to user mode: pending signals are delivered. */
export function exit_to_user_mode(k: Kernel): void {
  get_signal(k)
}
