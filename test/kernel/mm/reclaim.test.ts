import { describe, expect, it } from 'vitest'
import { lab, total } from '../../support/lab'

const anonymous = (swap: string, sysctl = '') => `
machine: { ram: 256MiB, swap: [${swap}], thp: never }
${sysctl}
steps:
  - mmap: { as: p, length: 240MiB, flags: [private, anonymous, noreserve] }
  - { label: write, touch: { area: p, access: write } }
  - { label: read, touch: { area: p, access: read } }
  - munmap: { area: p }
`
/** The measured machine: writing 64 MiB more than there is, reading it all back (mean of four runs). */
const MEASURED = {
  steal_write: 14767,
  out_write: 16868,
  scan_write: 77000,
  steal_read: 56900,
  in_read: 58500,
  maj_read: 7700,
}

describe('reclaim with swap', () => {
  // Where the disk is slower, more is on its way to it when the first pages come free.
  it.each([
    ['virtio', 0.25],
    ['nvme', 0.25],
    ['ssd', 0.5],
  ])('moves as many pages as the measured machine, on %s', (device, slack) => {
    const r = lab(anonymous(`{ size: 256MiB, device: ${device} }`))
    const near = (name: string, label: string, measured: number) => {
      const got = total(r, name, label)
      expect(Math.abs(got - measured) / measured, `${name} ${label}: ${got} for ${measured}`).toBeLessThan(slack)
    }
    near('pgsteal_anon', 'write', MEASURED.steal_write)
    near('pswpout', 'write', MEASURED.out_write)
    near('pgscan_anon', 'write', MEASURED.scan_write)
    near('pgsteal_anon', 'read', MEASURED.steal_read)
    near('pswpin', 'read', MEASURED.in_read)
    near('pgmajfault', 'read', MEASURED.maj_read)
  })

  it('lets kswapd do most of it', () => {
    const r = lab(anonymous('{ size: 256MiB, device: nvme }'))
    expect(total(r, 'pgscan_kswapd')).toBeGreaterThan(2 * total(r, 'pgscan_direct'))
    expect(total(r, 'pageoutrun')).toBeGreaterThan(10)
  })

  it('reads eight pages at a fault, and almost all of them are wanted', () => {
    const r = lab(anonymous('{ size: 256MiB, device: ssd }'))
    expect(total(r, 'swap_ra_hit', 'read') / total(r, 'swap_ra', 'read')).toBeGreaterThan(0.95)
    expect(total(r, 'pswpin', 'read') / total(r, 'pgmajfault', 'read')).toBeGreaterThan(7)
  })

  it('keeps its books while memory is short', () => {
    const r = lab(
      `
machine: { ram: 128MiB, swap: [{ size: 192MiB, device: ssd }], thp: never }
steps:
  - createFile: { as: f, size: 32MiB, fs: ext4 }
  - createFile: { as: t, size: 0, fs: tmpfs }
  - { write: { file: t, offset: 0, length: 24MiB, chunk: 64KiB } }
  - read: { file: f }
  - mmap: { as: p, length: 80MiB, flags: [private, anonymous, noreserve] }
  - touch: { area: p, access: write }
  - fork: { as: child }
  - in: { task: child, steps: [ { touch: { area: p, access: write, length: 8MiB } } ] }
  - read: { file: t }
  - touch: { area: p, access: read, length: 40MiB }
  - madvise: { area: p, from: 8MiB, length: 8MiB, advice: dontneed }
  - in: { task: child, steps: [ { exit: 0 } ] }
  - wait: { task: child }
  - dropCaches: { mode: 3 }
  - unlink: { file: t }
  - munmap: { area: p }
`,
      true,
    )
    expect(r.failed).toBe(0)
    expect(total(r, 'pswpout')).toBeGreaterThan(2000)
    const last = r.lines.at(-1)!.meminfo as Record<string, number>
    // Pages whose write is under way keep their slots until reclaim meets them.
    expect(last['SwapFree']).toBeGreaterThan(last['SwapTotal']! - 32 * 1024)
  })

  it('is the same from run to run', () => {
    const yaml = anonymous('{ size: 256MiB, device: ssd }')
    expect(lab(yaml).hash).toBe(lab(yaml).hash)
  })
})

describe('the page cache', () => {
  it('gives way first: a file read once goes before anonymous memory at every swappiness', () => {
    for (const swappiness of [1, 200]) {
      const r = lab(`
machine: { ram: 256MiB, swap: [{ size: 256MiB, device: nvme }], thp: never }
sysctl: { vm.swappiness: ${swappiness} }
steps:
  - createFile: { as: f, size: 128MiB, fs: ext4 }
  - read: { file: f }
  - mmap: { as: p, length: 144MiB, flags: [private, anonymous] }
  - touch: { area: p, access: write }
`)
      expect(total(r, 'pgsteal_file')).toBeGreaterThan(20_000)
      expect(total(r, 'pgsteal_anon')).toBeLessThan(500)
    }
  })

  it('notices pages that come back soon and activates them', () => {
    const r = lab(`
machine: { ram: 128MiB, swap: [{ size: 64MiB, device: nvme }], thp: never }
steps:
  - mmap: { as: p, length: 40MiB, flags: [private, anonymous] }
  - touch: { area: p, access: write }
  - createFile: { as: f, size: 40MiB, fs: ext4 }
  - repeat: { times: 3, steps: [ { label: again, read: { file: f } } ] }
`)
    expect(total(r, 'workingset_refault_file')).toBeGreaterThan(1000)
    expect(total(r, 'workingset_activate_file')).toBeGreaterThan(1000)
  })

  it('drops clean unmapped pages, not mapped, dirty or tmpfs ones', () => {
    const r = lab(`
machine: { ram: 256MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 16MiB, fs: ext4 }
  - createFile: { as: g, size: 8MiB, fs: ext4 }
  - createFile: { as: t, size: 0, fs: tmpfs }
  - read: { file: f }
  - mmap: { as: m, length: 8MiB, prot: r, flags: [shared], file: g }
  - touch: { area: m, access: read }
  - write: { file: t, offset: 0, length: 4MiB, chunk: 1MiB }
  - { label: drop, dropCaches: { mode: 1 } }
`)
    const drop = r.lines.find((l) => l.label === 'drop')!
    const before = r.lines[r.lines.indexOf(drop) - 1]!
    // The disk's metadata goes too, but for what the mounted file system holds.
    expect(drop.meminfo['Buffers']).toBe(8)
    expect(before.meminfo['Buffers']).toBeGreaterThan(0)
    expect(drop.meminfo['Cached']! - before.meminfo['Cached']!).toBe(-16384)
    expect(total(r, 'drop_pagecache', 'drop')).toBe(1)
  })
})
