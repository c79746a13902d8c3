/** /proc and /sys as files of the host: what is there, what following does to it, what is left alone. */
import { closeSync, existsSync, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimFolder, writeProcTree } from '../../src-main/engine/procTree'
import { proc_list, proc_pread, proc_read } from '../../src-main/kernel/proc'
import { find_task_by_pid, send_signal } from '../../src-main/kernel/task'
import { runningOf, scenarioOf, type Running } from '../support/machine'

let out = ''
let m: Running
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'memscope-tree-'))
  m = runningOf(scenarioOf(SCENARIO))
  m.runTo(1)
  claimFolder(out)
})
afterEach(() => rmSync(out, { recursive: true, force: true }))
const SCENARIO = `memscope: scenario/1
title: two programs
seed: 1
base: none
machine: { ram: 128MiB }
processes:
  - { program: memhog, name: one, params: { size: 4MiB } }
  - { program: memhog, name: two, at: 2s, params: { size: 4MiB } }
until: 5s
`
const at = (path: string): string => join(out, path)
const pid_of = (name: string): number =>
  (proc_list(m.k, '/proc') as string[]).map(Number).find((pid) => proc_read(m.k, `/proc/${pid}/comm`) === `${name}\n`)!

describe('an export', () => {
  test('has every file with the text that the machine gives', () => {
    writeProcTree(m.k, out)
    const walk = (path: string): void => {
      for (const entry of readdirSync(at(path), { withFileTypes: true })) {
        const name = `${path}/${entry.name}`
        if (entry.isDirectory()) {
          if (!/slab\/./.test(name)) walk(name)
        } else if (entry.isFile()) {
          const text = proc_read(m.k, name)
          expect(readFileSync(at(name), 'utf8'), name).toBe(typeof text === 'string' ? text : '')
        }
      }
    }
    walk('/proc')
    walk('/sys')
    for (const path of ['proc/meminfo', 'proc/1/stat', 'proc/sys/vm/swappiness', 'sys/devices/system/cpu/online'])
      expect(existsSync(at(path)), path).toBe(true)
    expect(existsSync(at('sys/fs/cgroup/cgroup.procs'))).toBe(true)
    expect(readdirSync(at('sys/block'))).toContain('sda')
  })
  test('has links, which resolve, and gives the folder of a process to its user, where root writes', () => {
    writeProcTree(m.k, out)
    expect(readlinkSync(at('proc/self'))).toBe('1')
    expect(readFileSync(at('proc/self/comm'), 'utf8')).toBe('init\n')
    expect(readlinkSync(at('proc/mounts'))).toBe('self/mounts')
    expect(lstatSync(at('proc/2/exe'), { throwIfNoEntry: false })).toBeUndefined()
    const uid = process.getuid?.() === 0 ? 1000 : process.getuid?.()
    expect(statSync(at(`proc/${pid_of('one')}`)).uid).toBe(uid)
    expect(() => claimFolder(out)).not.toThrow()
  })
  test('has files of words, with holes, where that was asked for', () => {
    writeProcTree(m.k, out, true)
    const pid = pid_of('one')
    const start = parseInt(/^([0-9a-f]+)-/.exec(String(proc_read(m.k, `/proc/${pid}/maps`)))![1]!, 16) / 512
    const expected = proc_pread(m.k, `/proc/${pid}/pagemap`, start, 64) as Uint8Array
    const bytes = Buffer.alloc(64)
    const fd = openSync(at(`proc/${pid}/pagemap`), 'r')
    readSync(fd, bytes, 0, 64, start)
    closeSync(fd)
    expect([...bytes]).toEqual([...expected])
    expect(statSync(at(`proc/${pid}/pagemap`)).blocks * 512).toBeLessThan(2 ** 20)
    expect(statSync(at('proc/kpageflags')).size).toBe(8 * 32768)
  })
})

describe('following', () => {
  test('rewrites in place, so that an open file shows the new text, and removes those that are gone', () => {
    const written = new Map<string, string>()
    writeProcTree(m.k, out, false, written)
    const pid = pid_of('one')
    const fd = openSync(at('proc/uptime'), 'r')
    send_signal(m.k, find_task_by_pid(m.k, pid), 9)
    m.runTo(3)
    writeProcTree(m.k, out, false, written)
    const bytes = Buffer.alloc(64)
    const length = readSync(fd, bytes, 0, 64, 0)
    closeSync(fd)
    expect(bytes.toString('utf8', 0, length)).toBe(proc_read(m.k, '/proc/uptime'))
    expect(existsSync(at(`proc/${pid_of('two')}/stat`))).toBe(true)
    expect(existsSync(at(`proc/${pid}`))).toBe(false)
    for (const path of ['/proc/meminfo', '/proc/1/stat', '/proc/vmstat'])
      expect(readFileSync(at(path), 'utf8')).toBe(proc_read(m.k, path))
  })
})

describe('a folder', () => {
  test('that holds something else is left alone', () => {
    const other = at('other')
    mkdirSync(join(other, 'proc'), { recursive: true })
    writeFileSync(join(other, 'proc/precious'), 'mine')
    expect(() => claimFolder(other)).toThrow(/holds "proc" and was not written by memscope procfs/)
    expect(readFileSync(join(other, 'proc/precious'), 'utf8')).toBe('mine')
  })
})
