/**
 * fork: a new task with a copy of the caller's address space, or another user of the same one.
 *
 * Linux: kernel/fork.c (copy_process, dup_task_struct, dup_mmap), mm/vmalloc.c for the stacks: four frames each, two kept
 * per CPU for the next fork. Simplified: one task per process; threads share mm and files through `share_mm`.
 */
import { assert } from '@shared/assert'
import { M } from '@shared/counters'
import {
  __GFP_ZERO,
  GFP_KERNEL,
  PF_KTHREAD,
  string_id,
  TASK_RUNNING,
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_WIPEONFORK,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { row_alloc, row_free } from '../lib/arena'
import { alloc_pid, attach_pid, charge, SIGCHLD, wake_up_new_task } from '../task'
import { flush_tlb_mm } from '../arch/x86/tlb_flush'
import { EAGAIN, ENOMEM } from '../uapi'
import { anon_vma_fork } from '../mm/anon_vma'
import { copy_files, get_file } from '../mm/file_table'
import { clear_fault_log } from '../mm/fault_log'
import { copy_page_range } from '../mm/fork_copy'
import { hugetlb_dup } from '../mm/hugetlb'
import { khugepaged_fork } from '../mm/khugepaged'
import { ksm_fork, ksm_mm_init } from '../mm/ksm'
import { lru_gen_add_mm } from '../mm/lru_gen_mm'
import { type MapleAlloc } from '../mm/maple_nodes'
import { mas_destroy_bulk, mas_expected_entries, mas_store_bulk } from '../mm/maple_tree'
import { i_mmap_insert } from '../mm/mmap_file'
import { exit_mmap } from '../mm/exit_mmap'
import { mm_alloc, mmget, mmput } from '../mm/mm_struct'
import { alloc_thread_stack, put_task_stack } from '../mm/kernel_stack'
import { get_mm_rss } from '../mm/rss_stat'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from '../mm/slub'
import { kmem_cache_free_rcu, put_task_struct_rcu } from '../rcu/callbacks'
import { security_vm_enough_memory_mm, vm_unacct_memory } from '../mm/util'
import { vm_area_dup, vm_area_free, vm_stat_account, vma_list_insert, vma_pages } from '../mm/vma'

/** The caches whose objects make up a task, in the order of `task.obj`. */
const TASK_CACHES = [
  'task_struct',
  'cred_jar',
  'files_cache',
  'fs_cache',
  'sighand_cache',
  'signal_cache',
  'pid',
] as const
const [TASK_CRED, TASK_FILES, TASK_FS, TASK_SIGHAND, TASK_SIGNAL, TASK_PID] = [1, 2, 3, 4, 5, 6] as const
const NR_OBJ = 12

/** fork(2) of the running task: the child's row, or -errno. The child is runnable and has not run yet. */
export function copy_process(k: Kernel, share_mm = false): number {
  charge(k, COST.fork)
  const parent = k.var.current
  const t = new_task(k)
  if (t < 0) return t
  inherit(k, t, parent)
  const mm = k.task.mm[parent]!
  if (mm !== 0) {
    if (share_mm) {
      mmget(k, mm)
      k.task.mm[t] = mm
      k.task.tgid[t] = k.task.tgid[parent]!
    } else if (!dup_mm(k, t, mm)) {
      free_task(k, t)
      return -ENOMEM
    }
  }
  copy_files(k, parent, t)
  return start_task(k, t, parent) ? t : -EAGAIN
}

/** A kernel thread: no address space, child of kthreadd (or of nobody, at boot). */
export function kernel_thread(k: Kernel, name: string, parent: number): number {
  const t = new_task(k)
  assert(t > 0, 'kernel_thread: out of memory')
  k.task.flags[t] = PF_KTHREAD
  k.task.comm[t] = string_id(k, name)
  k.task.state[t] = TASK_RUNNING
  start_task(k, t, parent)
  return t
}

/** Number, place among the siblings, run queue. */
function start_task(k: Kernel, t: number, parent: number): boolean {
  const pid = alloc_pid(k)
  if (pid === 0) {
    if (k.task.mm[t] !== 0) mmput(k, k.task.mm[t]!)
    free_task(k, t)
    return false
  }
  const task = k.task
  attach_pid(k, t, pid)
  if (task.tgid[t] === 0) task.tgid[t] = pid
  task.exit_signal[t] = SIGCHLD
  task.start_ns[t] = k.var.now
  add_child(k, parent, t)
  k.machine[M.processes]!++
  wake_up_new_task(k, t)
  return true
}

export function add_child(k: Kernel, parent: number, t: number): void {
  const task = k.task
  task.parent[t] = parent
  if (parent === 0) return
  const first = task.child[parent]!
  task.sibling_next[t] = first
  task.sibling_prev[t] = 0
  if (first !== 0) task.sibling_prev[first] = t
  task.child[parent] = t
}
export function del_child(k: Kernel, t: number): void {
  const task = k.task
  const { sibling_next: next, sibling_prev: prev } = task
  if (prev[t] !== 0) next[prev[t]!] = next[t]!
  else if (task.parent[t] !== 0 && task.child[task.parent[t]!] === t) task.child[task.parent[t]!] = next[t]!
  if (next[t] !== 0) prev[next[t]!] = prev[t]!
  next[t] = 0
  prev[t] = 0
}

// ---------------------------------------------------------------- the task itself

/** Row, slab objects and stack of a task. */
function new_task(k: Kernel): number {
  const t = row_alloc(k.task)
  if (t === 0) return -EAGAIN
  clear_fault_log(k, t)
  const caches = CACHES(k)
  for (let i = 0; i < TASK_CACHES.length; i++) {
    const obj = kmem_cache_alloc(k, caches[TASK_CACHES[i]!], GFP_KERNEL)
    k.task.obj[t * NR_OBJ + i] = obj
    if (obj === 0) {
      free_task(k, t)
      return -ENOMEM
    }
  }
  if (!alloc_thread_stack(k, t)) {
    free_task(k, t)
    return -ENOMEM
  }
  return t
}

/** exit_files and exit_fs: a task that ends has no table of descriptors and no working directory any more. */
export function put_task_files(k: Kernel, t: number): void {
  free_task_obj(k, t, TASK_FILES)
  free_task_obj(k, t, TASK_FS)
}
function free_task_obj(k: Kernel, t: number, i: number): void {
  const obj = k.task.obj[t * NR_OBJ + i]!
  if (obj !== 0) kmem_cache_free(k, CACHES(k)[TASK_CACHES[i]!], obj)
  k.task.obj[t * NR_OBJ + i] = 0
}

/** The last of a task that was reaped: who looks for it without a lock may still find its number and its task_struct. */
export function put_task_struct_rcu_user(k: Kernel, t: number): void {
  put_task_stack(k, t)
  put_task_files(k, t)
  free_task_obj(k, t, TASK_SIGHAND)
  const obj = k.task.obj
  kmem_cache_free_rcu(k, obj[t * NR_OBJ + TASK_PID]!)
  put_task_struct_rcu(k, obj[t * NR_OBJ]!, obj[t * NR_OBJ + TASK_SIGNAL]!, obj[t * NR_OBJ + TASK_CRED]!)
  row_free(k.task, t)
}

/** Gives back the objects and the stack of a task that nobody ever saw. */
export function free_task(k: Kernel, t: number): void {
  put_task_stack(k, t)
  const caches = CACHES(k)
  for (let i = 0; i < TASK_CACHES.length; i++) {
    const obj = k.task.obj[t * NR_OBJ + i]!
    if (obj !== 0) kmem_cache_free(k, caches[TASK_CACHES[i]!], obj)
  }
  row_free(k.task, t)
}

function inherit(k: Kernel, t: number, parent: number): void {
  const task = k.task
  for (const column of INHERITED) task[column][t] = task[column][parent]!
  task.sig_handled[t * 2] = task.sig_handled[parent * 2]!
  task.sig_handled[t * 2 + 1] = task.sig_handled[parent * 2 + 1]!
  task.state[t] = TASK_RUNNING
}
const INHERITED = [
  'comm',
  'cmdline',
  'uid',
  'gid',
  'nice',
  'cgroup',
  'oom_score_adj',
  'cpu',
  'vruntime',
  'rlim_stack',
  'rlim_data',
  'rlim_as',
  'rlim_memlock',
] as const

// ---------------------------------------------------------------- the address space

function dup_mm(k: Kernel, t: number, oldmm: number): boolean {
  const mm = mm_alloc(k, t)
  if (mm === 0) return false
  const m = k.mm
  for (const column of MM_INHERITED) m[column][mm] = m[column][oldmm]!
  m.def_flags[mm] = m.def_flags[oldmm]! & ~(VM_LOCKED | VM_LOCKONFAULT)
  if (m.exe_file[mm] !== 0) get_file(k, m.exe_file[mm]!)
  ksm_mm_init(k, mm)
  const ok = dup_mmap(k, mm, oldmm)
  // What was shared read-only must not be written through old translations.
  flush_tlb_mm(k, oldmm)
  if (!ok) {
    exit_mmap(k, mm)
    mmput(k, mm)
    return false
  }
  m.hiwater_rss[mm] = get_mm_rss(k, mm)
  m.hiwater_vm[mm] = m.total_vm[mm]!
  k.task.mm[t] = mm
  lru_gen_add_mm(k, mm)
  ksm_fork(k, mm, oldmm)
  khugepaged_fork(k, mm, oldmm)
  return true
}
const MM_INHERITED = [
  'start_code',
  'end_code',
  'start_data',
  'end_data',
  'start_brk',
  'brk',
  'start_stack',
  'arg_start',
  'env_start',
  'env_end',
  'mmap_base',
  'flags',
  'dump_filter',
  'exe_file',
] as const

function dup_mmap(k: Kernel, mm: number, oldmm: number): boolean {
  const alloc = mas_expected_entries(k, k.mm.map_count[oldmm]!)
  const ok = dup_vmas(k, mm, oldmm, alloc)
  mas_destroy_bulk(k, mm, alloc)
  return ok
}

function dup_vmas(k: Kernel, mm: number, oldmm: number, alloc: MapleAlloc): boolean {
  const v = k.vma
  for (let from = k.mm.vma_head[oldmm]!; from !== 0; from = v.next[from]!) {
    const flags = v.vm_flags[from]!
    if ((flags & VM_DONTCOPY) !== 0) continue
    const pages = vma_pages(k, from)
    if ((flags & VM_ACCOUNT) !== 0 && security_vm_enough_memory_mm(k, oldmm, pages) < 0) return false
    const vma = dup_vma(k, mm, from, alloc)
    if (vma === 0) {
      if ((flags & VM_ACCOUNT) !== 0) vm_unacct_memory(k, pages)
      return false
    }
    vm_stat_account(k, mm, flags, pages)
    charge(k, COST.vma_op)
    if ((flags & VM_WIPEONFORK) === 0 && !copy_page_range(k, mm, vma, from)) return false
  }
  return true
}

function dup_vma(k: Kernel, mm: number, from: number, alloc: MapleAlloc): number {
  const v = k.vma
  const vma = vm_area_dup(k, from, mm)
  if (vma === 0) return 0
  v.vm_flags[vma]! &= ~(VM_LOCKED | VM_LOCKONFAULT)
  hugetlb_dup(k, vma, from, true)
  // MADV_WIPEONFORK: the child's is as new.
  if ((v.vm_flags[vma]! & VM_WIPEONFORK) === 0 && !anon_vma_fork(k, vma, from)) {
    vm_area_free(k, vma)
    return 0
  }
  if (v.vm_file[vma] !== 0) {
    get_file(k, v.vm_file[vma]!)
    i_mmap_insert(k, vma)
  }
  vma_list_insert(k, mm, vma)
  mas_store_bulk(k, mm, v.vm_start[vma]!, v.vm_end[vma]!, vma, alloc)
  return vma
}
