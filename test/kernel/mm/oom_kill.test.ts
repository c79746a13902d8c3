import { describe, expect, it } from 'vitest'
import { oom_badness } from '../../../src-main/kernel/mm/oom_kill'
import { gfp_text } from '../../../src-main/kernel/mm/oom_report'
import { sync_mm_rss } from '../../../src-main/kernel/mm/rss_stat'
import { sys_mmap } from '../../../src-main/kernel/entry/syscall'
import { access_range } from '../../../src-main/kernel/entry/access'
import { bare_machine } from '../../support/bare'
import { kills, lab } from '../../support/lab'

const hold = (name: string, mib: number, adj: number) =>
  `  - spawn: { as: ${name}, oomScoreAdj: ${adj}, steps: [ { mmap: { as: a, length: ${mib}MiB, flags: [private, anonymous] } }, { touch: { area: a, access: write } }, { pause: {} } ] }\n`
const grow = (adj: number, upTo = 1000) =>
  `  - sleep: { for: 2s }\n  - spawn: { as: hog, oomScoreAdj: ${adj}, steps: [ { grow: { as: b, step: 4MiB, upTo: ${upTo}MiB } } ] }\n  - sleep: { for: 5s }\n`
const machine = (swap = '', sysctl = '') =>
  `machine: { ram: 256MiB, swap: [${swap}], thp: never }\n${sysctl}steps:\n  - setOomScoreAdj: { value: -1000 }\n`
const four = hold('small', 30, 0) + hold('likely', 20, 500) + hold('unlikely', 60, -500) + hold('exempt', 20, -1000)

describe('the points of a task', () => {
  it('count resident pages, page tables, and the adjustment in thousandths rounded down first', () => {
    const k = bare_machine()
    k.task.pid[k.var.current] = 2 // pid 1 is exempt
    const t = k.var.current
    const at = (adj: number): number => {
      k.task.oom_score_adj[t] = adj
      return oom_badness(k, t, 52_687)
    }
    sync_mm_rss(k, k.task.mm[t]!)
    const before = at(0)
    // A page and the three tables above it, in an empty slot of the PGD.
    const page = sys_mmap(k, 0x10_0000_0000_00, 4096, 3, 0x32)
    access_range(k, page, 1, 4096, true)
    // The page itself is known only to the task until it has had 64 faults.
    expect(at(0) - before).toBe(3)
    sync_mm_rss(k, k.task.mm[t]!)
    expect(at(0) - before).toBe(4)
    expect([at(1000) - at(0), at(333) - at(0), at(-999) - at(0)]).toEqual([52_000, 333 * 52, -999 * 52])
    expect(at(-1000)).toBe(-Infinity)
  })
})

describe('the OOM killer', () => {
  it('prefers a small task with a high score adjustment, then the task that grows', () => {
    const r = lab(machine() + four + grow(0))
    expect(kills(r)).toEqual(['likely', 'hog'])
  })

  it('counts swapped pages: with swap the hog is the largest', () => {
    const r = lab(machine('{ size: 256MiB, device: nvme }') + four + grow(0, 2000))
    expect(kills(r)).toEqual(['hog'])
  })

  it('kills the allocating task when told so', () => {
    const r = lab(machine('', 'sysctl: { vm.oom_kill_allocating_task: 1 }\n') + four + grow(0))
    expect(kills(r)).toEqual(['hog'])
  })

  it('panics when nobody may be killed', () => {
    const r = lab(machine() + four + grow(-1000))
    expect(kills(r)).toEqual(['likely', 'small', 'unlikely'])
    expect(r.panic).toBe('System is deadlocked on memory')
  })

  it('panics at once with panic_on_oom', () => {
    const r = lab(machine('', 'sysctl: { vm.panic_on_oom: 1 }\n') + four + grow(0))
    expect(kills(r)).toEqual([])
    expect(r.panic).toMatch(/panic_on_oom is enabled/)
  })

  it('takes the later of two equal tasks', () => {
    const equal = hold('first', 40, 300) + hold('second', 40, 300)
    const r = lab(machine() + equal + grow(-1000, 160))
    expect(kills(r)[0]).toBe('second')
  })

  it('writes the report of Linux 6.1', () => {
    const r = lab(`${machine()}${four}${grow(0)}  - { label: log, readFile: { path: /proc/kmsg } }\n`)
    const log = r.lines
      .at(-1)!
      .text!.split('\n')
      .map((line) => line.replace(/^<\d+>\[ *[\d.]+\] /, ''))
    const has = (pattern: RegExp) =>
      expect(
        log.some((line) => pattern.test(line)),
        String(pattern),
      ).toBe(true)
    has(
      /^hog invoked oom-killer: gfp_mask=0x140dca\(GFP_HIGHUSER_MOVABLE\|__GFP_COMP\|__GFP_ZERO\), order=0, oom_score_adj=0$/,
    )
    has(/^CPU: 0 PID: \d+ Comm: hog Not tainted 6\.1\.0-\S+ #1 {2}Debian 6\.1\.\S+$/)
    has(/^active_anon:\d+ inactive_anon:\d+ isolated_anon:0$/)
    has(/^Node 0 DMA32 free:\d+kB boost:\d+kB min:\d+kB low:\d+kB high:\d+kB reserved_highatomic:0KB /)
    has(/^lowmem_reserve\[\]: 0 181 181 181 181$/)
    has(/^\[ {2}pid {2}\] {3}uid {2}tgid total_vm {6}rss pgtables_bytes swapents oom_score_adj name$/)
    has(/^\[ +\d+\] +0 +\d+ +\d+ +\d+ +\d+ +0 +-500 unlikely$/)
    has(
      /^oom-kill:constraint=CONSTRAINT_NONE,nodemask=\(null\),cpuset=\/,mems_allowed=0,global_oom,task_memcg=\/,task=likely,pid=\d+,uid=0$/,
    )
    has(
      /^Out of memory: Killed process \d+ \(likely\) total-vm:\d+kB, anon-rss:\d+kB, file-rss:\d+kB, shmem-rss:\d+kB, UID:0 pgtables:\d+kB oom_score_adj:500$/,
    )
  })

  it('names allocation flags', () => {
    expect(gfp_text(0xcc0)).toBe('0xcc0(GFP_KERNEL)')
    expect(gfp_text(0x400dc0)).toBe('0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)')
    expect(gfp_text(0x1100cca)).toBe('0x1100cca(GFP_HIGHUSER_MOVABLE|0x1000000)')
  })
})

describe('a leak', () => {
  it('passes the low watermark, wakes kswapd, eats the cache, fills the swap, stalls and is killed', () => {
    const r = lab(
      `machine: { ram: 128MiB, swap: [{ size: 64MiB, device: ssd }], thp: never }
steps:
  - setOomScoreAdj: { value: -1000 }
  - createFile: { as: f, size: 24MiB, fs: ext4 }
  - read: { file: f }
  - { label: leak, spawn: { as: leak, oomScoreAdj: 0, steps: [ { grow: { as: a, step: 2MiB, upTo: 400MiB } } ] } }
  - { label: wait, sleep: { for: 20s } }
`,
    )
    const sum = r.lines.find((line) => line.label === 'wait')!.vmstat as Record<string, number>
    expect(kills(r)).toEqual(['leak'])
    expect(sum['pgsteal_file']).toBeGreaterThan(4000)
    expect(sum['pswpout']).toBeGreaterThan(12_000)
    expect(sum['allocstall_movable']).toBeGreaterThan(0)
    expect(sum['oom_kill']).toBe(1)
  })
})
