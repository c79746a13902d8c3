/** The folder of a process as `ls -la` shows it on the measured machine, and what its lesser files hold there. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { proc_list, proc_pread, proc_read, proc_stat, proc_write } from '../../../src-main/kernel/proc'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { hash } from '../../../src-main/kernel/snapshot'
import { EINVAL, EIO, EPERM } from '../../../src-main/kernel/uapi'
import { lab } from '../../support/lab'
import { runningOf, scenarioOf } from '../../support/machine'

let k: Kernel
let hog: number
beforeAll(() => {
  const m = runningOf(
    scenarioOf(`memscope: scenario/1
title: one program
seed: 1
base: none
machine: { ram: 128MiB, thp: never }
processes:
  - { program: memhog, name: hog, params: { size: 8MiB } }
until: 5s
`),
  )
  m.runTo(2)
  k = m.k
  hog = (proc_list(k, '/proc') as string[]).map(Number).find((pid) => pid > 1 && text(pid, 'comm') === 'hog\n')!
})
const text = (pid: number, name: string): string | number => proc_read(k, `/proc/${pid}/${name}`)
/** As the first column of `ls -l`. */
function mode_of(path: string): string {
  const stat = proc_stat(k, path)
  if (typeof stat === 'number') return String(stat)
  const bits = [...stat.mode.toString(8).padStart(3, '0')].flatMap((digit) =>
    [...'rwx'].map((letter, i) => ((Number(digit) & (4 >> i)) !== 0 ? letter : '-')),
  )
  return { file: '-', dir: 'd', link: 'l' }[stat.kind] + bits.join('')
}

const MEASURED = `
-r--r--r-- arch_status dr-xr-xr-x attr -rw-r--r-- autogroup -r-------- auxv -r--r--r-- cgroup --w------- clear_refs
-r--r--r-- cmdline -rw-r--r-- comm -rw-r--r-- coredump_filter -r--r--r-- cpu_resctrl_groups -r--r--r-- cpuset
lrwxrwxrwx cwd -r-------- environ lrwxrwxrwx exe dr-x------ fd dr-xr-xr-x fdinfo -rw-r--r-- gid_map -r-------- io
-r-------- ksm_merging_pages -r-------- ksm_stat -r--r--r-- limits -rw-r--r-- loginuid dr-x------ map_files
-r--r--r-- maps -rw------- mem -r--r--r-- mountinfo -r--r--r-- mounts -r-------- mountstats dr-xr-xr-x net
dr-x--x--x ns -r--r--r-- numa_maps -rw-r--r-- oom_adj -r--r--r-- oom_score -rw-r--r-- oom_score_adj -r-------- pagemap
-r-------- patch_state -r-------- personality -rw-r--r-- projid_map lrwxrwxrwx root -rw-r--r-- sched -r--r--r-- schedstat
-r--r--r-- sessionid -rw-r--r-- setgroups -r--r--r-- smaps -r--r--r-- smaps_rollup -r-------- stack -r--r--r-- stat
-r--r--r-- statm -r--r--r-- status -r-------- syscall dr-xr-xr-x task -rw-r--r-- timens_offsets -r--r--r-- timers
-rw-rw-rw- timerslack_ns -rw-r--r-- uid_map -r--r--r-- wchan`
  .trim()
  .split(/\s+/)
const measured = MEASURED.flatMap((mode, i) => (i % 2 === 0 ? [`${mode} ${MEASURED[i + 1]}`] : []))
/** Of a process, not of each of its tasks. */
const OF_PROCESS = /autogroup|coredump_filter|map_files|mountstats|task|timens_offsets|timers/

