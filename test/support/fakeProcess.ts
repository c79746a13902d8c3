/** A process of the fake machine from inside: a heap, and the faults that filled it. */
import type { WatchProcess } from '@shared/protocol'

export const FAKE_HEAP = 0x55d0_c4b2_8000

export function fakeProcess(ms: number, pid: number): WatchProcess {
  return {
    kind: 'process',
    ms,
    pid,
    gone: false,
    status: `Name:\tleakd\nPid:\t${pid}\n`,
    areas: [
      {
        start: FAKE_HEAP,
        end: FAKE_HEAP + (1 << 20),
        perms: 'rw-p',
        offset: 0,
        device: '00:00',
        inode: 0,
        name: '[heap]',
        flags: ['rd', 'wr'],
        figures: { Size: 1024, Rss: 512, Pss: 512, Swap: 4 },
      },
    ],
    walk: null,
    faults: [
      { ms: ms - 2, address: FAKE_HEAP + 0x3000, what: 'swap-in', major: true, us: 112.4, pfn: 0x4002 },
      { ms: ms - 4, address: FAKE_HEAP + 0x2000, what: 'zeroed page', major: false, us: 0.81, pfn: 0x4001 },
    ],
  }
}
