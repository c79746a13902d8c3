/**
 * Loadable modules of the Debian kernel: the drivers of disks, and ext4. A module takes its image from vmalloc, its type
 * information (BTF) from kmalloc, records of its functions for ftrace, nodes in sysfs, and files in tracefs for every
 * trace event that it defines.
 *
 * Linux: kernel/module/{main,sysfs}.c, kernel/bpf/btf.c (btf_module_notify), kernel/trace/{ftrace,trace_events}.c.
 * Simplified: no addresses. Sizes of images are those that lsmod shows on Debian 12, those of files
 * add up to what the initramfs of the measured machine holds. BTF and trace events are reckoned back from that machine's
 * /proc/slabinfo and Slab, with the modules and without; the other objects are the rest of that difference.
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, type Kernel } from '../kernel'
import { set_memory_ro } from '../mm/direct_map'
import { alloc_pages } from '../mm/page_alloc'
import { hold_each, kmalloc, type HeldObjects } from '../mm/slab_common'
import { vfree, vmalloc } from '../mm/vmalloc'

interface Module {
  /** Of its image in memory, bytes. */
  readonly size: number
  /** Of its file, KiB. */
  readonly file: number
  /** Of its BTF, KiB. */
  readonly btf: number
  /** Modules whose symbols it needs. */
  readonly needs?: readonly string[]
  /** Trace events that it defines, and the fields that these have. */
  readonly events?: number
  readonly fields?: number
  /** Caches that it creates and that are merged with none. */
  readonly caches?: number
  /** What its start makes. */
  readonly objects?: HeldObjects
}

/** A module of its own: sections, notes, parameters and sizes as files in /sys/module, and their names. */
const SYSFS: HeldObjects = { kernfs_node_cache: 45, 'kmalloc-16': 20, 'kmalloc-32': 20, 'kmalloc-2k': 1 }
/** A trace event: a folder with enable, filter, format, id and trigger, each an inode that nothing can free. */
const TRACE_EVENT: HeldObjects = { trace_event_file: 1, dentry: 6, inode_cache: 6, lsm_inode_cache: 6 }
/** A cache that is not merged with others: its folder in /sys/kernel/slab. */
const CACHE_FOLDER: HeldObjects = { kernfs_node_cache: 30, 'kmalloc-256': 1 }

/** The bridge's interrupt routing, asked from ACPI for the first PCI device that a driver takes. */
const ACPI_ROUTING: HeldObjects = { 'Acpi-Operand': 139, 'Acpi-State': 102 }

