/** Reading in small pieces, and how much may be dirty before a writer waits. */
import { describe, expect, test } from 'vitest'
import { C } from '../../../src-shared/counters'
import { sys_create, sys_open, sys_write } from '../../../src-main/kernel/entry/file'
import { sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import { TASK_RUNNING } from '../../../src-main/kernel/kernel'
import { O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { FS_EXT4 } from '../../../src-main/kernel/mm/inode'
import { global_dirty_limits } from '../../../src-main/kernel/mm/page_writeback'
import { wake_up_task } from '../../../src-main/kernel/task'
import { bare_machine, MiB, run_as } from '../../support/bare'
import { lab, total } from '../../support/lab'

test('a page that is read in small pieces was accessed once; one that is read again is active', () => {
  const r = lab(`
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 1MiB, fs: ext4 }
  - { label: pieces, read: { file: f, chunk: 512 } }
  - { label: again, read: { file: f, chunk: 512 } }
  - dropCaches: { mode: 2 }
`)
  expect(total(r, 'pgactivate', 'pieces')).toBe(0)
  expect(total(r, 'pgactivate')).toBeGreaterThan(200)
})

describe('dirty memory', () => {
  test('starts the flusher at half of the limit where the background limit is not below it', () => {
    const k = bare_machine()
    for (const [ratio, half] of [
      [19, false],
      [20, true],
      [21, true],
    ] as const) {
      expect(sysctl_write(k, 'vm.dirty_background_ratio', String(ratio))).toBe(0)
      const { background, thresh } = global_dirty_limits(k)
      expect(background === Math.floor(thresh / 2), String(ratio)).toBe(half)
    }
  })

  test('is free up to the middle of both limits; past it the writer waits, well before the limit', () => {
    const k = bare_machine({ disk: 'hdd' })
    expect(sys_create(k, '/data', 0, FS_EXT4)).toBeGreaterThanOrEqual(0)
    const fd = sys_open(k, '/data', O_RDWR, FS_EXT4)
    const t = k.var.current
    const { background, thresh } = global_dirty_limits(k)
    const dirty = (): number => k.vmstat[C.nr_dirty]! + k.vmstat[C.nr_writeback]!
    for (let i = 0; i < 60 * 16 && k.task.dirty_pause_ns[t] === 0; i++) {
      sys_write(k, fd, MiB / 16)
      if (k.task.state[t] !== TASK_RUNNING) wake_up_task(k, t)
      run_as(k, t)
    }
    expect(k.task.dirty_pause_ns[t]).toBeGreaterThan(0)
    expect(dirty()).toBeGreaterThanOrEqual((thresh + background) / 2 - 16)
    expect(dirty()).toBeLessThan((3 * thresh + background) / 4)
  })
})
