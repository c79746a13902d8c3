/**
 * The reference of the access loop: translation caches, a four-level walk and demand faults, and nothing else. The machine's
 * loop must count the same hits and misses.
 */
const P = 1
const D = 8

export interface Sim {
  /** Hits in L1, hits in L2, walks, faults, pages made dirty. */
  readonly counts: number[]
  run(trace: Int32Array, n: number): void
}

/** `trace[i]` is a page number times 2, plus 1 for a store. */
export function sim(): Sim {
  const pages = new Map<number, number>()
  const l1 = { tag: new Int32Array(64).fill(-1), dirty: new Uint8Array(64), rr: new Uint8Array(16) }
  const l2 = { tag: new Int32Array(1536).fill(-1), dirty: new Uint8Array(1536), rr: new Uint8Array(128) }
  const counts = [0, 0, 0, 0, 0]
  const set_dirty = (vpn: number): number => {
    const page = pages.get(vpn)!
    if ((page & D) === 0) {
      counts[4]!++
      pages.set(vpn, page | D)
    }
    return D
  }
  const insert_l1 = (vpn: number, dirty: number): void => {
    const set = vpn & 15
    const i = set * 4 + l1.rr[set]!
    l1.rr[set] = (l1.rr[set]! + 1) & 3
    l1.tag[i] = vpn
    l1.dirty[i] = dirty
  }
  const walk = (vpn: number, write: number): void => {
    counts[2]!++
    if (!pages.has(vpn)) {
      counts[3]!++
      pages.set(vpn, P)
    }
    const dirty = write !== 0 ? set_dirty(vpn) : pages.get(vpn)! & D
    const set = vpn & 127
    const i = set * 12 + l2.rr[set]!
    l2.rr[set] = l2.rr[set] === 11 ? 0 : l2.rr[set]! + 1
    l2.tag[i] = vpn
    l2.dirty[i] = dirty
    insert_l1(vpn, dirty)
  }
  const find = (tags: Int32Array, from: number, n: number, vpn: number): number => {
    for (let i = from; i < from + n; i++) if (tags[i] === vpn) return i
    return -1
  }
  const access = (vpn: number, write: number): void => {
    const i = find(l1.tag, (vpn & 15) * 4, 4, vpn)
    if (i >= 0) {
      counts[0]!++
      if (write !== 0 && l1.dirty[i] === 0) l1.dirty[i] = set_dirty(vpn)
      return
    }
    const j = find(l2.tag, (vpn & 127) * 12, 12, vpn)
    if (j < 0) return walk(vpn, write)
    counts[1]!++
    if (write !== 0 && l2.dirty[j] === 0) l2.dirty[j] = set_dirty(vpn)
    insert_l1(vpn, l2.dirty[j]!)
  }
  return {
    counts,
    run(trace, n) {
      for (let i = 0; i < n; i++) access(trace[i]! >> 1, trace[i]! & 1)
    },
  }
}

/** Traces over `pages` pages: sequential by 64 B, by page, random, and Zipf 0.99; three stores in ten. */
export function make_trace(kind: 'seq64' | 'seqpage' | 'rand' | 'zipf', n: number, pages: number): Int32Array {
  let x = 0x9e3779b9 | 0
  const r = (): number => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x >>> 0
  }
  const page = kind === 'zipf' ? zipf(pages, r) : (i: number) => other(kind, i, pages, r)
  const trace = new Int32Array(n)
  for (let i = 0; i < n; i++) trace[i] = (page(i) << 1) | (r() % 10 < 3 ? 1 : 0)
  return trace
}
function other(kind: string, i: number, pages: number, r: () => number): number {
  return kind === 'rand' ? r() % pages : (kind === 'seq64' ? i >> 6 : i) % pages
}
function zipf(pages: number, r: () => number): (i: number) => number {
  const cdf = new Float64Array(pages)
  let sum = 0
  for (let i = 0; i < pages; i++) cdf[i] = sum += 1 / Math.pow(i + 1, 0.99)
  const perm = Int32Array.from({ length: pages }, (_, i) => i)
  for (let i = pages - 1; i > 0; i--) {
    const j = r() % (i + 1)
    const t = perm[i]!
    perm[i] = perm[j]!
    perm[j] = t
  }
  return () => {
    const u = (r() / 2 ** 32) * sum
    let lo = 0
    let hi = pages - 1
    while (lo < hi) {
      const m = (lo + hi) >> 1
      if (cdf[m]! < u) lo = m + 1
      else hi = m
    }
    return perm[lo]!
  }
}