const MODULES: Readonly<Record<string, Module>> = {
  virtio_ring: { size: 45056, file: 75, btf: 6 },
  virtio: { size: 16384, file: 32, btf: 3, needs: ['virtio_ring'] },
  virtio_pci_modern_dev: { size: 16384, file: 31, btf: 2 },
  virtio_pci_legacy_dev: { size: 16384, file: 16, btf: 2 },
  virtio_pci: {
    size: 24576,
    file: 60,
    btf: 4,
    needs: ['virtio', 'virtio_ring', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev'],
    objects: ACPI_ROUTING,
  },
  virtio_blk: { size: 28672, file: 57, btf: 4, needs: ['virtio', 'virtio_ring'] },
  scsi_common: { size: 16384, file: 12, btf: 1 },
  scsi_mod: { size: 286720, file: 520, btf: 40, needs: ['scsi_common'], events: 5, fields: 48 },
  libata: { size: 401408, file: 720, btf: 48, needs: ['scsi_mod', 'scsi_common'], events: 27, fields: 82 },
  libahci: { size: 49152, file: 88, btf: 8, needs: ['libata'] },
  ahci: {
    size: 49152,
    file: 88,
    btf: 8,
    needs: ['libahci', 'libata'],
    objects: ACPI_ROUTING,
  },
  sd_mod: { size: 65536, file: 120, btf: 10, needs: ['scsi_mod'] },
  nvme_core: { size: 163840, file: 320, btf: 40, events: 4, fields: 34 },
  nvme: { size: 57344, file: 108, btf: 16, needs: ['nvme_core'], objects: ACPI_ROUTING },
  crc16: { size: 16384, file: 6, btf: 1 },
  mbcache: { size: 16384, file: 25, btf: 2 },
  crc32c_generic: { size: 16384, file: 10, btf: 1 },
  jbd2: { size: 167936, file: 357, btf: 24, events: 21, fields: 92, caches: 4, objects: { jbd2_revoke_table_s: 256 } },
  ext4: {
    size: 983040,
    file: 2016,
    btf: 200,
    needs: ['jbd2', 'crc16', 'mbcache'],
    events: 136,
    fields: 419,
    caches: 8,
  },
}
/**
 * Of what only a module's start needs, KiB: its init sections and, until the few that stay are picked, all its symbols
 * (layout_symtab), as in the files of Debian 12; a page where nothing is said.
 */
const INIT: Readonly<Record<string, number>> = {
  virtio_ring: 16,
  virtio: 8,
  virtio_pci_modern_dev: 8,
  virtio_pci_legacy_dev: 8,
  virtio_pci: 8,
  virtio_blk: 8,
  scsi_mod: 72,
  libata: 112,
  libahci: 16,
  ahci: 24,
  sd_mod: 16,
  nvme_core: 48,
  nvme: 20,
  mbcache: 8,
  jbd2: 48,
  ext4: 176,
}
/** Bytes of image for each function that ftrace may patch, and of the record of one. */
const BYTES_PER_FUNCTION = 400
const FTRACE_RECORD = 16

/** The driver of each kind of disk, in the order in which its modules are loaded. */
export const DRIVERS = {
  virtio: ['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'virtio_blk'],
  sata: ['scsi_common', 'scsi_mod', 'libata', 'libahci', 'ahci', 'sd_mod'],
  nvme: ['nvme_core', 'nvme'],
} as const
export const EXT4_MODULES = ['crc16', 'mbcache', 'crc32c_generic', 'jbd2', 'ext4'] as const

/** Whether a module is there. */
export function module_loaded(k: Kernel, name: string): boolean {
  return loaded(k).includes(name)
}

/** Names of the loaded modules, the first loaded first. */
function loaded(k: Kernel): readonly string[] {
  return (k.var.mod['modules'] as readonly string[] | undefined) ?? []
}

/** insmod for each that is not loaded yet. */
export function load_modules(k: Kernel, names: readonly string[]): void {
  for (const name of names) if (!loaded(k).includes(name)) load_module(k, name)
}

function load_module(k: Kernel, name: string): void {
  const { size, file, btf, events = 0, fields = 0, caches = 0, objects = {} } = MODULES[name]!
  const copy = vmalloc(k, file * 1024)
  const image = vmalloc(k, size)
  const start = vmalloc(k, (INIT[name] ?? 4) * 1024)
  assert(copy !== null && image !== null && start !== null, 'load_module: no memory')
  set_memory_ro(k, image)
  const records = Math.ceil(((size / BYTES_PER_FUNCTION) * FTRACE_RECORD) / 4096)
  for (let i = 0; i < records; i++) assert(alloc_pages(k, GFP_KERNEL, 0) !== 0, 'load_module: no memory')
  assert(kmalloc(k, btf * 1024, GFP_KERNEL) !== 0, 'load_module: no memory')
  hold_each(k, SYSFS)
  hold_each(k, TRACE_EVENT, events)
  hold_each(k, { ftrace_event_field: fields })
  // The copy goes before the module's own start.
  vfree(k, copy)
  hold_each(k, CACHE_FOLDER, caches)
  hold_each(k, objects)
  init_free_list(k).push(start)
  k.var.mod['modules'] = [...loaded(k), name]
}

/** What modules that have started need no more. */
function init_free_list(k: Kernel): number[][] {
  return (k.var.mod['init_free_list'] ??= []) as number[][]
}
/** do_free_init: a work item, which first waits for RCU; by then the process that loaded the module has ended. */
export function free_module_init(k: Kernel): void {
  for (const start of init_free_list(k).splice(0)) vfree(k, start)
}

/** Size of a module's file, bytes. */
export function module_file_bytes(name: string): number {
  return MODULES[name]!.file * 1024
}

/** /proc/modules: the newest first; name, size, users, who they are, state, address (zeros, as without kptr rights). */
export function modules_text(k: Kernel): string {
  const names = loaded(k)
  const line = (name: string): string => {
    const users = names.filter((other) => MODULES[other]!.needs?.includes(name)).reverse()
    const mounted = name === 'ext4' ? 1 : 0
    const by = users.length === 0 ? '-' : `${users.join(',')},`
    return `${name} ${MODULES[name]!.size} ${users.length + mounted} ${by} Live 0x0000000000000000\n`
  }
  return [...names].reverse().map(line).join('')
}
