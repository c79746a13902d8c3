/**
 * Advice and rights on parts of huge pages, and reclaim of whole ones: the counts of a measured machine (6.1, rotating swap
 * device), where each of these steps was tried alone.
 */
import { describe, expect, it } from 'vitest'
import { lab, total } from '../support/lab'

const MACHINE = 'machine: { ram: 1GiB, thp: always, swap: [ { size: 256MiB, device: virtio } ] }\nsteps:\n'
const KHUGEPAGED = '/sys/kernel/mm/transparent_hugepage/khugepaged'
/** An area of huge pages that are all written. */
const HUGE =
  '  - mmap: { as: p, length: 16MiB, align: 2MiB }\n' + '  - touch: { area: p, access: write, length: 16MiB }\n'
const steps = (...list: string[]) => list.map((step) => `  - { label: s, ${step} }\n`).join('')
/** What one step changed, after `before`. */
function counts(step: string, names: readonly string[], before = ''): Record<string, number> {
  const result = lab(MACHINE + HUGE + before + steps(step), true)
  return Object.fromEntries(names.map((name) => [name, total(result, name, 's')]))
}
const SPLITS = ['thp_split_page', 'thp_split_pmd', 'thp_deferred_split_page']

describe('MADV_PAGEOUT', () => {
  it('of a huge page finds no run of slots on a rotating disk, splits the page and writes all of it', () => {
    const names = [...SPLITS, 'thp_swpout_fallback', 'thp_swpout', 'pswpout']
    expect(counts('madvise: { area: p, length: 2MiB, advice: pageout }', names)).toEqual({
      thp_split_page: 1,
      thp_split_pmd: 1,
      thp_deferred_split_page: 1,
      thp_swpout_fallback: 1,
      thp_swpout: 0,
      pswpout: 512,
    })
  })
  it('of a part splits the page and writes that part alone', () => {
    const names = [...SPLITS, 'thp_swpout_fallback', 'pswpout']
    expect(counts('madvise: { area: p, length: 4KiB, advice: pageout }', names)).toEqual({
      thp_split_page: 1,
      thp_split_pmd: 1,
      thp_deferred_split_page: 1,
      thp_swpout_fallback: 0,
      pswpout: 1,
    })
  })
  it('of a huge page that MADV_FREE gave up unmaps it and frees it whole', () => {
    const before = steps('madvise: { area: p, length: 2MiB, advice: free }')
    expect(counts('madvise: { area: p, length: 2MiB, advice: pageout }', [...SPLITS, 'pswpout'], before)).toEqual({
      thp_split_page: 0,
      thp_split_pmd: 1,
      thp_deferred_split_page: 1,
      pswpout: 0,
    })
  })
  it('keeps such a page that was written since', () => {
    const result = lab(
      `${MACHINE + HUGE}  - madvise: { area: p, length: 2MiB, advice: free }\n  - touch: { area: p, access: write, length: 4KiB }\n` +
        '  - madvise: { area: p, length: 2MiB, advice: pageout }\n' +
        steps('touch: { area: p, access: read, length: 2MiB }'),
      true,
    )
    expect(result.lines.at(-1)!.minflt).toBe(0)
  })
})

describe('MADV_FREE', () => {
  it('of a part splits the page and gives up that part alone', () => {
    const result = lab(
      MACHINE + HUGE + steps('madvise: { area: p, length: 64KiB, advice: free }', 'compact: {}', 'compact: {}'),
      true,
    )
    expect([...SPLITS, 'pglazyfree'].map((name) => total(result, name, 's'))).toEqual([1, 1, 1, 16])
  })
})

describe('mprotect', () => {
  it('leaves a huge page that becomes writable again to the fault of the next write', () => {
    const both = steps('mprotect: { area: p, length: 2MiB, prot: r }', 'mprotect: { area: p, length: 2MiB, prot: rw }')
    const result = lab(MACHINE + HUGE + both + steps('touch: { area: p, access: write, length: 2MiB }'), true)
    expect(result.lines.at(-1)!.minflt).toBe(1)
    expect(total(result, 'thp_split_pmd')).toBe(0)
  })
})

