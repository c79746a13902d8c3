/** The files of the programs: binaries of plausible sizes, and the libraries that many of them share. */
import type { Kernel } from '../kernel/kernel'
import { vfs_install } from '../kernel/mm/dcache'
import { LD_SO_PATH, LIBC_PATH, register_image } from '../kernel/sched/image'
import { prng_below } from '../kernel/lib/prng'

const KiB = 1024
const MiB = 1024 * KiB
const LIB = '/usr/lib/x86_64-linux-gnu'
const SYSTEM_LIBS: Readonly<Record<string, number>> = {
  'libsystemd.so.0': 880 * KiB,
  'libssl.so.3': 690 * KiB,
  'libcrypto.so.3': 4_700 * KiB,
  'libglib-2.0.so.0': 1_300 * KiB,
}
const DESKTOP_LIBS: Readonly<Record<string, number>> = {
  'libgtk-4.so.1': 7_900 * KiB,
  'libgdk_pixbuf-2.0.so.0': 180 * KiB,
  'libcairo.so.2': 1_200 * KiB,
  'libpango-1.0.so.0': 420 * KiB,
  'libX11.so.6': 1_330 * KiB,
  'libmozjs.so': 12 * MiB,
}

/** Sizes of the larger binaries; others get a few hundred KiB. */
const SIZES: Readonly<Record<string, number>> = {
  '/usr/lib/firefox/firefox': 40 * MiB,
  '/usr/bin/gnome-shell': 5 * MiB,
  '/usr/lib/xorg/Xorg': 2_400 * KiB,
  '/usr/lib/postgresql/15/bin/postgres': 8_800 * KiB,
  '/usr/lib/gcc/cc1': 27 * MiB,
  '/usr/bin/java': 18 * MiB,
  '/usr/sbin/nginx': 1_200 * KiB,
  '/usr/bin/redis-server': 2_900 * KiB,
}
const DESKTOP = /^\/usr\/(bin\/(gedit|gnome|rhythmbox)|lib\/(firefox|xorg))|gsd-|gnome-|evolution|tracker|ibus/

/** Makes the shared libraries' files. */
export function install_libraries(k: Kernel): void {
  for (const [name, size] of Object.entries({ ...SYSTEM_LIBS, ...DESKTOP_LIBS })) vfs_install(k, `${LIB}/${name}`, size)
}

/** Makes a program's file and says how it is laid out in memory. */
export function install_program(k: Kernel, path: string): void {
  const size = SIZES[path] ?? (80 + prng_below(k, `size${path}`, 300)) * KiB
  vfs_install(k, path, size)
  const page = (share: number): number => Math.max(4 * KiB, Math.floor((size * share) / 4096) * 4096)
  const names = Object.keys(DESKTOP.test(path) ? { ...SYSTEM_LIBS, ...DESKTOP_LIBS } : SYSTEM_LIBS)
  register_image(k, path, {
    headers: page(0.05),
    text: page(0.6),
    rodata: page(0.25),
    relro: page(0.02),
    data: page(0.02),
    bss: Math.min(page(0.05), 256 * KiB),
    static: false,
    libs: [...names.map((name) => `${LIB}/${name}`), LIBC_PATH, LD_SO_PATH],
    heap: 132 * KiB,
  })
}

/** Files of a large tree, a hundred to a folder: `/home/tree/FOLDER/FILE`. */
export function install_tree(k: Kernel, files: number): void {
  for (let i = 0; i < files; i++) vfs_install(k, tree_path(i), 16 * KiB)
}
export function tree_path(i: number): string {
  return `/home/tree/${Math.floor(i / 100)}/${i % 100}`
}
