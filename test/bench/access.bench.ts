/** The machine's access loop with its full accounting: M accesses/s, and a hash of what it counted. */
import { bench, describe } from 'vitest'
import { M } from '../../src-shared/counters'
import type { Kernel } from '../../src-main/kernel/kernel'
import { access_list, access_range } from '../../src-main/kernel/entry/access'
import * as sys from '../../src-main/kernel/entry/syscall'
import * as u from '../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../support/bare'
import { make_trace } from '../support/sim'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const N = 1 << 20
const PAGES = 1 << 16

/** FNV-1a over the counters of the translation caches. */
function hash(k: Kernel): string {
  let h = 0x811c9dc5
  for (const i of [M.tlb_access, M.tlb_l1_hit, M.tlb_l2_hit, M.tlb_miss, M.walk_cycles])
    h = Math.imul(h ^ (k.machine[i]! | 0), 0x01000193)
  return (h >>> 0).toString(16)
}

describe(`access loop, ${N} accesses over ${PAGES / 256} MiB`, () => {
  for (const kind of ['seq64', 'seqpage', 'rand', 'zipf'] as const) {
    const k = bare_machine({ ram: 512 * MiB })
    const p = sys.sys_mmap(k, 0, PAGES * 4096, RW, ANON)
    const trace = make_trace(kind, N, PAGES)
    access_list(k, p, trace, N)
    console.log(`${kind} ${hash(k)}`)
    bench(kind, () => void access_list(k, p, trace, N))
  }
})

describe('minor faults, 16 MiB', () => {
  const k = bare_machine({ ram: 512 * MiB })
  const p = sys.sys_mmap(k, 0, 16 * MiB, RW, ANON)
  bench('first touch and MADV_DONTNEED of 4096 pages', () => {
    access_range(k, p, 4096, 4096, true)
    sys.sys_madvise(k, p, 16 * MiB, u.MADV_DONTNEED)
  })
})
