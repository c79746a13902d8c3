/** The shell inside the machine: pipes and redirections over /proc, commands that wait, what they ask of the machine. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openShell } from '../../src-main/shell/shell'
import { insideFolder } from '../support/procDir'

const captured = join(import.meta.dirname, '../golden/procps/loaded')

function machine() {
  const root = mkdtempSync(join(tmpdir(), 'memscope-shell-'))
  cpSync(join(captured, 'proc'), join(root, 'proc'), { recursive: true })
  const inside = insideFolder(root)
  const shell = openShell(inside)
  return {
    root,
    inside,
    run: async (line: string) => (await shell.exec(line)).stdout,
    exec: (line: string) => shell.exec(line),
  }
}

test('text of /proc goes through pipes', async () => {
  const { run } = machine()
  expect(await run("grep MemTotal /proc/meminfo | awk '{print $2}'")).toBe('210728\n')
  expect(await run('ps -e -o comm= | sort | head -1')).toBe('fmt\n')
})

test('a redirection writes to /proc/sys', async () => {
  const { root, run } = machine()
  await run('echo 4194304 > /proc/sys/kernel/pid_max')
  expect(readFileSync(join(root, 'proc/sys/kernel/pid_max'), 'utf8')).toBe('4194304\n')
})

test('sysctl reads and writes by dotted names', async () => {
  const { run } = machine()
  expect(await run('sysctl -w kernel.pid_max=99; sysctl -n kernel.pid_max')).toBe('kernel.pid_max = 99\n99\n')
})

test('what waits lets simulated time pass', async () => {
  const { inside, run } = machine()
  expect((await run('vmstat 2 3')).trim().split('\n')).toHaveLength(5)
  expect(inside.nowMs()).toBe(4000)
  await run('sleep 1.5')
  expect(inside.nowMs()).toBe(5500)
})

test('variables and folders last from line to line', async () => {
  const { run } = machine()
  await run('cd /proc/sys/kernel; X=7')
  expect(await run('pwd; echo $X; cat pid_max')).toBe('/proc/sys/kernel\n7\n32768\n')
})

test('kill, renice and stress ask the machine', async () => {
  const { inside, run } = machine()
  await run('kill -9 86; kill -s TERM 86; renice -n 5 -p 86; stress --vm 2 --vm-bytes 25%')
  expect(inside.acts).toEqual([
    { type: 'kill', pid: 86, signal: 9 },
    { type: 'kill', pid: 86, signal: 15 },
    { type: 'renice', pid: 86, nice: 5 },
    { type: 'spawn', program: 'memhog', name: 'stress-ng-vm', count: 2, params: { size: 53946368, touch: 1 } },
  ])
})

test('cgroups are made with mkdir', async () => {
  const { inside, run } = machine()
  await run('mkdir /sys/fs/cgroup/web')
  expect(inside.acts).toEqual([{ type: 'mkdir', path: '/sys/fs/cgroup/web' }])
})

test('mkdir -p makes what is missing above, and rmdir asks the kernel whether a cgroup may go', async () => {
  const { root, inside, exec } = machine()
  mkdirSync(join(root, 'sys/fs/cgroup/web'), { recursive: true })
  writeFileSync(join(root, 'sys/fs/cgroup/web/cgroup.procs'), '')
  expect(await exec('mkdir -p /sys/fs/cgroup/web/a')).toMatchObject({ stderr: '', status: 0 })
  expect(await exec('rmdir /sys/fs/cgroup/web')).toMatchObject({ stderr: '', status: 0 })
  expect(inside.acts).toEqual([
    { type: 'mkdir', path: '/sys/fs/cgroup/web/a' },
    { type: 'rmdir', path: '/sys/fs/cgroup/web' },
  ])
  const wrong = await exec('mkdir /tmp/full; touch /tmp/full/x; rmdir /tmp/full; rmdir /tmp/none')
  expect(wrong.stderr).toBe(
    "rmdir: failed to remove '/tmp/full': Directory not empty\nrmdir: failed to remove '/tmp/none': No such file or directory\n",
  )
})

test('date tells the machine’s time, not the host’s', async () => {
  const { run } = machine()
  expect(await run('date -d @1795342107')).toBe('Sun Nov 22 10:08:27 UTC 2026\n')
  expect(await run('date -d @1795342107 "+%F %T %j %s %y%%"')).toBe('2026-11-22 10:08:27 326 1795342107 26%\n')
  expect(await run('date')).toBe(await run('date'))
})

test('what is wrong is one line and a status', async () => {
  const { exec } = machine()
  const wrong = await exec('free -Q')
  expect(wrong.status).toBe(1)
  expect(wrong.stderr).toMatch(/^free: invalid option -- 'Q'\n\nUsage:\n free \[options\]\n/)
  expect(await exec('nonsense')).toMatchObject({ status: 127, stderr: 'bash: nonsense: command not found\n' })
  expect((await exec('cat /proc/none')).stderr).toBe('cat: /proc/none: No such file or directory\n')
})