describe('khugepaged', () => {
  it('takes a huge page that lost an entry for one that small entries map, and makes it whole', () => {
    const r = lab(
      `${MACHINE}  - writeFile: { path: ${KHUGEPAGED}/max_ptes_none, text: '0' }\n${HUGE}` +
        '  - madvise: { area: p, length: 4KiB, advice: dontneed }\n' +
        steps('madvise: { area: p, length: 2MiB, advice: collapse }'),
      true,
    )
    expect(r.lines.at(-1)!.result).toBe('ok')
    expect(total(r, 'thp_collapse_alloc', 's')).toBe(1)
  })
  it('leaves to MADV_COLLAPSE nothing that is all in swap', () => {
    const before = '  - madvise: { area: p, length: 2MiB, advice: pageout }\n'
    const r = lab(MACHINE + HUGE + before + steps('madvise: { area: p, length: 2MiB, advice: collapse }'), true)
    expect(r.lines.at(-1)!.result).toBe('EINVAL')
  })
  it('walks as many pages a round, and sleeps as long, as its knobs say', () => {
    const r = lab(
      'machine: { ram: 1GiB, thp: madvise }\nsteps:\n' +
        `  - writeFile: { path: ${KHUGEPAGED}/scan_sleep_millisecs, text: '200' }\n` +
        `  - writeFile: { path: ${KHUGEPAGED}/pages_to_scan, text: '512' }\n${HUGE}` +
        '  - madvise: { area: p, advice: hugepage }\n' +
        steps('sleep: { for: 900ms }', `readFile: { path: ${KHUGEPAGED}/full_scans }`, 'sleep: { for: 1200ms }') +
        steps(`readFile: { path: ${KHUGEPAGED}/full_scans }`),
    )
    const lines = r.lines.filter((line) => line.label === 's')
    // A round at once, then five times a second: 2 MiB each.
    const huge = (line: (typeof lines)[number]) => (line.meminfo as Record<string, number>)['AnonHugePages']! / 2048
    expect([huge(lines[0]!), huge(lines[2]!)]).toEqual([5, 8])
    expect([lines[1]!.text, lines[3]!.text]).toEqual(['0\n', '1\n'])
  })
  it('comes when huge pages are switched on, as a thread of its own, and finds what was written before', () => {
    const r = lab(
      'machine: { ram: 640MiB, thp: never }\nsteps:\n' +
        '  - mmap: { as: p, length: 4MiB, align: 2MiB }\n  - touch: { area: p, access: write }\n' +
        '  - { label: on, writeFile: { path: /sys/kernel/mm/transparent_hugepage/enabled, text: always } }\n' +
        '  - { label: again, writeFile: { path: /sys/kernel/mm/transparent_hugepage/enabled, text: madvise } }\n' +
        '  - madvise: { area: p, advice: hugepage }\n  - sleep: 1s\n' +
        `  - { label: s, readFile: { path: ${KHUGEPAGED}/pages_collapsed } }\n`,
    )
    const of = (label: string) => r.lines.find((line) => line.label === label)!
    // A stack of 16 KiB; the second time it is there.
    expect([total(r, 'nr_kernel_stack', 'on'), total(r, 'nr_kernel_stack', 'again')]).toEqual([16, 0])
    expect([of('s').text, of('s').meminfo['AnonHugePages']]).toEqual(['2\n', 4096])
  })
  it('counts for each huge page in its way why it left it', () => {
    const r = lab(
      'machine: { ram: 1GiB, thp: madvise }\nsteps:\n' +
        `  - writeFile: { path: ${KHUGEPAGED}/scan_sleep_millisecs, text: '1000' }\n` +
        `  - writeFile: { path: ${KHUGEPAGED}/max_ptes_none, text: '64' }\n` +
        '  - mmap: { as: q, length: 4MiB, align: 2MiB }\n' +
        '  - touch: { area: q, access: write, length: 1792KiB }\n' +
        '  - touch: { area: q, access: write, from: 2MiB, length: 1788KiB }\n' +
        steps('madvise: { area: q, advice: hugepage }', 'sleep: { for: 500ms }'),
    )
    expect([total(r, 'thp_collapse_alloc', 's'), total(r, 'thp_scan_exceed_none_pte', 's')]).toEqual([1, 1])
  })
})

describe('a page that small entries map of a huge page', () => {
  it('is the whole page’s: pageout without swap splits it, and what nobody maps goes', () => {
    const r = lab(
      'machine: { ram: 1GiB, thp: always }\nsteps:\n' +
        `  - writeFile: { path: ${KHUGEPAGED}/max_ptes_none, text: '0' }\n${HUGE}` +
        '  - madvise: { area: p, from: 4KiB, length: 2044KiB, advice: dontneed }\n' +
        steps('madvise: { area: p, length: 2MiB, advice: pageout }'),
      true,
    )
    expect([total(r, 'thp_split_page', 's'), total(r, 'thp_swpout_fallback', 's')]).toEqual([1, 0])
    expect(total(r, 'pgfree', 's')).toBeGreaterThanOrEqual(511)
  })
})
