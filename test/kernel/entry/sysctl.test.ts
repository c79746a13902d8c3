/** What a write to a sysctl takes and refuses, by the handler that reads it; what the files hold after a boot. */
import { beforeAll, describe, expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import { parse_sysctl, parse_vector, type SysctlKind } from '../../../src-main/kernel/entry/sysctl_parse'
import { sysctl_info, sysctl_names, sysctl_read, sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import { sys_create } from '../../../src-main/kernel/entry/file'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { proc_list, proc_read, proc_stat, proc_write } from '../../../src-main/kernel/proc'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { EACCES, EINVAL, ERANGE } from '../../../src-main/kernel/uapi'
import { bare_machine } from '../../support/bare'
import { bareConfig } from '../../support/config'

const TEXTS = ['-1', '-2147483648', '1x', '0x10', '010', '+5', '2147483647', '2147483648', '4294967296', '1.5', '']
const accepted = (kind: SysctlKind, min: number, max: number): string[] =>
  TEXTS.filter((text) => parse_sysctl(text, kind, min, max) !== null)

describe('a number', () => {
  test.each([
    ['int', -(2 ** 31), 2 ** 31 - 1, ['-1', '-2147483648', '0x10', '010', '2147483647']],
    ['int', 0, 100, ['0x10', '010']],
    ['uint', 0, 2 ** 32 - 1, ['0x10', '010', '2147483647', '2147483648']],
    ['ulong', 0, 2 ** 64 - 1, ['0x10', '010', '2147483647', '2147483648', '4294967296']],
    ['bool', 0, 1, ['-1', '-2147483648', '0x10', '010', '2147483647', '2147483648', '4294967296']],
    ['jiffies', -(2 ** 31), 2 ** 31 - 1, ['-1', '0x10', '010']],
  ] as const)('of kind %s, %i … %i', (kind, min, max, expected) => {
    expect(accepted(kind, min, max)).toEqual(expected)
  })
  test('is read by its base; a bool is 0 or 1', () => {
    expect(['010', '0x10', '10', '-010'].map((text) => parse_sysctl(text, 'int', -100, 100))).toEqual([
      8n,
      16n,
      10n,
      -8n,
    ])
    expect(['0', '7', '-3'].map((text) => parse_sysctl(text, 'bool', 0, 1))).toEqual([0n, 1n, 1n])
  })
  test('is exact to its last bit, and has no more than 20 characters', () => {
    expect(parse_sysctl('18446744073709551615', 'ulong', 0, 2 ** 64 - 1)).toBe(2n ** 64n - 1n)
    expect(parse_sysctl('18446744073709551616', 'ulong', 0, 2 ** 64 - 1)).toBeNull()
    expect(parse_sysctl('000000000000000000007', 'int', 0, 9)).toBeNull()
    expect(parse_sysctl('9223372036854775807', 'ulong', 0, 2 ** 63 - 1)).not.toBeNull()
    expect(parse_sysctl('9223372036854775808', 'ulong', 0, 2 ** 63 - 1)).toBeNull()
  })
  test('of a vector is stored up to the first that is refused', () => {
    const old = ['1', '2', '3']
    expect(parse_vector('7 8', 'int', [0, 9], old)).toEqual({ values: ['7', '8', '3'], ok: true })
    expect(parse_vector('7 x 9', 'int', [0, 9], old)).toEqual({ values: ['7', '2', '3'], ok: false })
    expect(parse_vector('7 8 9 6', 'int', [0, 9], old)).toEqual({ values: ['7', '8', '9'], ok: true })
    expect(parse_vector(' \n', 'int', [0, 9], old)).toEqual({ values: old, ok: false })
  })
})

describe('a file', () => {
  let k: Kernel
  beforeAll(() => {
    k = boot(bareConfig({ ram: 512 * 2 ** 20, shell: true, cgroup: false }))
  })
  const after = (name: string, ...texts: string[]): (number | string)[] => [
    ...texts.map((text) => sysctl_write(k, name, text)),
    sysctl_read(k, name) as string,
  ]

  test('takes the first of two numbers; an empty text does nothing; spaces are refused', () => {
    expect(after('vm.swappiness', '70 80', '', '  ', '\n', ' 75')).toEqual([0, 0, -EINVAL, -EINVAL, 0, '75'])
  })
  test('without bounds keeps what makes no sense', () => {
    expect(after('vm.overcommit_ratio', '-1')).toEqual([0, '-1'])
    expect(after('vm.overcommit_ratio', '50')).toEqual([0, '50'])
    expect(after('vm.oom_dump_tasks', '-2147483648', '1')).toEqual([0, 0, '1'])
  })
  test('of 64 bits reads back what was written', () => {
    expect(after('vm.overcommit_kbytes', '9223372036854775807')).toEqual([0, '9223372036854775807'])
    expect(after('vm.overcommit_kbytes', '0')).toEqual([0, '0'])
    expect(after('vm.overcommit_ratio', '50')).toEqual([0, '50'])
    expect(after('vm.admin_reserve_kbytes', '-1', '8192')).toEqual([-EINVAL, 0, '8192'])
  })
  test('of dirty bytes refuses more pages than an int counts', () => {
    expect(after('vm.dirty_bytes', '9223372036854775807', '4096')).toEqual([-ERANGE, -EINVAL, '0'])
  })
  test('whose handler does not listen takes anything', () => {
    expect(after('vm.lowmem_reserve_ratio', 'x', '', '128 y')).toEqual([0, 0, 0, '128\t256\t32\t0\t0'])
    expect(after('vm.lowmem_reserve_ratio', '-1')).toEqual([0, '0\t256\t32\t0\t0'])
    expect(after('vm.lowmem_reserve_ratio', '256')).toEqual([0, '256\t256\t32\t0\t0'])
    expect(sysctl_write(k, 'vm.compact_memory', 'please')).toBe(0)
    expect(proc_read(k, '/proc/sys/vm/stat_refresh')).toBe('')
    expect(proc_write(k, '/proc/sys/vm/stat_refresh', 'x')).toBe(0)
  })
  test('of a pipe rounds up to whole pages', () => {
    expect(after('fs.pipe-max-size', '1')).toEqual([0, '4096'])
    expect(after('fs.pipe-max-size', '2147483647')).toEqual([0, '2147483648'])
    // An unsigned one, which is more than an int.
    expect(after('fs.pipe-max-size', '2147483648')).toEqual([0, '2147483648'])
    expect(after('fs.pipe-max-size', '2147483649', '1048576')).toEqual([-EINVAL, 0, '1048576'])
  })
  test('of a time takes as many seconds as jiffies are an int', () => {
    expect(after('vm.laptop_mode', '8589934', '8589935', '0')).toEqual([0, -EINVAL, 0, '0'])
  })
  test('that is a constant cannot be written', () => {
    expect(sysctl_write(k, 'fs.inode-nr', '1')).toBe(-EACCES)
    expect(sysctl_read(k, 'kernel.arch')).toBe('x86_64')
  })
  test('counts the inodes and dentries of the boot, too', () => {
    const [inodes] = String(sysctl_read(k, 'fs.inode-nr')).split('\t').map(Number)
    const [dentries] = String(sysctl_read(k, 'fs.dentry-state')).split('\t').map(Number)
    for (const nr of [inodes!, dentries!]) expect(Math.abs(nr - 10400)).toBeLessThan(600)
  })
  test('of inodes follows the files that are made', () => {
    const figures = (name: string): number[] => String(sysctl_read(k, name)).split('\t').map(Number)
    const [inodes] = figures('fs.inode-nr')
    for (let i = 0; i < 300; i++) expect(sys_create(k, `/tmp/sysctl-${i}`, 0, FS_TMPFS)).toBeGreaterThanOrEqual(0)

    expect(figures('fs.inode-nr')[0]! - inodes!).toBeGreaterThan(200)
  })
  test('of a boot is its own: the last process, a number by its seed', () => {
    const pids = (proc_list(k, '/proc') as string[]).filter((name) => /^\d+$/.test(name)).map(Number)
    expect(Number(sysctl_read(k, 'kernel.ns_last_pid'))).toBeGreaterThanOrEqual(Math.max(...pids))
    expect(sysctl_read(k, 'kernel.ns_last_pid')).toBe(String(k.var.next_pid - 1))
    const ids = [1, 2].map((seed) => sysctl_read(bare_machine({ seed }), 'kernel.random.boot_id'))
    expect(ids[0]).not.toBe(ids[1])
  })
  test('of a limit follows the size of memory, as measured', () => {
    const namespaces = Number(sysctl_read(k, 'user.max_pid_namespaces'))
    expect(namespaces).toBe(Math.floor(Number(sysctl_read(k, 'kernel.threads-max')) / 2))
    expect(Math.abs(Number(sysctl_read(k, 'fs.file-max')) / 45464 - 1)).toBeLessThan(0.005)
    expect(Math.abs(Number(sysctl_read(k, 'fs.epoll.max_user_watches')) / 102155 - 1)).toBeLessThan(0.005)
    expect(sysctl_read(k, 'fs.inotify.max_user_watches')).toBe('8192')
  })
  test('is there under every name, with a mode', () => {
    for (const name of sysctl_names()) {
      const path = `/proc/sys/${name.replaceAll('.', '/')}`
      expect(proc_stat(k, path), path).toMatchObject({ kind: 'file', mode: sysctl_info(name)!.mode })
    }
    expect(proc_stat(k, '/proc/sys/vm/mmap_rnd_bits')).toMatchObject({ mode: 0o600 })
    expect(proc_stat(k, '/proc/sys/kernel/keys')).toMatchObject({ kind: 'dir' })
  })
})
