/**
 * The measured machine: Debian's Linux 6.1 under QEMU's emulation, started with a packed root file system that holds a
 * static busybox, the experiment's programs and, where it mounts or swaps, the modules of its disks.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const HERE = import.meta.dirname
const COMMANDS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  cpio: 'cpio',
  gcc: 'gcc libc6-dev',
}
const BOOT_ARGS = 'console=ttyS0 nokaslr norandmaps numa=off panic=-1 loglevel=4'
/**
 * Links to busybox: each costs the machine an inode and a dentry, and the given measurements were made with as many as these
 * (their slabinfo has 17 slabs of shmem_inode_cache where all of busybox's commands make 39).
 */
const TOOLS =
  '[ ash awk cat chmod cp cut date dd dmesg echo env expr find free grep head hexdump insmod kill ln ls lsmod mkdir mkswap mount mv nproc od pidof poweroff ps rm rmdir sed seq sh sleep sort stat stty swapoff swapon sync sysctl tail test touch tr true umount uptime wc which'
/** In the order in which the start-up script loads them. */
const DISK_MODULES = [
  ...['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci'].map(
    (m) => `drivers/virtio/${m}`,
  ),
  'drivers/block/virtio_blk',
]
const EXT4_MODULES = ['lib/crc16', 'fs/mbcache', 'crypto/crc32c_generic', 'fs/jbd2/jbd2', 'fs/ext4/ext4']

/** What is missing before anything can be measured, as a sentence that says what to do; null if nothing is. */
export function missing(kernel) {
  const absent = Object.keys(COMMANDS).filter((c) => spawnSync('sh', ['-c', `command -v ${c}`]).status !== 0)
  if (absent.length > 0) return `no ${absent.join(', ')}: apt-get install ${absent.map((c) => COMMANDS[c]).join(' ')}`
  if (!existsSync(join(kernel, 'boot')))
    return `no kernel in ${kernel}: apt-get download linux-image-6.1.0-56-amd64 && dpkg-deb -x linux-image-6.1.0-56-amd64_*.deb ${kernel}`
  return null
}

/**
 * machine.json of an experiment: `{ "mem": "256M", "cpus": 1, "thp": "never", "args": "psi=1", "cpu": "qemu64,+la57",
 * "swap": "256M", "disk": true, "programs": ["frag"], "long": true }`, where all but `mem` may be absent.
 */
export function readMachine(folder) {
  const path = join(folder, 'machine.json')
  const machine = { cpus: 1, thp: 'never', args: '', programs: [], ...JSON.parse(readFileSync(path, 'utf8')) }
  if (!/^\d+[MG]$/.test(machine.mem ?? '')) throw new Error(`${path}: mem: a size such as 256M or 4G is wanted`)
  return machine
}

export function bootArgs(machine) {
  return `${BOOT_ARGS} transparent_hugepage=${machine.thp} ${machine.args}`.trim()
}

/** Boots the machine in `work`, a new folder, and returns what it printed: `{ results, console }`. */
export function measure({ folder, machine, kernel, work, seconds }) {
  pack(folder, machine, kernel, work)
  const drives = [machine.swap && swapImage(work, machine.swap), machine.disk && diskImage(work)].filter(Boolean)
  const version = readdirSync(join(kernel, 'boot')).find((f) => f.startsWith('vmlinuz-'))
  const args = [
    ...[
      '-accel',
      'tcg,tb-size=256',
      '-display',
      'none',
      '-no-reboot',
      '-net',
      'none',
      '-vga',
      'none',
      '-monitor',
      'none',
    ],
    ...['-smp', String(machine.cpus), '-m', machine.mem, ...(machine.cpu ? ['-cpu', machine.cpu] : [])],
    ...['-kernel', join(kernel, 'boot', version), '-initrd', join(work, 'initrd.gz'), '-append', bootArgs(machine)],
    ...['-serial', `file:${join(work, 'console.log')}`, '-serial', `file:${join(work, 'results.log')}`],
    ...drives.flatMap((file) => ['-drive', `file=${file},format=raw,if=virtio,cache=unsafe`]),
  ]
  const { error } = spawnSync('qemu-system-x86_64', args, { stdio: 'inherit', timeout: seconds * 1000 })
  if (error !== undefined) throw new Error(`the machine did not end: ${error.message}`)
  return { results: readLog(work, 'results.log'), console: readLog(work, 'console.log') }
}

const readLog = (work, name) => readFileSync(join(work, name), 'latin1')

function pack(folder, { programs }, kernel, work) {
  const root = join(work, 'root')
  for (const dir of ['bin', 'dev', 'proc', 'sys', 'm', 'tmp']) mkdirSync(join(root, dir), { recursive: true })
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  copyFileSync(busybox, join(root, 'bin/busybox'))
  for (const tool of TOOLS.split(' ')) symlinkSync('busybox', join(root, 'bin', tool))
  copyFileSync(join(HERE, 'init'), join(root, 'init'))
  chmodSync(join(root, 'init'), 0o755)
  writeFileSync(join(root, 'exp.sh'), script(folder))
  for (const program of programs) compile(join(HERE, 'programs', `${program}.c`), join(root, 'bin', program))
  for (const module of modulesOf(script(folder)))
    cpSync(moduleFile(kernel, module), join(root, 'm', `${module.split('/').pop()}.ko`))
  execFileSync('sh', ['-c', 'find . | cpio -o -H newc --quiet | gzip -1 > ../initrd.gz'], { cwd: root })
}

/**
 * An experiment's own script, or its family's, after the functions that only some scripts use: what the shell reads lies
 * in its heap, and a page more of it is another machine.
 */
function script(folder) {
  const own = join(folder, 'exp.sh')
  const text = readFileSync(existsSync(own) ? own : join(folder, '../exp.sh'), 'utf8')
  return (/\bcgput\b/.test(text) ? readFileSync(join(HERE, 'cgput.sh'), 'utf8') : '') + text
}

function compile(source, program) {
  execFileSync('gcc', ['-O1', '-w', '-static', '-s', `-I${HERE}`, '-o', program, source], { stdio: 'inherit' })
}

const modulesOf = (script) => [
  ...(/\bmods\b/.test(script) ? DISK_MODULES : []),
  ...(/\bext4mods\b/.test(script) ? EXT4_MODULES : []),
]

function moduleFile(kernel, module) {
  const [version] = readdirSync(join(kernel, 'lib/modules'))
  return join(kernel, 'lib/modules', version, 'kernel', `${module}.ko`)
}

function swapImage(work, size) {
  const file = join(work, 'swap.img')
  writeFileSync(file, '')
  truncateSync(file, parseInt(size) * (size.endsWith('G') ? 2 ** 30 : 2 ** 20))
  return file
}

/** ext4 of 400 MiB that holds f128 and f32, files of 128 and 32 MiB, and tree, of 2000 empty files in 20 folders. */
function diskImage(work) {
  const [files, file] = [join(work, 'files'), join(work, 'disk.img')]
  mkdirSync(files)
  for (const MiB of [128, 32]) execFileSync('sh', ['-c', `head -c ${MiB}M /dev/urandom > ${files}/f${MiB}`])
  for (let d = 1; d <= 20; d++) {
    mkdirSync(join(files, `tree/d${d}`), { recursive: true })
    for (let f = 1; f <= 100; f++) writeFileSync(join(files, `tree/d${d}/f${f}`), '')
  }
  writeFileSync(file, '')
  truncateSync(file, 400 * 2 ** 20)
  execFileSync('/sbin/mkfs.ext4', ['-q', '-F', '-d', files, file])
  return file
}
