/** /sys/module/zswap/parameters and the figures below /sys/kernel/debug/zswap (mm/zswap.c). */
import type { Kernel } from '../kernel'
import { EINVAL, ENOENT } from '../uapi'
import { zswap, zswap_param, zswap_unused, ZSWAP_DEFAULTS, type Zswap } from '../mm/zswap'
import { number_file, type Attribute, type Tree } from './sys_hugepages'

const PARAMETERS = 'module/zswap/parameters'
const COMPRESSORS = ['lzo', 'lzo-rle', 'lz4', 'lz4hc', 'zstd', 'deflate', '842']
const FIGURES = [
  'duplicate_entry',
  'pool_limit_hit',
  'reject_alloc_fail',
  'reject_compress_poor',
  'reject_kmemcache_fail',
  'reject_reclaim_fail',
  'same_filled_pages',
  'stored_pages',
  'written_back_pages',
] as const

export function zswap_attributes(map: Tree): void {
  for (const name of ['accept_threshold_percent', 'max_pool_percent'] as const)
    map.set(
      `${PARAMETERS}/${name}`,
      number_file(
        (k) => zswap_param(k, name),
        (k, value) => keep(k, name, value),
      ),
    )
  for (const name of ['enabled', 'same_filled_pages_enabled', 'non_same_filled_pages_enabled'] as const)
    map.set(`${PARAMETERS}/${name}`, bool_file(name))
  map.set(`${PARAMETERS}/compressor`, name_file('zswap.compressor', COMPRESSORS))
  map.set(`${PARAMETERS}/zpool`, name_file('zswap.zpool', ['zbud']))
  const figure = (get: (s: Zswap) => number): Attribute => number_file((k) => (zswap_unused(k) ? 0 : get(zswap(k))))
  for (const name of FIGURES)
    map.set(
      `kernel/debug/zswap/${name}`,
      figure((s) => s[name]),
    )
  map.set(
    'kernel/debug/zswap/pool_total_size',
    figure((s) => s.pool_pages * 4096),
  )
}

function keep(k: Kernel, name: keyof typeof ZSWAP_DEFAULTS, value: number): number {
  k.var.sysctl[`zswap.${name}`] = value
  return 0
}

/** A module parameter of type bool: Y or N. */
function bool_file(name: keyof typeof ZSWAP_DEFAULTS): Attribute {
  return {
    read: (k) => (zswap_param(k, name) !== 0 ? 'Y\n' : 'N\n'),
    write(k, text) {
      const word = text.trim()
      if (/^([yY1]|[oO][nN])/.test(word)) return keep(k, name, 1)
      return /^([nN0]|[oO][fF])/.test(word) ? keep(k, name, 0) : -EINVAL
    },
  }
}

/** One of the names known; the first is the default. */
function name_file(key: string, names: readonly string[]): Attribute {
  return {
    read: (k) => `${names[k.var.sysctl[key] ?? 0]}\n`,
    write(k, text) {
      const at = names.indexOf(text.trim())
      if (at < 0) return -ENOENT
      k.var.sysctl[key] = at
      return 0
    },
  }
}
