/** The cgroups of a machine as their processes tell them, with the sums of their members. */
import { cgroupOf, type ProcessTable } from './processTable'

export interface Cgroup {
  readonly path: string
  readonly processes: number
  readonly rssKB: number
  readonly swapKB: number
}

export function cgroups(t: ProcessTable): Cgroup[] {
  const found = new Map<string, { processes: number; rssKB: number; swapKB: number }>()
  for (let i = 0; i < t.length; i++) {
    const path = cgroupOf(t, i) || '/'
    const group = found.get(path) ?? { processes: 0, rssKB: 0, swapKB: 0 }
    group.processes++
    group.rssKB += t.get(i, 'VmRSS')
    group.swapKB += t.get(i, 'VmSwap')
    found.set(path, group)
  }
  return [...found].map(([path, group]) => ({ path, ...group })).sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The directory of a cgroup below /sys/fs/cgroup. */
export const cgroupDir = (path: string): string => `/sys/fs/cgroup${path === '/' ? '' : path}`
