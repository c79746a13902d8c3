/**
 * Lab programs that hold what the documents of Linux 6.1 and the measurements say of faults, each figure by an `expect`:
 * page tables in empty slots, growth of the stack and its guard gap, locked memory, huge page pools, reading ahead.
 */
import { expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab } from '../../src-main/lab/runner'

function holds(machine: string, steps: string): void {
  const loaded = parseLab(`memscope: lab/1\nmachine: ${machine}\nsteps:\n${steps}`, 'p.yaml')
  if (!loaded.ok) throw new Error(loaded.error)
  const { lines } = runLab(loaded.value, { verify: true })
  expect(lines.flatMap((line) => (line.failed ?? []).map((why) => `${line.step} ${line.op}: ${why}`))).toEqual([])
}

test('a touch in an empty PGD slot costs three tables, in the next GiB two, in the next 2 MiB one', () => {
  holds(
    '{ ram: 128MiB }',
    `
  - mmap: { as: q, at: "0x100000000000", length: 4KiB, flags: [private, anonymous, fixed] }
  - { touch: { area: q, access: write }, expect: { minflt: 1, pgalloc_dma32: 4 } }
  - mmap: { as: q, at: "0x100040000000", length: 4KiB, flags: [private, anonymous, fixed] }
  - { touch: { area: q, access: write }, expect: { minflt: 1, pgalloc_dma32: 3 } }
  - mmap: { as: q, at: "0x100000200000", length: 4KiB, flags: [private, anonymous, fixed] }
  - { touch: { area: q, access: write }, expect: { minflt: 1, pgalloc_dma32: 2 } }
  - mmap: { as: z, at: "0x200000000000", length: 64MiB, flags: [private, anonymous, fixed, noreserve] }
  - { touch: { area: z, access: read, stride: 2MiB }, expect: { minflt: 32, pgalloc_dma32: 34, RssAnon: 56 } }
`,
  )
})

test('the stack grows at once to its limit and no further, and keeps 256 pages free below', () => {
  holds(
    '{ ram: 128MiB }',
    `
  - { stackTouch: { depth: 1MiB, jump: true }, expect: { minflt: 1 } }
  - { stackTouch: { depth: 7MiB, jump: true }, expect: { minflt: 1 } }
  - { stackTouch: { depth: 8MiB, jump: true }, expect: { signal: 11, si_code: 1, si_addr: "0x7fffff7fe000" } }
  - setrlimit: { resource: stack, soft: 16MiB }
  - { stackTouch: { depth: 9MiB, jump: true }, expect: { minflt: 1 } }
  - mmap: { as: top, at: "sp-12MiB", length: 4KiB, flags: [private, anonymous, fixed_noreplace] }
  - { stackTouch: { depth: 12MiB, from: 9MiB }, expect: { signal: 11, si_code: 1, si_addr: "0x7fffff4fe000", minflt: 511 } }
`,
  )
})

test('locked pages are unevictable when mlock returns, on fault in batches, and zero pages are not locked', () => {
  holds(
    '{ ram: 128MiB }',
    `
  - mmap: { as: p, length: 8MiB }
  - { mlock: { area: p }, expect: { minflt: 2048, VmLck: 8192, Mlocked: 8192, Unevictable: 8192, unevictable_pgs_culled: 2048 } }
  - { touch: { area: p, access: write }, expect: { minflt: 0 } }
  - { munlock: { area: p }, expect: { VmLck: 0, Mlocked: 0, Unevictable: 0, unevictable_pgs_rescued: 2048 } }
  - mmap: { as: q, length: 8MiB }
  - { mlock: { area: q, onFault: true }, expect: { minflt: 0, VmLck: 8192, Mlocked: 0 } }
  - { touch: { area: q, access: write, length: 4MiB }, expect: { minflt: 1024, Mlocked: 4096, Unevictable: 4080 } }
  - { munmap: { area: q }, expect: { VmLck: 0, Mlocked: 0, Unevictable: 0 } }
  - { mmap: { as: l, length: 4MiB, flags: [private, anonymous, locked] }, expect: { minflt: 1024, Unevictable: 4096 } }
  - mmap: { as: r, length: 4MiB, prot: r }
  - { mlock: { area: r }, expect: { minflt: 1024, VmLck: 8192, Mlocked: 4096 } }
  - mlockall: { flags: [current, future] }
  - { mmap: { as: f, length: 2MiB }, expect: { minflt: 512 } }
  - { munlockall: {}, expect: { VmLck: 0, Mlocked: 0, Unevictable: 0 } }
`,
  )
})

