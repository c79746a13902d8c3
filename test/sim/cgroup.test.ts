import { expect, test } from 'vitest'
import { parseScenario } from '../../src-shared/scenario'
import { run_step } from '../../src-main/kernel/sched/core'
import { proc_read } from '../../src-main/kernel/proc'
import { verify } from '../../src-main/kernel/verify'
import { load_scenario, open_programs, PROGRAM_INFOS } from '../../src-main/workload'

test('a leak in a cgroup with memory.max is killed alone, and the limit holds to the page', () => {
  const text = `memscope: scenario/1
title: t
machine: { ram: 512MiB }
cgroups: { /web: { memory.max: 64MiB } }
processes:
  - { program: leak, name: leaky, cgroup: /web, params: { rate: 64MiB/s } }
`
  const parsed = parseScenario(text, 's.yaml', PROGRAM_INFOS)
  if (!parsed.ok) throw new Error(parsed.error)
  const k = load_scenario(parsed.value)
  const programs = open_programs(parsed.value)
  let most = 0
  for (let i = 0; i < 1000; i++) {
    run_step(k, programs)
    most = Math.max(most, Number(proc_read(k, '/sys/fs/cgroup/web/memory.current')))
  }
  expect(most).toBeGreaterThan(32 * 2 ** 20)
  expect(most).toBeLessThanOrEqual(64 * 2 ** 20)
  const kills = k.trace.filter((e) => e.kind === 'oom_kill')
  expect(kills.map((e) => [e.oom?.name, e.oom?.constraint])).toEqual([['leaky', 'CONSTRAINT_MEMCG']])
  verify(k)
})
