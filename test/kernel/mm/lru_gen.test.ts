/** The multi-gen LRU through system calls: what stays and what goes, the switch under load, the numbers it shows. */
import { describe, expect, test } from 'vitest'
import { lab, total } from '../../support/lab'

const ON = '- writeFile: { path: /sys/kernel/mm/lru_gen/enabled, text: "y\\n" }'
const OFF = '- writeFile: { path: /sys/kernel/mm/lru_gen/enabled, text: "n\\n" }'
const MACHINE = 'machine: { ram: 128MiB, swap: [{ size: 256MiB, device: ssd }] }'
const shows = '- { label: enabled, readFile: { path: /sys/kernel/mm/lru_gen/enabled } }'

function program(steps: string): string {
  return `${MACHINE}\nsteps:\n${steps
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `  ${line.trim()}`)
    .join('\n')}\n`
}
function texts(yaml: string, label: string): string[] {
  return lab(program(yaml), true)
    .lines.filter((line) => line.label === label)
    .map((line) => line.text!)
}

describe('the switch', () => {
  test('is off at boot, takes y, n and numbers, and nothing else', () => {
    const steps = ['y', 'n', '5', '0x0003', '7', '0']
    const write = (text: string): string =>
      `- writeFile: { path: /sys/kernel/mm/lru_gen/enabled, text: "${text}\\n" }\n${shows}\n`
    expect(texts(shows + '\n' + steps.map(write).join(''), 'enabled')).toEqual(
      ['0x0000', '0x0007', '0x0000', '0x0005', '0x0003', '0x0007', '0x0000'].map((text) => `${text}\n`),
    )
    const bad = lab(program('- writeFile: { path: /sys/kernel/mm/lru_gen/enabled, text: "maybe\\n" }\n' + shows))
    expect(bad.lines.map((line) => line.result)).toEqual(['EINVAL', 'ok'])
    expect(bad.lines[1]!.text).toBe('0x0000\n')
  })

  test('min_ttl_ms is kept in jiffies', () => {
    const path = '/sys/kernel/mm/lru_gen/min_ttl_ms'
    const r = texts(
      `- writeFile: { path: ${path}, text: "1001\\n" }\n- { label: ttl, readFile: { path: ${path} } }`,
      'ttl',
    )
    expect(r).toEqual(['1004\n'])
  })

  test('moves every page between the lists, both ways, and keeps what was active', () => {
    const r = lab(
      program(`
        - createFile: { as: f, size: 8MiB, fs: ext4 }
        - { label: once, read: { file: f } }
        - { label: twice, read: { file: f } }
        - mmap: { as: p, length: 16MiB, flags: [private, anonymous] }
        - { label: written, touch: { area: p, access: write } }
        ${ON}
        - { label: "on", munlockall: {} }
        ${OFF}
        - { label: "off", munlockall: {} }
      `),
      true,
    )
    const at = (label: string): Record<string, number> =>
      r.lines.find((line) => line.label === label)!.meminfo as Record<string, number>
    const kB = (label: string, kind: string): number => at(label)[`Active(${kind})`]! + at(label)[`Inactive(${kind})`]!
    for (const label of ['on', 'off'])
      for (const kind of ['anon', 'file']) expect(kB(label, kind), `${label} ${kind}`).toBe(kB('written', kind))
    // Anonymous pages were inactive; they become second youngest, which counts as active, and stay so.
    expect(at('written')['Inactive(anon)']).toBeGreaterThan(16000)
    expect(at('on')['Inactive(anon)']).toBe(0)
    expect(at('off')['Active(anon)']).toBe(at('on')['Active(anon)'])
    // Of the file, what was read twice is active before, on and after.
    expect(at('written')['Active(file)']).toBeGreaterThan(8000)
    expect(at('on')['Active(file)']).toBe(at('written')['Active(file)'])
    expect(at('off')['Active(file)']).toBe(at('written')['Active(file)'])
  })

  test('may be thrown under pressure, at any time', () => {
    const toggled = (from: number): string =>
      Array.from({ length: 6 }, (_, i) => {
        const at = from + i * 18
        return `- touch: { area: p, access: write, from: ${at}MiB, length: 18MiB }\n${i % 2 === 0 ? ON : OFF}`
      }).join('\n')
    const r = lab(
      program(`
        - createFile: { as: f, size: 32MiB, fs: ext4 }
        - mmap: { as: p, length: 108MiB, flags: [private, anonymous, noreserve] }
        ${toggled(0)}
        - read: { file: f }
        ${ON}
        - touch: { area: p, access: read, length: 40MiB }
        - read: { file: f }
        ${OFF}
        - touch: { area: p, access: read, length: 40MiB }
        - munmap: { area: p }
      `),
      true,
    )
    expect(r.failed).toBe(0)
    expect(total(r, 'pswpin')).toBeGreaterThan(5000)
  })
})

