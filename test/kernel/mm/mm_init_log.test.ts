/** What the log of a boot says about memory, beside the lines of the measured machines. */
import { describe, expect, test } from 'vitest'
import { bare_machine, MiB } from '../../support/bare'

const IMAGE = '14343K kernel code, 2338K rwdata, 9132K rodata, 2824K init, 17344K bss'
const CASES = [
  {
    name: '1G',
    config: { ram: 1024 * MiB },
    lines: [
      'BIOS-e820: [mem 0x0000000000100000-0x000000003ffdffff] usable',
      'BIOS-e820: [mem 0x000000003ffe0000-0x000000003fffffff] reserved',
      'last_pfn = 0x3ffe0 max_arch_pfn = 0x400000000',
      '  DMA      [mem 0x0000000000001000-0x0000000000ffffff]',
      '  DMA32    [mem 0x0000000001000000-0x000000003ffdffff]',
      '  Normal   empty',
      'Built 1 zonelists, mobility grouping on.  Total pages: 257760',
      'Policy zone: DMA32',
      'Dentry cache hash table entries: 131072 (order: 8, 1048576 bytes, linear)',
      'Inode-cache hash table entries: 65536 (order: 7, 524288 bytes, linear)',
      `Memory: 207548K/1048056K available (${IMAGE}, 73432K reserved, 0K cma-reserved)`,
      'SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=1, Nodes=1',
      'Freeing initrd memory: 1076K',
      'Freeing unused kernel image (text/rodata gap) memory: 2040K',
    ],
  },
  {
    name: '512M',
    config: { ram: 512 * MiB },
    lines: [
      'Built 1 zonelists, mobility grouping on.  Total pages: 128736',
      `Memory: 207548K/523768K available (${IMAGE}, 64472K reserved, 0K cma-reserved)`,
      'workingset: timestamp_bits=36 max_order=17 bucket_order=0',
    ],
  },
  {
    name: '4G-smp2',
    config: { ram: 4096 * MiB, cpus: 2 },
    lines: [
      'BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable',
      '  DMA32    [mem 0x0000000001000000-0x00000000ffffffff]',
      '  Normal   [mem 0x0000000100000000-0x000000013fffffff]',
      'Initmem setup node 0 [mem 0x0000000000001000-0x000000013fffffff]',
      'Built 1 zonelists, mobility grouping on.  Total pages: 1031904',
      'Policy zone: Normal',
      'Dentry cache hash table entries: 524288 (order: 10, 4194304 bytes, linear)',
      `Memory: 3155464K/4193784K available (${IMAGE}, 193756K reserved, 0K cma-reserved)`,
      'workingset: timestamp_bits=36 max_order=20 bucket_order=0',
    ],
  },
]

describe('the log of a boot', () => {
  for (const { name, config, lines } of CASES)
    test(name, () => {
      const log = bare_machine({ shell: true, ...config }).log.map(([, text]) => text)
      expect(lines.filter((line) => !log.includes(line))).toEqual([])
    })
})
