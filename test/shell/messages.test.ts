/** What the commands say when they are used in the wrong way, and their exit codes: as the real ones' (each was run). */
import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Errno } from '../../src-main/shell/inside'
import { openShell } from '../../src-main/shell/shell'
import { insideFolder } from '../support/procDir'

const root = mkdtempSync(join(tmpdir(), 'memscope-messages-'))
cpSync(join(import.meta.dirname, '../golden/procps/loaded/proc'), join(root, 'proc'), { recursive: true })
const folder = insideFolder(root)
const shell = openShell({
  ...folder,
  write(path, text) {
    if (Number.isNaN(Number(text))) throw new Errno('EINVAL', path)
    folder.write(path, text)
  },
  act(act) {
    if (act.type === 'kill' && act.pid !== 86) throw new Errno('ESRCH', `PID ${act.pid}`)
    if (act.type === 'swapoff') throw new Errno('EINVAL', act.path)
    return folder.act(act)
  },
})

/** Command, exit code, and the first line of what it says. */
const MESSAGES: readonly (readonly [string, number, string])[] = [
  ['free -q', 1, "free: invalid option -- 'q'"],
  ['free --h', 1, "free: option '--h' is ambiguous; possibilities: '--human' '--help'"],
  ['free --help=1', 1, "free: option '--help' doesn't allow an argument"],
  ['free -s 0', 1, "free: seconds argument `0' is not positive number"],
  ['free -s abc', 1, "free: seconds argument failed: 'abc': Invalid argument"],
  ['free -c 0', 1, "free: failed to parse count argument: '0': Numerical result out of range"],
  ['free -k -m', 1, "free: Multiple unit options don't make sense."],
  ['vmstat 0', 1, 'vmstat: delay must be positive integer'],
  ['vmstat abc', 1, "vmstat: failed to parse argument: 'abc'"],
  ['vmstat -S x', 1, 'vmstat: -S requires k, K, m or M (default is KiB)'],
  ['vmstat -p', 1, "vmstat: option requires an argument -- 'p'"],
  ['vmstat -p sdz', 1, 'vmstat: Disk/Partition sdz not found'],
  ['slabtop -d 0', 1, 'slabtop: delay must be positive integer'],
  ['slabtop -d x', 1, "slabtop: illegal delay: 'x'"],
  ['slabtop --foo', 1, "slabtop: unrecognized option '--foo'"],
  ['pmap -x -d 86', 1, 'pmap: options -c, -C, -d, -n, -N, -x, -X are mutually exclusive'],
  ['pmap 99999', 42, ''],
  ['ps -Q', 1, 'error: unsupported SysV option'],
  ['ps --foo', 1, 'error: unknown gnu long option'],
  ['ps -p', 1, 'error: list of process IDs must follow -p'],
  ['ps -p abc', 1, 'error: process ID list syntax error'],
  ['ps -eo pid,xx', 1, 'error: unknown user-defined format specifier "xx"'],
  ['ps --sort=xx', 1, 'error: unknown sort specifier'],
  ['pgrep', 2, 'pgrep: no matching criteria specified'],
  ['pgrep a b', 2, 'pgrep: only one pattern can be provided'],
  ['pgrep -Q', 2, "pgrep: invalid option -- 'Q'"],
  ['pidof nonono', 1, ''],
  ['top -b -n x', 1, "top: bad iterations argument 'x'"],
  ['kill', 2, 'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]'],
  ['kill abc', 1, 'bash: kill: abc: arguments must be process or job IDs'],
  ['kill -Q 1', 1, 'bash: kill: Q: invalid signal specification'],
  ['kill 99999', 1, 'bash: kill: (99999) - No such process'],
  ['kill -s', 1, 'bash: kill: -s: option requires an argument'],
  ['renice', 1, 'renice: not enough arguments'],
  ['renice x 1', 1, "renice: invalid priority 'x'"],
  ['renice 5 99999', 1, 'renice: failed to get priority for 99999 (process ID): No such process'],
  ['renice 5 abc', 1, 'renice: bad process ID value: abc'],
  ['swapoff', 16, 'swapoff: bad usage'],
  ['swapoff /none', 4, 'swapoff: /none: swapoff failed: Invalid argument'],
  ['sysctl a.b', 1, 'sysctl: cannot stat /proc/sys/a/b: No such file or directory'],
  ['sysctl kernel.pid_max=abc', 1, 'sysctl: setting key "kernel.pid_max": Invalid argument'],
  ['dmesg -l foo', 1, "dmesg: unknown level 'foo'"],
  ['watch -n x true', 1, "watch: failed to parse argument: 'x': Invalid argument"],
  ['uptime -Q', 1, "uptime: invalid option -- 'Q'"],
  ['cat /proc', 1, 'cat: /proc: Is a directory'],
  ['cat /proc/999999/status', 1, 'cat: /proc/999999/status: No such file or directory'],
  ['echo abc > /proc/sys/kernel/pid_max', 1, 'bash: echo: write error: Invalid argument'],
  ['echo abc | tee /proc/sys/kernel/pid_max > /dev/null', 1, 'tee: /proc/sys/kernel/pid_max: Invalid argument'],
  ['echo 1 > /proc/none', 1, 'bash: /proc/none: No such file or directory'],
  ['echo 1 > /proc/sys', 1, 'bash: /proc/sys: Is a directory'],
]

test.each(MESSAGES)('%s exits with %d', async (line, status, says) => {
  const result = await shell.exec(line)
  expect(result.stderr.split('\n')[0]).toBe(says)
  expect(result.status).toBe(status)
})

describe('a refused write', () => {
  test('does not end the script', async () => {
    const { stdout, stderr } = await shell.exec(
      'echo abc > /proc/sys/kernel/pid_max; echo $?; echo 7 > /tmp/x; cat /tmp/x',
    )
    expect(stdout).toBe('1\n7\n')
    expect(stderr).toBe('bash: echo: write error: Invalid argument\n')
  })

  test('leaves the status of what writes elsewhere alone', async () => {
    const { stdout } = await shell.exec(
      'f() { echo hi > /tmp/y; return 4; }; f; echo $?; false > /tmp/z; echo $?; false 2>&1; echo $?',
    )
    expect(stdout).toBe('4\n1\n1\n')
  })
})

test('help and version are asked for by name', async () => {
  expect((await shell.exec('free --help')).stdout).toMatch(/^\nUsage:\n free \[options\]\n/)
  expect((await shell.exec('vmstat -V')).stdout).toBe('vmstat from procps-ng 4.0.2\n')
})

test('kill -l is the table of bash', async () => {
  const { stdout } = await shell.exec('kill -l')
  expect(stdout).toMatch(/^ 1\) SIGHUP\t 2\) SIGINT\t 3\) SIGQUIT\t 4\) SIGILL\t 5\) SIGTRAP\n/)
  expect(stdout).toMatch(/63\) SIGRTMAX-1\t64\) SIGRTMAX\t\n$/)
  expect((await shell.exec('kill -l 9 TERM 137')).stdout).toBe('KILL\n15\nKILL\n')
})

test('top shows what the first 150 ms brought, then what each delay did', async () => {
  const { stdout } = await shell.exec('top -b -n 2 -d 1 -p 1,86')
  expect(stdout.match(/^top - /gm)).toHaveLength(2)
  expect(stdout).toContain('Tasks:   2 total,')
  expect(stdout).toContain('%Cpu(s):  0.0 us,  0.0 sy,  0.0 ni,100.0 id,')
})