describe('the folder of a process', () => {
  const listed = (path: string): string[] =>
    (proc_list(k, path) as string[]).map((name) => `${mode_of(`${path}/${name}`)} ${name}`)
  test('has the files of the measured one, with their modes; that of a task has fewer, and its children', () => {
    expect(listed(`/proc/${hog}`).sort()).toEqual([...measured].sort())
    const task = [...measured.filter((line) => !OF_PROCESS.test(line)), '-r--r--r-- children']
    expect(listed(`/proc/${hog}/task/${hog}`).sort()).toEqual(task.sort())
  })
  test('has links to the files that it maps and to those that it has open', () => {
    const maps = String(text(hog, 'maps'))
    const files = [...maps.matchAll(/^(\S+) .* (\/.*)$/gm)].map(([, range, path]) => [range, path])
    const links = (proc_list(k, `/proc/${hog}/map_files`) as string[]).map((name) => [
      name,
      (proc_stat(k, `/proc/${hog}/map_files/${name}`) as { target: string }).target,
    ])
    expect(files.length).toBeGreaterThan(3)
    expect(links).toEqual(files)
    expect(mode_of(`/proc/${hog}/map_files/${links[0]![0]}`)).toBe('lr--------')
  })
  test('of a kernel thread has nothing of an address space', () => {
    expect(proc_list(k, '/proc/2/map_files')).toEqual([])
    expect(proc_pread(k, '/proc/2/auxv', 0, 16)).toHaveLength(0)
    expect([proc_pread(k, '/proc/2/mem', 4096, 8), proc_write(k, '/proc/2/mem', 'x')]).toEqual([new Uint8Array(0), 0])
  })
  test.each([
    ['autogroup', '', '5', -EINVAL],
    ['timens_offsets', 'monotonic           0         0\nboottime            0         0\n', 'x', -EINVAL],
    ['cpu_resctrl_groups', 'res:\nmon:\n', 'x', -EINVAL],
    ['patch_state', '-1\n', '1', -EINVAL],
    ['arch_status', '', '1', -EINVAL],
    ['attr/current', 'unconfined\n', 'x', -EPERM],
    ['attr/apparmor/current', 'unconfined\n', 'x', -EPERM],
    ['attr/exec', -EINVAL, 'x', -EINVAL],
    ['attr/prev', -EINVAL, 'x', -EINVAL],
    ['mem', -EIO, '1', -EIO],
  ] as const)('%s reads and refuses as measured', (name, value, given, answer) => {
    expect([text(hog, name), proc_write(k, `/proc/${hog}/${name}`, given)]).toEqual([value, answer])
  })
})

describe('auxv', () => {
  const PAIRS = [33, 51, 16, 6, 17, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 23, 25, 26, 31, 15, 0]
  /** Type and value of each pair. */
  function pairs(of: Kernel, pid: number): Map<number, number> {
    const bytes = proc_pread(of, `/proc/${pid}/auxv`, 0, 4096) as Uint8Array
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const word = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
    return new Map(Array.from({ length: bytes.length / 16 }, (_, i) => [word(i * 16), word(i * 16 + 8)]))
  }
  test('has the pairs of the measured one in their order, and its constants', () => {
    const found = pairs(k, hog)
    expect([...found.keys()]).toEqual(PAIRS)
    const at = (types: number[]): (number | undefined)[] => types.map((type) => found.get(type))
    expect(at([51, 16, 6, 17, 4, 8, 23, 26, 0])).toEqual([1440, 0x78bfbfd, 4096, 100, 56, 0, 0, 0, 0])
    const { uid, gid } = proc_stat(k, `/proc/${hog}/stat`) as { uid: number; gid: number }
    expect(at([11, 12, 13, 14])).toEqual([uid, uid, gid, gid])
  })
  test('points to what maps and stat show: vdso, program, ld.so, strings on the stack', () => {
    const found = pairs(k, hog)
    const maps = String(text(hog, 'maps'))
    const start = (name: string): number => parseInt(new RegExp(`^([0-9a-f]+)-.* ${name}$`, 'm').exec(maps)![1]!, 16)
    const stat = String(text(hog, 'stat')).split(' ').map(Number)
    const [start_code, arg_start, env_end] = [stat[25]!, stat[47]!, stat[50]!]
    const exe = (proc_stat(k, `/proc/${hog}/exe`) as { target: string }).target
    expect(found.get(33)).toBe(start('\\[vdso\\]'))
    expect([found.get(3), found.get(9)]).toEqual([start(exe) + 64, start_code])
    expect(found.get(7)).toBe(start('\\S*/ld-linux-x86-64.so.2'))
    // As measured: the program's path is the last of the strings; the platform's name and 16 random bytes lie below the arguments.
    expect(found.get(31)).toBe(env_end)
    expect(found.get(15)).toBe(arg_start - (arg_start % 16) - 7)
    expect(found.get(25)).toBe(found.get(15)! - 16)
  })
  test('is a text of bytes to cat, and changes nothing', () => {
    const before = hash(k)
    expect(String(text(hog, 'auxv'))).toHaveLength(PAIRS.length * 16)
    for (const name of ['maps', 'stack', 'syscall', 'wchan', 'mem']) text(hog, name)
    proc_pread(k, `/proc/${hog}/mem`, k.mm.start_code[k.task.mm[find_task_by_pid(k, hog)]!]!, 64)
    expect(hash(k)).toBe(before)
  })
})

