/** /sys/kernel/mm/ksm: the knobs and figures of page merging (mm/ksm.c, ksm_attrs). */
import type { Kernel } from '../kernel'
import { EBUSY, EINVAL } from '../uapi'
import { ksm, ksm_run, ksm_unused, type Ksm } from '../mm/ksm'
import { remove_all_stable_nodes, stable_node_chains } from '../mm/ksm_stable'
import { run_store } from '../mm/ksm_merge'
import { number_file, type Tree } from './sys_hugepages'
import { bool_write } from './text'

const UINT_MAX = 2 ** 32 - 1

export function ksm_attributes(map: Tree): void {
  const add = (name: string, get: (k: Kernel) => number, set?: (k: Kernel, value: number) => number): void => {
    map.set(`kernel/mm/ksm/${name}`, number_file(get, set))
  }
  const figure = (name: string, get: (s: Ksm, k: Kernel) => number): void =>
    add(name, (k) => (ksm_unused(k) ? 0 : get(ksm(k), k)))
  figure('full_scans', (s) => s.seqnr)
  setting(add, 'max_page_sharing', 256, 2, UINT_MAX, (k) => !ksm_unused(k) && remove_all_stable_nodes(k))
  setting(add, 'merge_across_nodes', 1, 0, 1, (k) => !ksm_unused(k) && remove_all_stable_nodes(k))
  figure('pages_shared', (s) => s.pages_shared)
  figure('pages_sharing', (s) => s.pages_sharing)
  setting(add, 'pages_to_scan', 100, 0, UINT_MAX)
  figure('pages_unshared', (s) => s.pages_unshared)
  figure('pages_volatile', (s) => Math.max(0, s.rmap_items - s.pages_shared - s.pages_sharing - s.pages_unshared))
  add('run', ksm_run, run_store)
  setting(add, 'sleep_millisecs', 20, 0, UINT_MAX)
  figure('stable_node_chains', (_s, k) => stable_node_chains(k).chains)
  setting(add, 'stable_node_chains_prune_millisecs', 2000, 0, UINT_MAX)
  figure('stable_node_dups', (_s, k) => stable_node_chains(k).dups)
  use_zero_pages(map)
}

/** kstrtobool reads it, the others are numbers. */
function use_zero_pages(map: Tree): void {
  map.set('kernel/mm/ksm/use_zero_pages', {
    read: (k) => `${k.var.sysctl['ksm.use_zero_pages'] ?? 0}\n`,
    write: (k, text) =>
      bool_write(text, (on) => {
        k.var.sysctl['ksm.use_zero_pages'] = on ? 1 : 0
      }),
  })
}

type Add = (name: string, get: (k: Kernel) => number, set?: (k: Kernel, value: number) => number) => void

/** A number between bounds; `busy` says when it may not change now. */
function setting(
  add: Add,
  name: string,
  initial: number,
  min: number,
  max: number,
  busy?: (k: Kernel) => boolean,
): void {
  const key = `ksm.${name}`
  const get = (k: Kernel): number => k.var.sysctl[key] ?? initial
  add(name, get, (k, value) => {
    if (value < min || value > max) return -EINVAL
    if (value !== get(k) && busy?.(k) === true) return -EBUSY
    k.var.sysctl[key] = value
    return 0
  })
}
