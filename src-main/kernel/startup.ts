/**
 * What the init of a lab machine has done before it starts a program: a shell script of commands, each a process of its
 * own that comes, works and goes. Their tables, stacks and pages, and the copies of modules, pass through the per-CPU
 * lists; what the last ones left there is what the program finds.
 *
 * Simplified: every tool touches the same pages, whatever it does; nothing else runs meanwhile.
 */
import { assert } from '@shared/assert'
import { add_disks, disk_modules } from './drivers/gendisk'
import { EXT4_MODULES, free_module_init, load_modules } from './drivers/modules'
import { own_pages, run_on } from './entry/run'
import { exit_to_user_mode, sys_execve, sys_exit, sys_fork, sys_wait4 } from './entry/syscall'
import type { Kernel } from './kernel'
import { start_fs_threads } from './kthreads'
import { use_each, type HeldObjects } from './mm/slab_common'
import { mount_ext4 } from './mm/super'
import { swap_init } from './mm/swapon'
import { release_dead_tasks } from './sched/exit'
import { SHELL } from './sched/initramfs'
import { deactivate_task, find_task_by_pid } from './task'

type Command = (k: Kernel) => void
/** A tool that leaves nothing in the kernel that is not counted elsewhere. */
const tool: Command = () => undefined

/**
 * The scheduler spreads what wakes over idle CPUs: helpers that the kernel asks for while it comes up have run on all of them
 * before the shell starts, and the shell's tools run on one after the other.
 */
export function run_startup_script(k: Kernel): void {
  const { cpus } = k.config
  for (let cpu = 1; cpu < cpus; cpu++) run_command(k, HELPER_OBJECTS, tool, cpu)
  for (const [i, command] of script(k).entries()) run_command(k, TOOL_OBJECTS, command, i % cpus)
}

function script(k: Kernel): Command[] {
  return [
    ...[tool, tool, tool, tool, tool], // mount devtmpfs, proc and sysfs; mkdir; stty
    ...drivers(k),
    ...(k.config.swap.length > 0 ? [tool, swap_init, tool] : []), // mkswap, swapon, cat swaps
    ...(k.config.ext4 === true ? [...EXT4_MODULES.map(insmod), mount] : []),
    ...[tool, tool, tool, tool], // cat meminfo, vmstat, zoneinfo and buddyinfo
  ]
}

const insmod =
  (name: string): Command =>
  (k) =>
    load_modules(k, [name])

/** The last driver finds the disks. */
function drivers(k: Kernel): Command[] {
  const commands = disk_modules(k).map(insmod)
  const last = commands.pop()
  if (last !== undefined)
    commands.push((k) => {
      last(k)
      add_disks(k)
    })
  return commands
}

function mount(k: Kernel): void {
  mount_ext4(k)
  start_fs_threads(k)
}

/**
 * The shell, which is the running task, forks; the child becomes the tool, works and exits; the shell waits for it. From the
 * CPU that it runs on the child has its memory.
 */
function run_command(k: Kernel, objects: HeldObjects, command: Command, cpu: number): void {
  const shell = k.var.current
  const home = k.var.cpu
  const pid = sys_fork(k)
  const child = pid > 0 ? find_task_by_pid(k, pid) : 0
  assert(child !== 0, 'run_command: no memory at boot')
  compute(k)
  k.var.current = child
  k.var.cpu = cpu
  compute(k)
  assert(sys_execve(k, SHELL, SHELL) === 0, 'run_command: the tool cannot be run')
  compute(k)
  use_each(k, objects)
  command(k)
  sys_exit(k, 0)
  deactivate_task(k, child)
  k.var.current = shell
  k.var.cpu = home
  release_dead_tasks(k)
  assert(sys_wait4(k, pid, 0) === pid, 'run_command: the tool did not end')
  free_module_init(k)
  exit_to_user_mode(k)
  compute(k)
}

/**
 * What a tool asks for and gives back: names of paths, labels of files, a text of /proc with its inode and buffer, a pipe to
 * the shell and a signal at its end, copies of its arguments. A CPU keeps the slab that it had them from.
 */
const TOOL_OBJECTS: HeldObjects = {
  ...{ names_cache: 1, lsm_file_cache: 1, seq_file: 1, proc_inode_cache: 1, sigqueue: 1 },
  ...{ 'kmalloc-cg-4k': 1, 'kmalloc-cg-192': 1, 'kmalloc-cg-1k': 1 },
  ...{ 'kmalloc-cg-8': 1, 'kmalloc-cg-16': 1, 'kmalloc-cg-512': 1 },
}
/** A helper has the name of its program, for which there is no file yet. */
const HELPER_OBJECTS: HeldObjects = { names_cache: 1 }

/** The running task goes through its code and writes to its stack and variables. */
function compute(k: Kernel): void {
  run_on(k, own_pages(k), 0)
}