describe('what stays in memory', () => {
  /** Major faults of an area that is touched between writes of memory that does not fit, and of one that is not. */
  function hot(first: string): { hot: number; left: number } {
    const rounds = Array.from({ length: 8 }, (_, i) => {
      const cold = `- touch: { area: cold, access: write, from: ${i * 12}MiB, length: 12MiB }`
      return `${cold}\n- { label: hot, touch: { area: hot, access: read } }`
    })
    const r = lab(
      program(`
        ${first}
        - mmap: { as: hot, length: 8MiB, flags: [private, anonymous] }
        - mmap: { as: left, length: 8MiB, flags: [private, anonymous] }
        - mmap: { as: cold, length: 96MiB, flags: [private, anonymous, noreserve] }
        - touch: { area: left, access: write }
        - touch: { area: hot, access: write }
        ${rounds.join('\n')}
        - { label: left, touch: { area: left, access: read } }
      `),
    )
    const majflt = (label: string): number =>
      r.lines.filter((line) => line.label === label).reduce((sum, line) => sum + line.majflt, 0)
    return { hot: majflt('hot'), left: majflt('left') }
  }

  test('is what was used since the last look at the page tables', () => {
    const faults = hot(ON)
    // In each of eight rounds less than a tenth of what is missing of the area that nobody used.
    expect(faults.hot / 8).toBeLessThan(faults.left / 10)
    expect(faults.left).toBeGreaterThan(200)
  })

  test('without walks of page tables the reverse map finds it', () => {
    const faults = hot('- writeFile: { path: /sys/kernel/mm/lru_gen/enabled, text: "1\\n" }')
    expect(faults.hot).toBeLessThan(400)
    expect(faults.left).toBeGreaterThan(200)
  })

  test('of a file that is read often, while another is read once', () => {
    const steps = (n: number): string =>
      Array.from({ length: n }, () => '- { label: often, read: { file: often } }').join('\n')
    const big = '- read: { file: once, offset: 0, length: 80MiB }'
    const r = lab(
      program(`
        ${ON}
        - createFile: { as: often, size: 16MiB, fs: ext4 }
        - createFile: { as: once, size: 160MiB, fs: ext4 }
        ${steps(5)}
        ${big}
        - read: { file: once, offset: 80MiB, length: 80MiB }
        - { label: again, read: { file: often } }
      `),
      true,
    )
    const again = r.lines.find((line) => line.label === 'again')!.vmstat as Record<string, number>
    // 4096 pages; read from the disk in kB.
    expect(again['pgpgin'] ?? 0).toBeLessThan(16 * 1024)
    expect(total(r, 'workingset_activate_file')).toBeGreaterThan(0)
  })

  test('lazily freed memory goes first, and is kept when it is written again', () => {
    const r = lab(
      program(`
        ${ON}
        - mmap: { as: p, length: 24MiB, flags: [private, anonymous] }
        - mmap: { as: q, length: 24MiB, flags: [private, anonymous] }
        - touch: { area: p, access: write }
        - touch: { area: q, access: write }
        - madvise: { area: p, advice: free }
        - madvise: { area: q, advice: free }
        - touch: { area: q, access: write, content: 7 }
        - mmap: { as: cold, length: 110MiB, flags: [private, anonymous, noreserve] }
        - touch: { area: cold, access: write }
        - { label: freed, touch: { area: p, access: read } }
        - { label: kept, touch: { area: q, access: read } }
      `),
      true,
    )
    expect(total(r, 'pglazyfreed')).toBeGreaterThan(5000)
    // What was freed is read as zeros, without the disk; what was written is not lost.
    const line = (label: string) => r.lines.find((l) => l.label === label)!
    expect(line('freed').majflt).toBe(0)
    expect(line('kept').majflt).toBeGreaterThan(0)
  })
})

describe('a cgroup', () => {
  test('at its limit evicts from its own generations', () => {
    const r = lab(
      program(`
        ${ON}
        - cgroup: { path: /a, set: { memory.max: 24MiB } }
        - fork: { as: child }
        - cgroup: { path: /a, attach: [child] }
        - mmap: { as: mine, length: 8MiB, flags: [private, anonymous] }
        - touch: { area: mine, access: write }
        - in: { task: child, steps: [ { mmap: { as: p, length: 64MiB, flags: [private, anonymous] } } ] }
        - in: { task: child, steps: [ { touch: { area: p, access: write } } ] }
        - in: { task: child, steps: [ { touch: { area: p, access: read } } ] }
        - { label: mine, touch: { area: mine, access: read } }
        - { label: stat, readFile: { path: /sys/fs/cgroup/a/memory.stat } }
        - in: { task: child, steps: [ { exit: 0 } ] }
        - wait: { task: child }
      `),
      true,
    )
    expect(r.failed).toBe(0)
    const stat = (name: string): number =>
      Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(r.lines.find((l) => l.label === 'stat')!.text!)![1])
    expect(stat('pgsteal')).toBeGreaterThan(20_000)
    expect(stat('active_anon')).toBeGreaterThan(0)
    expect(stat('active_anon') + stat('inactive_anon')).toBeLessThanOrEqual(24 * 2 ** 20)
    expect(r.lines.find((l) => l.label === 'mine')!.majflt).toBe(0)
  })
})
