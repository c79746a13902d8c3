/** What evicted pages leave behind, and what is made of it when they return. */
import { describe, expect, it } from 'vitest'
import { lab, total } from '../../support/lab'

const machine = (swap = '') => `machine: { ram: 128MiB, swap: [${swap}], thp: never, disk: nvme }\nsteps:\n`
const vmstat = (label: string): string => `  - { label: ${label}, readFile: { path: /proc/vmstat } }\n`
function figure(r: ReturnType<typeof lab>, label: string, name: string): number {
  const { text } = r.lines.find((line) => line.label === label)!
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text!)![1])
}

describe('a file that does not fit', () => {
  const r = lab(
    machine() +
      `
  - createFile: { as: f, size: 192MiB, fs: ext4 }
  - { label: first, read: { file: f } }
  - { label: again, read: { file: f } }
` +
      vmstat('full') +
      `
  - truncate: { file: f, length: 0 }
` +
      vmstat('gone'),
    true,
  )
  it('comes back page by page, too late every time: nothing is activated', () => {
    expect(total(r, 'workingset_refault_file', 'first')).toBe(0)
    // All but what was still there, which goes while the file's beginning comes.
    expect(total(r, 'workingset_refault_file', 'again')).toBeGreaterThan(49152 - 64)
    expect(total(r, 'workingset_activate_file')).toBe(0)
  })
  it('leaves nodes full of shadows, a 64th of the pages that are out, until it is cut', () => {
    const out = 49152 - figure(r, 'full', 'nr_inactive_file') - figure(r, 'full', 'nr_active_file')
    expect(figure(r, 'full', 'workingset_nodes')).toBeGreaterThan(out / 64 - 4)
    expect(figure(r, 'full', 'workingset_nodes')).toBeLessThanOrEqual(out / 64 + 4)
    // Metadata of the file system keeps its own.
    expect(figure(r, 'gone', 'workingset_nodes')).toBeLessThan(4)
  })
})

describe('a working set that anonymous memory pushed out', () => {
  const pushed = (mib: number, swappiness: number) =>
    lab(
      `sysctl: { vm.swappiness: ${swappiness} }\n` +
        machine('{ size: 128MiB, device: nvme }') +
        `
  - createFile: { as: f, size: 12MiB, fs: ext4 }
  - repeat: { times: 3, steps: [ { read: { file: f } } ] }
  - mmap: { as: p, length: ${mib}MiB, flags: [private, anonymous, noreserve] }
  - touch: { area: p, access: write }
  - { label: back, read: { file: f } }
`,
    )
  it('is active again when it returns soon, and restored, for it was active before', () => {
    const r = pushed(60, 0)
    const out = total(r, 'workingset_refault_file', 'back')
    const activated = total(r, 'workingset_activate_file', 'back')
    expect(out).toBeGreaterThan(1000)
    // A few return when the sizes at the last flush still say that there is no room for them.
    expect(activated).toBeGreaterThan(0.75 * out)
    expect(total(r, 'workingset_restore_file', 'back')).toBeGreaterThan(0.9 * activated)
  })
  it('is as good as new after more evictions than all other pages are', () => {
    const r = pushed(140, 60)
    expect(total(r, 'workingset_refault_file', 'back')).toBeGreaterThan(3000)
    expect(total(r, 'workingset_activate_file', 'back')).toBeLessThan(100)
  })
})

it('anonymous pages that come back from swap are judged, too', () => {
  const r = lab(
    machine('{ size: 128MiB, device: nvme }') +
      `
  - mmap: { as: p, length: 140MiB, flags: [private, anonymous, noreserve] }
  - touch: { area: p, access: write }
  - { label: back, touch: { area: p, access: read, length: 32MiB } }
`,
  )
  expect(total(r, 'workingset_refault_anon', 'back')).toBeGreaterThan(4000)
  expect(total(r, 'workingset_refault_file')).toBe(0)
})
