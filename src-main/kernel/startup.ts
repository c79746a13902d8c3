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
import { mount_ext4 } from './mm/super'
import { swap_init } from './mm/swapon'
import { release_dead_tasks } from './sched/exit'
import { SHELL } from './sched/initramfs'
import { deactivate_task, find_task_by_pid } from './task'

type Command = (k: Kernel) => void
/** A tool that leaves nothing in the kernel that is not counted elsewhere. */
const tool: Command = () => undefined

export function run_startup_script(k: Kernel): void {
  for (const command of script(k)) run_command(k, command)
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

/** The shell, which is the running task, forks; the child becomes the tool, works and exits; the shell waits for it. */
function run_command(k: Kernel, command: Command): void {
  const shell = k.var.current
  const pid = sys_fork(k)
  const child = pid > 0 ? find_task_by_pid(k, pid) : 0
  assert(child !== 0, 'run_command: no memory at boot')
  compute(k)
  k.var.current = child
  compute(k)
  assert(sys_execve(k, SHELL, SHELL) === 0, 'run_command: the tool cannot be run')
  compute(k)
  command(k)
  sys_exit(k, 0)
  deactivate_task(k, child)
  k.var.current = shell
  release_dead_tasks(k)
  assert(sys_wait4(k, pid, 0) === pid, 'run_command: the tool did not end')
  free_module_init(k)
  exit_to_user_mode(k)
  compute(k)
}

/** The running task goes through its code and writes to its stack and variables. */
function compute(k: Kernel): void {
  run_on(k, own_pages(k), 0)
}
