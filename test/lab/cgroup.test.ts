import { expect, it } from 'vitest'
import { lab } from '../support/lab'

const mounts = '  - { label: mounts, readFile: { path: /proc/mounts } }\n'
const text = (machine: string, steps: string): string =>
  lab(`machine: { ram: 128MiB${machine} }\nsteps:\n${mounts}${steps}`).lines.find((line) => line.label === 'mounts')!
    .text!

it('cgroups are mounted where the machine says so or a step names one', () => {
  expect(text('', '')).not.toContain('cgroup2')
  expect(text(', cgroup: false', '')).not.toContain('cgroup2')
  expect(text(', cgroup: true', '')).toContain('cg /sys/fs/cgroup cgroup2')
  expect(text('', '  - cgroup: { path: /t }\n')).toContain('cgroup2')
  expect(text('', '  - repeat: { times: 1, steps: [{ spawn: { as: a, cgroup: /t, steps: [] } }] }\n')).toContain(
    'cgroup2',
  )
  const file = '  - { mayFail: [ENOENT], readFile: { path: /sys/fs/cgroup/memory.stat } }\n'
  expect(text('', file)).toContain('cgroup2')
})

it('without a mount the mount point is empty', () => {
  const r = lab('machine: { ram: 128MiB }\nsteps:\n  - { label: ls, readFile: { path: /sys/fs/*/memory.stat } }\n')
  expect(r.lines[0]!.result).not.toBe('ok')
})
