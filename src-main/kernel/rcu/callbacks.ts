/**
 * What is freed only after a grace period, because somebody may still look at it without a lock.
 *
 * Linux: kernel/exit.c (delayed_put_task_struct), kernel/cred.c (put_cred_rcu), kernel/pid.c (delayed_put_pid),
 * kernel/fork.c (thread_stack_free_rcu), fs/dcache.c (__d_free), fs/inode.c (i_callback), fs/file_table.c
 * (file_free_rcu), security/security.c (inode_free_by_rcu), lib/radix-tree.c (radix_tree_node_rcu_free),
 * lib/maple_tree.c (mt_free_rcu), mm/slub.c (rcu_free_slab).
 */
import type { Kernel } from '../kernel'
import { __free_slab, kmem_cache_free } from '../mm/slub'
import { release_thread_stack } from '../mm/kernel_stack'
import { call_rcu } from './tree'

/** An object of a slab cache: `obj` its handle. */
const FREE_OBJECT = 1
/** delayed_put_task_struct: task_struct, signal_cache, and the credentials, which wait once more. */
const PUT_TASK = 2
/** rcu_free_slab: an empty slab, `obj` its row. */
const FREE_SLAB = 3
/** thread_stack_free_rcu: `obj` the first frame. */
const FREE_STACK = 4

function cache_of(k: Kernel, obj: number): number {
  return k.slab.cache[Math.floor(obj / 512)]!
}

/** Frees a slab object after a grace period. */
export function kmem_cache_free_rcu(k: Kernel, obj: number): void {
  call_rcu(k, FREE_OBJECT, obj, 0, 0)
}
export function put_task_struct_rcu(k: Kernel, task: number, signal: number, cred: number): void {
  call_rcu(k, PUT_TASK, task, signal, cred)
}
export function free_slab_rcu(k: Kernel, slab: number): void {
  call_rcu(k, FREE_SLAB, slab, 0, 0)
}
export function thread_stack_delayed_free(k: Kernel, first: number): void {
  call_rcu(k, FREE_STACK, first, 0, 0)
}

/** Does what was asked for. */
export function rcu_invoke(k: Kernel, func: number, obj: number, obj2: number, obj3: number): void {
  switch (func) {
    case FREE_OBJECT:
      kmem_cache_free(k, cache_of(k, obj), obj)
      break
    case PUT_TASK:
      if (obj3 !== 0) kmem_cache_free_rcu(k, obj3)
      if (obj2 !== 0) kmem_cache_free(k, cache_of(k, obj2), obj2)
      kmem_cache_free(k, cache_of(k, obj), obj)
      break
    case FREE_SLAB:
      __free_slab(k, obj)
      break
    case FREE_STACK:
      release_thread_stack(k, obj)
      break
  }
}
