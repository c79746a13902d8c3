/** What a measured machine prints is read as the given measurements were: those that have their text say so. */
import { describe, expect, test } from 'vitest'
import { readExperiment, readRaw } from '../conformance/reference'
import { experiment, oomReports, rawOf, sections } from './results.mjs'

const ABOUT = { mem: '256M', swap: 0, args: 'transparent_hugepage=never' }

describe('a report of the OOM killer', () => {
  test.each(['oom__noswap-adj', 'oom__swap256-adj', 'oom__forkbomb'])('of %s gives the given steps', (name) => {
    const given = readExperiment(name).steps.filter(({ step }) => step.startsWith('OOM #'))
    const read = oomReports(readRaw(name)['oom_report.txt']!)
    expect(read.map(({ step }) => step)).toEqual(given.map(({ step }) => step))
    for (const [i, step] of given.entries()) {
      const { tasks, killed, predicted_victim, totalpages_used_for_points } = step
      expect(read[i]).toMatchObject({ tasks, killed, predicted_victim, totalpages_used_for_points })
    }
  })
})

describe('the printed text', () => {
  const text = [
    'lost\r\n@@@BEGIN before/vmstat\r\nnr_free_pages 7\r\n@@@END before/vmstat\r\n@@@BEGIN a.jsonl\r\n',
    '{"step":"one","minflt":3}\r\n{"step":"cut o\r\n@@@END x\r\n@@@BEGIN cg/memory.current\n4096\n@@@END cg/memory.current\n',
  ].join('')

  test('becomes steps, in the order of the given ones', () => {
    const { steps } = experiment('faults/x', ABOUT, sections(text), '')
    expect(steps).toEqual([
      { run: 'a.jsonl', step: 'one', minflt: 3 },
      { step: 'after: cg', 'memory.current': 4096 },
      { step: 'proc before', vmstat: { nr_free_pages: 7 } },
    ])
  })

  test('of zones keeps those with pages, and marks before the per-CPU lists', () => {
    const { steps } = experiment('boot/x', ABOUT, { zoneinfo: readRaw('formats')['proc/zoneinfo']! }, '')
    const zones = steps[0]!['zones'] as { zone: string; managed: number; high: number; pcp_high: number }[]
    expect(zones.map(({ zone }) => zone)).toEqual(['DMA', 'DMA32'])
    expect(zones[1]).toMatchObject({ min: 409, pcp_batch: 15, protection: [0, 0, 0, 0, 0] })
    expect(steps[0]!['managed_pages']).toBe(zones[0]!.managed + zones[1]!.managed)
  })

  test('of a sysctl write has what it set, of slabs the table and the folders', () => {
    const vm = 'min_free_kbytes = 1024\nlowmem_reserve_ratio = 256\t32\n'
    const raw = { 'a/zoneinfo': '', 'a/meminfo': 'MemFree: 7 kB\n', 'a/vm.txt': vm }
    const { steps } = experiment('boot/tunables-x', ABOUT, raw, '')
    expect(steps).toMatchObject([{ step: 'a', min_free_kbytes: 1024, lowmem_reserve_ratio: '256\t32', MemFree: 7 }])
    const slab = experiment('slab/x', ABOUT, { 'sys_kernel_slab.tsv': 'name\torder\ndentry\t0\n' }, '')
    expect(slab.steps[1]).toEqual({ step: 'sys_kernel_slab', caches: [{ name: 'dentry', order: 0 }] })
  })

  test('of a machine that panicked keeps its log and says so', () => {
    const log = 'x\nKernel panic - not syncing: System is deadlocked on memory\n'
    expect(experiment('oom/x', ABOUT, {}, log)).toMatchObject({
      outcome: 'kernel panic: System is deadlocked on memory',
    })
    expect(rawOf({ 'a.jsonl': '', 'who.txt': 'y' }, log)).toEqual({ 'who.txt': 'y', 'console.log': log })
  })
})
