/** /sys/kernel/mm/lru_gen. Linux: mm/vmscan.c (show_enabled, store_enabled, show_min_ttl, store_min_ttl). */
import { JIFFY_NS } from '../kernel'
import { EINVAL } from '../uapi'
import { lru_gen_set_caps } from '../mm/lru_gen_state'
import type { Attribute } from './sys_hugepages'

const MS_PER_JIFFY = JIFFY_NS / 1e6

export function lru_gen_attributes(map: Map<string, Attribute>): void {
  map.set('kernel/mm/lru_gen/enabled', {
    read: (k) => `0x${k.var.lru_gen_caps.toString(16).padStart(4, '0')}\n`,
    write(k, text) {
      const caps = /^n/i.test(text) ? 0 : /^y/i.test(text) ? 0xffffffff : kstrtouint(text)
      if (caps < 0) return -EINVAL
      lru_gen_set_caps(k, caps)
      return 0
    },
  })
  // Kept in jiffies, rounded up.
  map.set('kernel/mm/lru_gen/min_ttl_ms', {
    read: (k) => `${(k.var.sysctl['lru_gen.min_ttl'] ?? 0) * MS_PER_JIFFY}\n`,
    write(k, text) {
      const ms = kstrtouint(text)
      if (ms < 0) return -EINVAL
      k.var.sysctl['lru_gen.min_ttl'] = Math.ceil(ms / MS_PER_JIFFY)
      return 0
    },
  })
}

/** An unsigned int in base 8, 10 or 16, as C writes it; -1 when it is none. */
function kstrtouint(text: string): number {
  const digits = /^\+?(0x[0-9a-f]+|\d+)\n?$/i.exec(text)?.[1]
  if (digits === undefined) return -1
  const base = /^0x/i.test(digits) ? 16 : digits.startsWith('0') ? 8 : 10
  const value = parseInt(digits, base)
  if (base === 8 && /[89]/.test(digits)) return -1
  return value < 2 ** 32 ? value : -1
}
