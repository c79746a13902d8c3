import { expect, test } from 'vitest'
import { parseScenario } from '../../../src-shared/scenario'
import { proc_write } from '../../../src-main/kernel/proc'
import { run_step } from '../../../src-main/kernel/sched/core'
import { verify } from '../../../src-main/kernel/verify'
import { load_scenario, open_programs, PROGRAM_INFOS } from '../../../src-main/workload'

test('f calls the OOM killer by hand: the task with the most points dies, and the log says who asked', () => {
  const text = `memscope: scenario/1
title: t
machine: { ram: 512MiB }
processes: [{ program: leak, name: leaky, params: { rate: 64MiB/s } }]
`
  const parsed = parseScenario(text, 's.yaml', PROGRAM_INFOS)
  if (!parsed.ok) throw new Error(parsed.error)
  const k = load_scenario(parsed.value)
  const programs = open_programs(parsed.value)
  for (let i = 0; i < 250; i++) run_step(k, programs)
  expect(proc_write(k, '/proc/sysrq-trigger', 'f')).toBe(0)
  for (let i = 0; i < 100; i++) run_step(k, programs)
  expect(k.trace.filter((e) => e.kind === 'oom_kill').map((e) => e.oom?.name)).toEqual(['leaky'])
  const log = k.log.map(([, line]) => line)
  expect(log).toContain('sysrq: Manual OOM execution')
  expect(log.some((line) => line.startsWith('init invoked oom-killer') && line.includes('order=-1'))).toBe(true)
  verify(k)
})