test('only root locks more than RLIMIT_MEMLOCK', () => {
  holds(
    '{ ram: 128MiB }',
    `
  - setrlimit: { resource: memlock, soft: 64KiB }
  - mmap: { as: p, length: 1MiB }
  - { mlock: { area: p, length: 128KiB }, expect: { result: ok } }
  - munlock: { area: p }
  - setuid: { uid: 1000 }
  - { mlock: { area: p, length: 128KiB }, expect: { result: ENOMEM } }
  - { mlock: { area: p, length: 64KiB }, expect: { result: ok, VmLck: 64 } }
  - { mlock: { area: p, length: 64KiB }, expect: { result: ok, VmLck: 64 } }
  - { mmap: { as: q, length: 4KiB, flags: [private, anonymous, locked] }, expect: { result: EAGAIN } }
  - { mlockall: { flags: [current] }, expect: { result: ENOMEM } }
`,
  )
})

test('huge pages are reserved by mmap, taken by touching, surplus while too many are in use, and SIGBUS when none is left', () => {
  holds(
    '{ ram: 256MiB }',
    `
  - { sysctl: { vm.nr_hugepages: 16 }, expect: { HugePages_Total: 16, HugePages_Free: 16, htlb_buddy_alloc_success: 16 } }
  - { mmap: { as: p, length: 8MiB, flags: [private, anonymous, hugetlb] }, expect: { HugePages_Rsvd: 4, HugePages_Free: 16 } }
  - { touch: { area: p, access: write, length: 4KiB }, expect: { minflt: 1, HugePages_Rsvd: 3, HugePages_Free: 15 } }
  - { touch: { area: p, access: write }, expect: { minflt: 3, HugePages_Rsvd: 0, HugePages_Free: 12, RssAnon: 44 } }
  - { mmap: { as: q, length: 32MiB, flags: [private, anonymous, hugetlb] }, expect: { result: ENOMEM } }
  - { mmap: { as: q, length: 24MiB, flags: [private, anonymous, hugetlb] }, expect: { HugePages_Rsvd: 12 } }
  - { sysctl: { vm.nr_hugepages: 8 }, expect: { HugePages_Total: 16, HugePages_Surp: 8 } }
  - { munmap: { area: q }, expect: { HugePages_Total: 8, HugePages_Surp: 0, HugePages_Rsvd: 0, HugePages_Free: 4 } }
  - fork: { as: c }
  - in: { task: c, steps: [{ touch: { area: p, access: write, length: 4KiB }, expect: { minflt: 1, HugePages_Free: 3 } }, { exit: 0 }] }
  - { wait: { task: c }, expect: { HugePages_Free: 4 } }
  - { munmap: { area: p }, expect: { HugePages_Free: 8 } }
  - sysctl: { vm.nr_overcommit_hugepages: 4 }
  - { mmap: { as: q, length: 32MiB, flags: [private, anonymous, hugetlb, noreserve] }, expect: { HugePages_Rsvd: 0 } }
  - { touch: { area: q, access: write, stride: 2MiB }, expect: { signal: 7, si_code: 2, minflt: 12, HugePages_Surp: 4 } }
  - { munmap: { area: q }, expect: { HugePages_Total: 8, HugePages_Free: 8, HugePages_Surp: 0 } }
  - { sysctl: { vm.nr_hugepages: 0 }, expect: { HugePages_Total: 0 } }
`,
  )
})

