/**
 * What calls on mappings leave behind in /proc/PID/smaps and in the page tables, where the measured machine and a first
 * guess differ: flags that have no name, parts of huge pages, holes, tables without pages.
 */
import { expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab, type LabResult } from '../../src-main/lab/runner'

function lab(steps: string, machine = '{ ram: 256MiB }'): LabResult['lines'] {
  const loaded = parseLab(`memscope: lab/1\nmachine: ${machine}\nsteps:\n${steps}`, 'p.yaml')
  if (!loaded.ok) throw new Error(loaded.error)
  const { lines } = runLab(loaded.value, { verify: true })
  expect(lines.flatMap((line) => line.failed ?? [])).toEqual([])
  return lines
}

/** A row of the smaps of a line's text, of the area that starts at an address or has a name. */
function row(line: LabResult['lines'][number], area: string, name: string): string {
  const areas = (line.text ?? '').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  const found = areas.find((text) => text.startsWith(area) || text.split('\n', 1)[0]!.endsWith(area)) ?? ''
  return new RegExp(`^${name}: +(.*)$`, 'm').exec(found)?.[1]?.trim() ?? ''
}
const SMAPS = '- readFile: { path: /proc/self/smaps }'
const HUGE = '{ ram: 1GiB, thp: always }'
const huge = (steps: string): LabResult['lines'] =>
  lab(
    `
  - mmap: { as: a, at: "0x400000000", length: 4MiB, flags: [private, anonymous, fixed] }
  - { touch: { area: a, access: write }, expect: { minflt: 2 } }
${steps}`,
    HUGE,
  )

test('a lock on fault has no letters; only the stack that exec made is not soft-dirty', () => {
  const lines = lab(`
  - mmap: { as: a, at: "0x200000000", length: 8KiB, flags: [private, anonymous, fixed] }
  - mlock: { area: a, onFault: true }
  - mmap: { as: g, at: "0x300000000", length: 8KiB, flags: [private, anonymous, fixed, growsdown] }
  ${SMAPS}
`)
  expect(row(lines[3]!, '200000000', 'VmFlags')).toBe('rd wr mr mw me lo ?? ac sd')
  expect(row(lines[3]!, '300000000', 'VmFlags')).toBe('rd wr mr mw me gd ac sd')
  expect(row(lines[3]!, '[stack]', 'VmFlags')).toBe('rd wr mr mw me gd ac')
})

test('an area takes soft-dirty or not from the one that joins it; a new mapping makes the whole of it so', () => {
  const lines = lab(`
  - mmap: { as: a, at: "0x200000000", length: 8KiB, flags: [private, anonymous, fixed] }
  - writeFile: { path: /proc/self/clear_refs, text: 4 }
  ${SMAPS}
  - mmap: { as: b, at: "0x200002000", length: 8KiB, flags: [private, anonymous, fixed] }
  ${SMAPS}
`)
  expect(row(lines[2]!, '200000000', 'VmFlags')).toBe('rd wr mr mw me ac')
  expect(row(lines[4]!, '200000000-200004000', 'VmFlags')).toBe('rd wr mr mw me ac sd')
})

test('files do not grow downwards, [vvar] is not split, and a range without a whole huge page is not collapsed', () => {
  lab(`
  - createFile: { as: f, size: 16KiB, fs: tmpfs }
  - { mmap: { as: b, length: 8KiB, flags: [private, growsdown], file: f }, expect: { result: EINVAL } }
  - mmap: { as: a, length: 8KiB }
  - { munmap: { area: a, from: 8KiB, length: 4KiB }, expect: { result: EINVAL } }
  - mmap: { as: t, at: "0x400000000", length: 4MiB, flags: [private, anonymous, fixed] }
  - { madvise: { area: t, advice: collapse, length: 0 }, expect: { result: ok } }
  - { madvise: { area: t, advice: collapse, length: 4KiB }, expect: { result: EINVAL } }
  - touch: { area: t, access: write, length: 16KiB }
  - { madvise: { area: t, advice: collapse, length: 4KiB }, expect: { result: ok } }
  - { madvise: { area: t, advice: collapse, from: 4KiB, length: 4KiB }, expect: { result: EINVAL } }
  - { madvise: { area: t, advice: collapse, length: 2MiB }, expect: { result: ok, thp_collapse_alloc: 1 } }
`)
})

