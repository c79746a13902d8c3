/** /sys/kernel/slab: folders, links and figures as Linux shows them, and that they agree with /proc/slabinfo. */
import { beforeAll, expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import type { Kernel, MachineConfig } from '../../../src-main/kernel/kernel'
import { proc_list, proc_read, proc_stat, proc_write } from '../../../src-main/kernel/proc'
import { verify } from '../../../src-main/kernel/verify'

const machine = (change: Partial<MachineConfig>): Kernel =>
  boot({
    ...{ ram: 512 * 2 ** 20, cpus: 2, swap: [], disk: 'ssd', thp: 'never', seed: 1, bare: true, bootParams: [] },
    ...{ psi: false, ...change },
  } as MachineConfig)
const at = '/sys/kernel/slab'
let k: Kernel
beforeAll(() => {
  k = machine({})
})

const text = (path: string): string => String(proc_read(k, `${at}/${path}`))
const names = (): string[] => proc_list(k, at) as string[]

test('a mergeable cache has an id for a folder and links for its names', () => {
  expect(proc_stat(k, `${at}/pid`)).toMatchObject({ kind: 'link', target: ':A-0000128' })
  expect(proc_stat(k, `${at}/task_delay_info`)).toMatchObject({ kind: 'link', target: ':A-0000128' })
  expect(proc_stat(k, `${at}/:A-0000128`)).toMatchObject({ kind: 'dir' })
  expect(proc_stat(k, `${at}/dentry`)).toMatchObject({ kind: 'dir' })
  expect(text('pid/aliases')).toBe('4\n')
  expect(text('pid/order')).toBe(text(':A-0000128/order'))
})

test('with slab_nomerge every name is a folder', () => {
  const apart = machine({ bootParams: ['slab_nomerge'] })
  const listed = proc_list(apart, at) as string[]
  expect(listed.filter((name) => name.startsWith(':'))).toEqual([])
  for (const name of listed) expect(proc_stat(apart, `${at}/${name}`)).toMatchObject({ kind: 'dir' })
  expect(String(proc_read(apart, `${at}/pid/aliases`))).toBe('0\n')
})

test('the folders are the caches of /proc/slabinfo, with the same sizes', () => {
  const rows = String(proc_read(k, '/proc/slabinfo')).trim().split('\n').slice(2)
  expect(names().filter((name) => (proc_stat(k, `${at}/${name}`) as { kind: string }).kind === 'dir')).toHaveLength(
    rows.length,
  )
  for (const row of rows) {
    const [name, active, objects, size, per_slab, pages] = row.split(/\s+/)
    expect(text(`${name}/slab_size`)).toBe(`${size}\n`)
    expect(text(`${name}/objs_per_slab`)).toBe(`${per_slab}\n`)
    expect(2 ** Number(text(`${name}/order`))).toBe(Number(pages))
    expect(parseInt(text(`${name}/total_objects`))).toBe(Number(objects))
    expect(parseInt(text(`${name}/objects`))).toBe(Number(active))
  }
})

test('sums over the node and the CPUs', () => {
  expect(text('dentry/slabs')).toMatch(/^(\d+) N0=\1\n$/)
  expect(text('dentry/slabs_cpu_partial')).toMatch(/^\d+\(\d+\)( C[01]=\d+\(\d+\))*\n$/)
  expect(text('xfrm_state/slabs')).toBe('0\n')
})

test('settings are taken, figures are not, shrink gives empty slabs back', () => {
  expect(proc_write(k, `${at}/dentry/min_partial`, '7\n')).toBe(0)
  expect(text('dentry/min_partial')).toBe('7\n')
  expect(proc_write(k, `${at}/dentry/order`, '1')).toBe(-13)
  expect(proc_write(k, `${at}/dentry/shrink`, '1')).toBe(0)
  expect(text('dentry/cpu_slabs')).toBe('0\n')
  expect(proc_read(k, `${at}/nosuch/order`)).toBe(-2)
  expect(proc_read(k, `${at}/dentry`)).toBe(-21)
  verify(k)
})
