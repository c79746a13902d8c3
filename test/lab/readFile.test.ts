/** readFile with `*` in its path, and of one page's word in pagemap, kpagecount and kpageflags. */
import { expect, test } from 'vitest'
import { parseLab } from '../../src-shared/lab'
import { runLab } from '../../src-main/lab/runner'

const run = (steps: string): string[] => {
  const loaded = parseLab(`memscope: lab/1\nmachine: { ram: 256MiB }\nsteps:\n${steps}`, 'x.yaml')
  if (!loaded.ok) throw new Error(loaded.error)
  return runLab(loaded.value, { verify: true }).lines.map((line) => line.text ?? String(line.result as string))
}

test('every matching file is printed, each line behind its path', () => {
  const [sizes, none] = run(
    `  - readFile: { path: '/sys/kernel/slab/dma-kmalloc-*k/slab_size' }\n  - readFile: { path: '/proc/nosuch*' }\n`,
  )
  expect(sizes).toBe(
    ['1', '2', '4', '8'].map((k) => `/sys/kernel/slab/dma-kmalloc-${k}k/slab_size:${1024 * Number(k)}\n`).join(''),
  )
  expect(none).toBe('ENOENT')
})

test('the words of a page that is written, and of one that is not there', () => {
  const [, , pagemap, count, flags, absent, nowhere] = run(
    [
      '  - mmap: { as: a, length: 8KiB }',
      '  - touch: { area: a, access: write, length: 4KiB }',
      '  - readFile: { path: /proc/self/pagemap, area: a }',
      '  - readFile: { path: /proc/kpagecount, area: a }',
      '  - readFile: { path: /proc/kpageflags, area: a }',
      '  - readFile: { path: /proc/self/pagemap, area: a, offset: 4KiB }',
      '  - readFile: { path: /proc/kpagecount, area: a, offset: 4KiB }',
      '',
    ].join('\n'),
  )
  expect(pagemap).toMatch(/^0x8180/)
  expect(count).toBe('0x0000000000000001\n')
  // Up to date, mapped, anonymous, swap-backed, of one process alone.
  expect(BigInt(flags!.trim()) & 0x400005808n).toBe(0x400005808n)
  expect(absent).toBe('0x0080000000000000\n')
  expect(nowhere).toBe('ENOENT')
})