test('populating goes on behind a hole and says ENOMEM; for writing it makes clean pages dirty', () => {
  const lines = lab(`
  - mmap: { as: a, at: "0x200000000", length: 64KiB, flags: [private, anonymous, fixed] }
  - munmap: { area: a, from: 16KiB, length: 8KiB }
  - { madvise: { area: a, advice: populate_write }, expect: { result: ENOMEM, minflt: 14 } }
  - madvise: { area: a, length: 16KiB, advice: free }
  - { madvise: { area: a, length: 16KiB, advice: willneed }, expect: { pglazyfree: 4 } }
  ${SMAPS}
  - { madvise: { area: a, length: 8KiB, advice: populate_write }, expect: { result: ok, minflt: 0 } }
  ${SMAPS}
`)
  expect(['LazyFree', 'Private_Clean', 'Private_Dirty'].map((name) => row(lines[5]!, '200000000', name))).toEqual([
    '16 kB',
    '16 kB',
    '0 kB',
  ])
  expect(['LazyFree', 'Private_Clean', 'Private_Dirty'].map((name) => row(lines[7]!, '200000000', name))).toEqual([
    '8 kB',
    '8 kB',
    '8 kB',
  ])
})

test('a fault beyond the end of a file makes no page table, but a fork copies the middle table it left', () => {
  const lines = lab(`
  - createFile: { as: f, size: 4KiB, fs: tmpfs }
  - mmap: { as: a, at: "0x200000000", length: 128KiB, flags: [private, fixed], file: f }
  - { accessAt: { area: a, offset: 68KiB, access: read }, expect: { signal: 7, si_code: 2 } }
  - { accessAt: { area: a, offset: 68KiB, access: write }, expect: { signal: 7, si_code: 2 } }
  - fork: { as: c }
  - in: { task: c, steps: [ { munlockall: {} }, { exit: 0 } ] }
  - wait: { task: c }
  - { accessAt: { area: a, offset: 0, access: read } }
`)
  expect(lines[2]!.VmPTE - lines[1]!.VmPTE).toBe(4)
  expect(lines[3]!.VmPTE).toBe(lines[2]!.VmPTE)
  expect(lines[5]!.VmPTE).toBe(lines[4]!.VmPTE)
  expect(lines[8]!.VmPTE - lines[7]!.VmPTE).toBe(4)
})

test('advice on a part of a huge page splits it, except to read ahead', () => {
  const lines = huge(`
  - { madvise: { area: a, from: 512KiB, length: 512KiB, advice: willneed }, expect: { thp_split_pmd: 0 } }
  - { madvise: { area: a, from: 512KiB, length: 512KiB, advice: free }, expect: { thp_split_pmd: 1, thp_split_page: 1 } }
  - madvise: { area: a, advice: willneed }
  ${SMAPS}
  - { madvise: { area: a, from: 3MiB, length: 4KiB, advice: cold }, expect: { thp_split_page: 1 } }
  ${SMAPS}
`)
  expect(['LazyFree', 'AnonHugePages', 'Private_Clean'].map((name) => row(lines[5]!, '400000000', name))).toEqual([
    '512 kB',
    '2048 kB',
    '512 kB',
  ])
  expect(row(lines[7]!, '400000000', 'AnonHugePages')).toBe('0 kB')
  expect(row(lines[7]!, '400000000', 'Private_Dirty')).toBe('3584 kB')
})

test('the small entries of a split huge page are clean: made read-only and writable again, each write faults', () => {
  huge(`
  - { mprotect: { area: a, length: 1MiB, prot: r }, expect: { thp_split_pmd: 1 } }
  - mprotect: { area: a, length: 1MiB, prot: rw }
  - { touch: { area: a, access: write, length: 1MiB }, expect: { minflt: 256 } }
  - mprotect: { area: a, length: 1MiB, prot: r }
  - mprotect: { area: a, length: 1MiB, prot: rw }
  - { touch: { area: a, access: write, length: 1MiB }, expect: { minflt: 0 } }
`)
})

test('of a huge page each small page counts by who maps it', () => {
  const lines = huge(`
  - fork: { as: c }
  - in: { task: c, steps: [ { munmap: { area: a, length: 1MiB } } ] }
  ${SMAPS}
  - in: { task: c, steps: [ { exit: 0 } ] }
  - wait: { task: c }
`)
  expect(['Pss', 'Private_Dirty', 'Shared_Dirty'].map((name) => row(lines[4]!, '400000000', name))).toEqual([
    `${1024 + 3072 / 2} kB`,
    '1024 kB',
    '3072 kB',
  ])
})