test('msync writes the pages of its range only, and says where nothing is mapped', () => {
  holds(
    '{ ram: 256MiB }',
    `
  - createFile: { as: f, size: 4MiB, fs: ext4, cached: true }
  - mmap: { as: p, length: 4MiB, flags: [shared], file: f }
  - { touch: { area: p, access: write }, expect: { Dirty: { near: 4096, within: 16 } } }
  - { msync: { area: p, from: 1MiB, length: 1MiB }, expect: { nr_written: 256, Dirty: { near: 3072, within: 16 } } }
  - { touch: { area: p, access: write }, expect: { minflt: 256 } }
  - munmap: { area: p, from: 2MiB, length: 4KiB }
  - { msync: { area: p }, expect: { result: ENOMEM, nr_written: 1023 } }
  - { msync: { area: p, from: 1 }, expect: { result: EINVAL } }
`,
  )
})

test('locked areas are neither freed nor paged out by advice; of hugetlb areas whole pages only', () => {
  holds(
    '{ ram: 256MiB, swap: [{ size: 128MiB }] }',
    `
  - mmap: { as: l, length: 1MiB, flags: [private, anonymous, locked] }
  - { madvise: { area: l, advice: dontneed }, expect: { result: EINVAL } }
  - { madvise: { area: l, advice: free }, expect: { result: EINVAL } }
  - { madvise: { area: l, advice: pageout }, expect: { result: EINVAL } }
  - { madvise: { area: l, advice: cold }, expect: { result: EINVAL } }
  - sysctl: { vm.nr_hugepages: 2 }
  - mmap: { as: h, length: 4MiB, flags: [private, anonymous, hugetlb] }
  - { touch: { area: h, access: write, stride: 2MiB }, expect: { HugePages_Free: 0 } }
  - { madvise: { area: h, from: 4KiB, length: 8KiB, advice: dontneed }, expect: { result: EINVAL } }
  - { madvise: { area: h, length: 3MiB, advice: dontneed }, expect: { result: ok, HugePages_Free: 1 } }
  - { madvise: { area: h, advice: free }, expect: { result: EINVAL } }
`,
  )
})

test('fork copies the entries of a private file mapping only once it has pages of its own', () => {
  holds(
    '{ ram: 256MiB }',
    `
  - createFile: { as: f, size: 1MiB, fs: ext4, cached: true }
  - mmap: { as: p, at: "0x10000000", length: 1MiB, flags: [private, fixed], file: f }
  - { touch: { area: p, access: read }, expect: { minflt: 16 } }
  - fork: { as: c1 }
  - in: { task: c1, steps: [{ touch: { area: p, access: read }, expect: { minflt: 16 } }, { exit: 0 }] }
  - { touch: { area: p, access: write, length: 4KiB }, expect: { minflt: 1 } }
  - fork: { as: c2 }
  - in: { task: c2, steps: [{ touch: { area: p, access: read }, expect: { minflt: 0 } }, { touch: { area: p, access: write }, expect: { minflt: 256 } }, { exit: 0 }] }
`,
  )
})

test('a written page of a small ext4 has a buffer head for each of its four blocks, until it is dropped', () => {
  const loaded = parseLab(
    `memscope: lab/1
machine: { ram: 128MiB }
steps:
  - createFile: { as: f, size: 4KiB, fs: ext4 }
  - readFile: { path: /proc/slabinfo }
  - write: { file: f, length: 4MiB }
  - readFile: { path: /proc/slabinfo }
  - sync: {}
  - dropCaches: { mode: 1 }
  - readFile: { path: /proc/slabinfo }
`,
    'p.yaml',
  )
  if (!loaded.ok) throw new Error(loaded.error)
  const heads = runLab(loaded.value, { verify: true })
    .lines.filter((line) => line.op === 'readFile')
    .map((line) => Number(/^buffer_head +(\d+)/m.exec(line.text ?? '')![1]))
  expect(heads[1]! - heads[0]!).toBeGreaterThanOrEqual(4 * 1024 - 39)
  expect(heads[1]! - heads[0]!).toBeLessThanOrEqual(4 * 1024 + 39)
  expect(heads[2]! - heads[0]!).toBeLessThan(1024)
})
