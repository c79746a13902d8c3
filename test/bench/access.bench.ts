/**
 * The machine's access loop with its full accounting, on the four traces of the C reference, and minor faults. Prints one
 * JSON line each: millions a second (or ns a fault) of CPU time, and a hash of what the translation caches counted.
 */
import assert from 'node:assert/strict'
import { M } from '../../src-shared/counters'
import type { Kernel } from '../../src-main/kernel/kernel'
import { access_list, access_range } from '../../src-main/kernel/entry/access'
import * as sys from '../../src-main/kernel/entry/syscall'
import * as u from '../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../support/bare'
import { make_trace } from '../support/sim'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const N = Number(process.env['BENCH_OPS'] ?? 500_000)
const PAGES = Number(process.env['BENCH_PAGES'] ?? 16384)

/** FNV-1a over the counters of the translation caches. */
function hash(k: Kernel): string {
  let h = 0x811c9dc5
  for (const i of [M.tlb_access, M.tlb_l1_hit, M.tlb_l2_hit, M.tlb_miss, M.walk_cycles])
    h = Math.imul(h ^ (k.machine[i]! | 0), 0x01000193)
  return (h >>> 0).toString(16)
}
function cpu_seconds(work: () => void): number {
  const from = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 1e6
}

function accesses(kind: 'seq64' | 'seqpage' | 'rand' | 'zipf'): void {
  const k = bare_machine({ ram: Math.max(256, PAGES / 128) * MiB })
  const p = sys.sys_mmap(k, 0, PAGES * 4096, RW, ANON)
  const trace = make_trace(kind, N, PAGES)
  access_list(k, p, trace, N)
  const seconds = cpu_seconds(() => assert.equal(access_list(k, p, trace, N), N))
  console.log(JSON.stringify({ kind, per_second_M: +(N / seconds / 1e6).toFixed(2), hash: hash(k) }))
}

function minor_faults(): void {
  const k = bare_machine({ ram: Math.max(256, PAGES / 128) * MiB })
  const p = sys.sys_mmap(k, 0, PAGES * 4096, RW, ANON)
  const fault = cpu_seconds(() => void access_range(k, p, PAGES, 4096, true))
  const zap = cpu_seconds(() => void sys.sys_munmap(k, p, PAGES * 4096))
  const ns = (seconds: number): number => Math.round((seconds * 1e9) / PAGES)
  console.log(JSON.stringify({ kind: 'fault', fault_ns: ns(fault), unmap_ns: ns(zap), hash: hash(k) }))
}

for (const kind of ['seq64', 'seqpage', 'rand', 'zipf'] as const) accesses(kind)
minor_faults()