test('locking part of what is mapped leaves parts of huge pages out, and takes pages without rights in', () => {
  huge(`
  - { mprotect: { area: a, length: 1MiB, prot: none }, expect: { thp_split_pmd: 1 } }
  - { mlock: { area: a, length: 1MiB, onFault: true }, expect: { result: ok, unevictable_pgs_mlocked: 0 } }
  - mmap: { as: b, at: "0x300000000", length: 16KiB, flags: [private, anonymous, fixed] }
  - touch: { area: b, access: write }
  - mprotect: { area: b, prot: none }
  - { mlock: { area: b, onFault: true }, expect: { result: ok, unevictable_pgs_mlocked: 4 } }
`)
})

test('a mapping that moves and leaves its place takes pages, lock and tables along; the old place is empty', () => {
  const lines = lab(`
  - mmap: { as: a, at: "0x200000000", length: 64KiB, flags: [private, anonymous, fixed] }
  - touch: { area: a, access: write }
  - mlock: { area: a }
  - { mremap: { area: a, newLength: 32KiB, flags: [mayMove, dontunmap] }, expect: { result: EINVAL } }
  - { mremap: { area: a, newLength: 64KiB, flags: [dontunmap] }, expect: { result: EINVAL } }
  - mremap: { area: a, newLength: 64KiB, flags: [mayMove, fixed, dontunmap], to: "0x300000000" }
  ${SMAPS}
  - { touch: { area: a, access: write }, expect: { minflt: 0 } }
  - { accessAt: { address: "0x200000000", access: write }, expect: { minflt: 1 } }
`)
  expect(row(lines[6]!, '200000000', 'VmFlags')).toBe('rd wr mr mw me ac sd')
  expect(row(lines[6]!, '200000000', 'Rss')).toBe('0 kB')
  expect(row(lines[6]!, '300000000', 'VmFlags')).toBe('rd wr mr mw me lo ac sd')
  expect(lines[5]!.VmSize - lines[4]!.VmSize).toBe(64)
  expect(lines[5]!.VmLck).toBe(lines[4]!.VmLck)
  expect(lines[5]!.meminfo['Committed_AS']! - lines[4]!.meminfo['Committed_AS']!).toBe(64)
})

test('an untouched mapping does not become one with the copy that leaves it', () => {
  const lines = lab(`
  - mmap: { as: a, at: "0x200000000", length: 8KiB, flags: [private, anonymous, fixed] }
  - mremap: { area: a, newLength: 8KiB, flags: [mayMove, fixed, dontunmap], to: "0x200002000" }
  ${SMAPS}
`)
  expect(lines[2]!.text).toMatch(/^200000000-200002000 rw-p/m)
  expect(lines[2]!.text).toMatch(/^200002000-200004000 rw-p/m)
})

test('a move is charged only for what it grows by, and never gives back what it keeps', () => {
  const lines = lab(`
  - mmap: { as: a, length: 60MiB }
  - sysctl: { vm.overcommit_memory: 2 }
  - { mremap: { area: a, newLength: 60MiB, flags: [mayMove, fixed], to: "0x200000000" }, expect: { result: ok } }
  - { mremap: { area: a, newLength: 400MiB, flags: [mayMove] }, expect: { result: ENOMEM } }
  - mmap: { as: b, length: 4KiB, prot: none, flags: [private, anonymous] }
`)
  const committed = lines.map((line) => line.meminfo['Committed_AS']!)
  expect(committed[2]).toBe(committed[1])
  expect(committed[4]).toBe(committed[1])
})

test('the guard of a stack counts only down to what is mapped in it', () => {
  const lines = lab(`
  - mmap: { as: low, length: 12KiB }
  - mmap: { as: g, length: 32KiB, flags: [private, anonymous, fixed, growsdown], at: "0x7ffff7f00000" }
  - mmap: { as: in, length: 4KiB, flags: [private, anonymous, fixed], at: "0x7ffff7ef5000" }
  - mmap: { as: a, length: 2MiB }
`)
  expect(lines[3]!.addr).toBe('0x7ffff7cf5000')
})

