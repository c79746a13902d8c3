import { describe, expect, test } from 'vitest'
import { first_task, next_task } from '../../src-main/kernel/task'
import { verify } from '../../src-main/kernel/verify'
import { figures, runningOf, scenarioNamed } from '../support/machine'

describe('leak-to-oom', () => {
  test('goes from the low watermark over kswapd, swap and direct reclaim to the kill of the leaking process', () => {
    const m = runningOf(scenarioNamed('leak-to-oom'))
    m.runTo(19)
    const before = figures(m.k)
    expect(before['pswpout']).toBe(0)
    expect(before['Cached']).toBeGreaterThan(200_000)
    let swapped = 0
    let cached = Infinity
    m.runTo(120, (k) => {
      if (swapped === 0 && k.var.step % 25 === 0 && figures(k)['pswpout']! > 0) {
        swapped = k.var.now / 1e6
        cached = figures(k)['Cached']!
      }
      if (k.var.step % 1250 === 0) verify(k)
    })
    const first = (kind: string): number => m.events.find((e) => e.kind === kind)?.ms ?? Infinity
    expect(first('low_watermark')).toBeLessThanOrEqual(first('kswapd_wake'))
    expect(first('kswapd_wake')).toBeLessThan(swapped)
    expect(cached).toBeLessThan(before['Cached']! / 2)
    expect(swapped).toBeLessThan(first('direct_reclaim'))
    expect(first('direct_reclaim')).toBeLessThan(first('oom_kill'))
    const kills = m.events.filter((e) => e.kind === 'oom_kill')
    expect(kills.map((e) => e.name)).toEqual(['leaky-service'])
    const oom = kills[0]!.oom!
    expect(oom.candidates.every((c) => c.name === 'leaky-service' || (c.points ?? 0) < oom.badness)).toBe(true)
    const after = figures(m.k)
    expect(after['oom_kill']).toBe(1)
    expect(after['MemFree']).toBeGreaterThan(500_000)
  })
})

describe('calm-desktop', () => {
  test('holds sixty processes with invariants that hold, little load and no reclaim', () => {
    const m = runningOf(scenarioNamed('calm-desktop'))
    m.runTo(6, (k) => {
      if (k.var.step % 50 === 0) verify(k)
    })
    m.runTo(20)
    const early = figures(m.k)
    m.runTo(60)
    const late = figures(m.k)
    let processes = 0
    for (let t = first_task(m.k); t !== 0; t = next_task(m.k, t)) if (m.k.task.mm[t] !== 0) processes++
    expect(processes).toBeGreaterThan(48)
    expect(processes).toBeLessThan(70)
    expect(late['MemAvailable']! / late['MemTotal']!).toBeGreaterThan(0.35)
    expect(late['MemAvailable']! / late['MemTotal']!).toBeLessThan(0.65)
    expect(Math.abs(late['MemAvailable']! - early['MemAvailable']!)).toBeLessThan(30_000)
    expect(late['Cached']).toBeGreaterThan(early['Cached']!)
    expect(late['pswpout']).toBe(0)
    expect(m.k.var.load[0] / 2048).toBeLessThan(1)
    verify(m.k)
  })
})

describe('oom-storm', () => {
  test('spares what has oom_score_adj -1000 and takes the raised one first', () => {
    const m = runningOf(scenarioNamed('oom-storm'))
    m.runTo(60)
    const kills = m.events.filter((e) => e.kind === 'oom_kill').map((e) => e.name)
    expect(kills[0]).toBe('batch')
    expect(kills).not.toContain('sshd')
    expect(kills.length).toBeGreaterThanOrEqual(2)
    verify(m.k)
  })
})

describe('segfaults', () => {
  test('kill the four crashers with SIGSEGV and SIGBUS', () => {
    const m = runningOf(scenarioNamed('segfaults'))
    m.runTo(24)
    expect(m.events.filter((e) => e.kind === 'segfault').map((e) => e.name)).toEqual([
      'null-pointer',
      'read-only',
      'use-after-free',
    ])
    expect(m.events.filter((e) => e.kind === 'sigbus').map((e) => e.name)).toEqual(['past-the-end'])
    verify(m.k)
  })
})