describe('mem', () => {
  const read = (at: number, length: number): number => {
    const bytes = proc_pread(k, `/proc/${hog}/mem`, at, length)
    return typeof bytes === 'number' ? bytes : bytes.length
  }
  const areas = (): { start: number; end: number; name: string }[] =>
    [...String(text(hog, 'maps')).matchAll(/^([0-9a-f]+)-([0-9a-f]+) (?:\S+ +){4}(.*)$/gm)].map(
      ([, from, to, name]) => ({
        start: parseInt(from!, 16),
        end: parseInt(to!, 16),
        name: name!,
      }),
    )
  test('is read where something is mapped, up to its end; of a device and beyond all areas not', () => {
    const stack = areas().find(({ name }) => name === '[stack]')!
    const vvar = areas().find(({ name }) => name === '[vvar]')!
    expect(read(stack.end - 4096, 64)).toBe(64)
    expect(read(stack.end - 16, 64)).toBe(16)
    expect([read(stack.end, 64), read(vvar.start, 8), read(0, 8)]).toEqual([-EIO, -EIO, -EIO])
    expect(read(0xffffffff81000000, 8)).toBe(-EINVAL)
    expect(read(stack.start, 0)).toBe(0)
  })
  test('goes on from one area to the next that touches it', () => {
    const list = areas()
    const i = list.findIndex((area, at) => at > 0 && list[at - 1]!.end === area.start && area.name !== '[vvar]')
    expect(read(list[i]!.start - 8, 16)).toBe(16)
  })
})

describe('what a task waits in', () => {
  const SYSCALL = '[<0>] do_syscall_64+0x5d/0xb0\n[<0>] entry_SYSCALL_64_after_hwframe+0x6e/0xd8\n'
  const r = lab(`machine: { ram: 128MiB, thp: never }
steps:
  - spawn: { as: sleeper, steps: [ { sleep: 100s } ] }
  - spawn: { as: pauser, steps: [ { pause: {} } ] }
  - spawn: { as: spinner, steps: [ { mmap: { as: a, length: 4MiB } }, { touch: { area: a, access: write, times: 100000 } } ] }
  - sleep: 100ms
${['sleeper', 'pauser', 'spinner']
  .flatMap((task) => ['wchan', 'stack', 'syscall'].map((name) => `  - readFile: { path: '/proc/{${task}}/${name}' }\n`))
  .join('')}`)
  const texts = r.lines.filter(({ op }) => op === 'readFile').map((line) => line.text)
  test('is the path of its call, as measured', () => {
    expect(texts.slice(0, 2)).toEqual([
      'hrtimer_nanosleep',
      '[<0>] hrtimer_nanosleep+0x9e/0x170\n[<0>] common_nsleep+0x3f/0x50\n' +
        `[<0>] __x64_sys_clock_nanosleep+0xdb/0x140\n${SYSCALL}`,
    ])
    expect(texts[2]).toMatch(/^230 0x0 (0x0 ){5}0x7f[0-9a-f]{10} 0x4[0-9a-f]+\n$/)
    expect(texts.slice(3, 5)).toEqual(['__do_sys_pause', `[<0>] __do_sys_pause+0x24/0x50\n${SYSCALL}`])
    expect(texts[5]).toMatch(/^34 (0x0 ){6}/)
  })
  test('cannot be told of one that runs', () => {
    expect(texts.slice(6)).toEqual(['0', '', 'running\n'])
  })
  test('of a kernel thread is its own function', () => {
    const pid = (comm: string): number =>
      (proc_list(k, '/proc') as string[]).map(Number).find((p) => p > 0 && text(p, 'comm') === `${comm}\n`)!
    const names = [
      'kthreadd',
      'kswapd0',
      'kcompactd0',
      'ksmd',
      'oom_reaper',
      'writeback',
      'khungtaskd',
      'kworker/0:0H-events_highpri',
    ]
    expect(names.map((comm) => text(pid(comm.slice(0, 15)) || pid(comm), 'wchan'))).toEqual([
      'kthreadd',
      'kswapd',
      'kcompactd',
      'ksm_scan_thread',
      'oom_reaper',
      'rescuer_thread',
      'watchdog',
      'worker_thread',
    ])
    expect(text(pid('kswapd0'), 'stack')).toBe(
      '[<0>] kswapd+0x380/0x3a0\n[<0>] kthread+0xda/0x100\n[<0>] ret_from_fork+0x22/0x30\n',
    )
    expect(text(2, 'syscall')).toBe('0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n')
  })
})