test('a child finds memory that is wiped on fork as new; shared memory with a hole punched is new for all', () => {
  const lines = lab(`
  - mmap: { as: a, at: "0x200000000", length: 16KiB, flags: [private, anonymous, fixed] }
  - touch: { area: a, access: write }
  - madvise: { area: a, advice: wipeonfork }
  - { madvise: { area: a, advice: remove }, expect: { result: EINVAL } }
  - mmap: { as: s, at: "0x300000000", length: 16KiB, flags: [shared, anonymous, fixed] }
  - touch: { area: s, access: write }
  - { madvise: { area: s, advice: wipeonfork }, expect: { result: EINVAL } }
  - fork: { as: c }
  - in:
      task: c
      steps:
        - { touch: { area: a, access: read }, expect: { minflt: 4 } }
        - { touch: { area: s, access: read }, expect: { minflt: 1 } }
  - { madvise: { area: s, length: 8KiB, advice: remove }, expect: { result: ok } }
  - in: { task: c, steps: [ { touch: { area: s, access: read }, expect: { minflt: 2 } }, { exit: 0 } ] }
  - wait: { task: c }
  - mlock: { area: a }
  - { madvise: { area: a, advice: dontneed }, expect: { result: EINVAL } }
  - { madvise: { area: a, advice: dontneed_locked }, expect: { result: ok } }
  - { touch: { area: a, access: write }, expect: { minflt: 4 } }
`)
  expect(lines[10]!.meminfo['Shmem']! - lines[9]!.meminfo['Shmem']!).toBe(-8)
})

test('a hole of shared memory that was only read is dropped by reclaim; the charge goes at the next change of the file', () => {
  const lines = lab(
    `
  - mmap: { as: a, length: 64KiB, flags: [shared, anonymous, noreserve] }
  - touch: { area: a, access: read, length: 32KiB }
  - madvise: { area: a, advice: pageout }
  - touch: { area: a, access: read, from: 32KiB, length: 4KiB }
`,
    '{ ram: 256MiB, swap: [{ size: 64MiB, device: virtio }] }',
  )
  const figure = (name: string): number[] => lines.map((line) => line.meminfo[name]! - lines[0]!.meminfo[name]!)
  expect(figure('Shmem')).toEqual([0, 32, 0, 4])
  expect(figure('Committed_AS')).toEqual([0, 32, 32, 4])
})

test('what the kernel maps of itself does not grow, and only the first page of [vvar] is there', () => {
  lab(`
  - { mremap: { area: vdso, newLength: 16KiB, flags: [mayMove] }, expect: { result: EFAULT } }
  - { mremap: { area: vdso, newLength: 8KiB, flags: [mayMove, dontunmap] }, expect: { result: EINVAL } }
  - { accessAt: { address: "0x7ffff7ff9000", access: read }, expect: { result: ok } }
  - { accessAt: { address: "0x7ffff7ffa000", access: read }, expect: { signal: 7, si_code: 2, si_addr: "0x7ffff7ffa000" } }
  - { accessAt: { address: "0x7ffff7ffc000", access: read }, expect: { signal: 7, si_code: 2, si_addr: "0x7ffff7ffc000" } }
`)
})

test('shared memory comes back from swap by aligned blocks of slots, whatever the disk', () => {
  const reclaim = '- { writeFile: { path: /sys/fs/cgroup/a/memory.reclaim, text: 2M }, mayFail: [EAGAIN] }'
  const touch = (from: string, length: string): string =>
    `- in: { task: c, steps: [ { label: touch, touch: { area: s, access: read, from: ${from}, length: ${length} } } ] }`
  // What is written is dropped by the next reclaim.
  const lines = lab(
    `
  - cgroup: { path: /a }
  - fork: { as: c }
  - cgroup: { path: /a, attach: [c] }
  - in: { task: c, steps: [ { mmap: { as: s, length: 1MiB, flags: [shared, anonymous] } }, { touch: { area: s, access: write } } ] }
  ${reclaim}
  - sleep: 1s
  ${reclaim}
  ${touch('512KiB', '4KiB')}
  ${touch('520KiB', '4KiB')}
  ${touch('0', '1MiB')}
`,
    '{ ram: 128MiB, cgroup: true, swap: [{ size: 64MiB, device: nvme }] }',
  ).filter(({ label }) => label === 'touch')
  const figures = ({ majflt, vmstat }: LabResult['lines'][number]): unknown[] => [
    majflt,
    vmstat['pswpin'],
    vmstat['swap_ra'],
  ]
  expect(figures(lines[0]!)).toEqual([1, 8, 7])
  expect(figures(lines[1]!)).toEqual([0, undefined, undefined])
  expect(lines[2]!.vmstat['pswpin']).toBe(248)
  // Slots begin at 1: the first block has seven of them, the last has one.
  expect(lines[2]!.majflt).toBe(32)
})
