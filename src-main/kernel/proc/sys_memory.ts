/**
 * /sys/devices/system/memory: RAM in blocks of 128 MiB, as memory hotplug sees it, and their links below the node.
 *
 * Linux: drivers/base/memory.c (memory_block_size_bytes, early_node_zone_for_memory_block), drivers/base/node.c
 * (register_mem_block_under_node_early). Simplified: no block goes offline.
 */
import type { Kernel } from '../kernel'
import { present_sections, memory_map, SECTION_PAGES } from '../e820'
import { MAX_NR_ZONES } from '../constants'
import { EACCES, EBUSY, EINVAL, EPERM } from '../uapi'
import { ZONE_NAMES } from './zones'
import { file, folder, link, type Node } from './tree'

/** Blocks and links by their paths below /sys. */
export function memory_blocks(k: Kernel): Record<string, () => Node> {
  const nodes: Record<string, () => Node> = {}
  for (const section of present_sections(memory_map(k.config))) {
    nodes[`devices/system/memory/memory${section}`] = () => memory_block(k, section)
    nodes[`devices/system/node/node0/memory${section}`] = () => link(`../../memory/memory${section}`)
  }
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    nodes[`devices/system/node/node0/cpu${cpu}`] = () => link(`../../cpu/cpu${cpu}`)
    nodes[`devices/system/cpu/cpu${cpu}/node0`] = () => link('../../node/node0')
  }
  return nodes
}

function memory_block(k: Kernel, section: number): Node {
  const text = (value: string): Node => file(() => value, { refusal: EACCES })
  const switchable = (value: string, words: RegExp): Node =>
    file(() => value, { write: (word) => (words.test(word.replace(/\n$/, '')) ? -EBUSY : -EINVAL) })
  return folder(
    {
      node0: link('../../node/node0'),
      online: switchable('1\n', /^[01]$/),
      phys_device: text('0\n'),
      phys_index: text(`${section.toString(16).padStart(8, '0')}\n`),
      removable: text('1\n'),
      state: switchable('online\n', /^(offline|online(_kernel|_movable)?)$/),
      valid_zones: text(`${zone_of_block(k, section)}\n`),
    },
    { mode: 0o755, refusal: EPERM },
  )
}

/** The zone of a block that lies in one alone. */
function zone_of_block(k: Kernel, section: number): string {
  const start = section * SECTION_PAGES
  const zones: number[] = []
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    const first = k.zone.start_pfn[zone + 1]!
    const end = first + k.zone.spanned_pages[zone + 1]!
    if (k.zone.spanned_pages[zone + 1]! > 0 && first < start + SECTION_PAGES && start < end) zones.push(zone)
  }
  return zones.length === 1 ? ZONE_NAMES[zones[0]!]! : 'none'
}
