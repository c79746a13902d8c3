/** lsblk and w: what they print of the machine, as util-linux 2.38.1 and procps-ng 4.0.2 do of the same files. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openShell } from '../../src-main/shell/shell'
import { insideFolder } from '../support/procDir'

const FILES: Readonly<Record<string, string>> = {
  'proc/mounts': 'proc /proc proc rw 0 0\n/dev/sda / ext4 rw 0 0\n',
  'proc/swaps': 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sdb partition 524284 0 -2\n',
  'proc/uptime': '3725.20 3000.00\n',
  'proc/loadavg': '0.10 0.20 0.30 1/80 99\n',
  'proc/stat': 'cpu  1 0 1 9 0 0 0 0 0 0\ncpu0 1 0 1 9 0 0 0 0 0 0\nbtime 1700000000\n',
  'sys/block/sda/dev': '8:0\n',
  'sys/block/sda/size': '536870912\n',
  'sys/block/sda/removable': '0\n',
  'sys/block/sda/ro': '0\n',
  'sys/block/sda/queue/rotational': '1\n',
  'sys/block/sdb/dev': '8:16\n',
  'sys/block/sdb/size': '1048576\n',
  'sys/block/sdb/removable': '0\n',
  'sys/block/sdb/ro': '0\n',
  'sys/block/sdb/queue/rotational': '0\n',
}
function run(line: string) {
  const root = mkdtempSync(join(tmpdir(), 'memscope-lsblk-'))
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return openShell(insideFolder(root)).exec(line)
}

test('lsblk: a row a disk, what it is used for at the end', async () => {
  expect((await run('lsblk')).stdout).toBe(
    'NAME MAJ:MIN RM  SIZE RO TYPE MOUNTPOINTS\n' +
      'sda    8:0    0  256G  0 disk /\n' +
      'sdb    8:16   0  512M  0 disk [SWAP]\n',
  )
  expect((await run('lsblk -b -n -p -o NAME,SIZE,ROTA')).stdout).toBe(
    '/dev/sda 274877906944    1\n/dev/sdb    536870912    0\n',
  )
  expect((await run('lsblk -r -o +ROTA /dev/sdb')).stdout).toBe(
    'NAME MAJ:MIN RM SIZE RO TYPE MOUNTPOINTS ROTA\nsdb 8:16 0 512M 0 disk [SWAP] 0\n',
  )
  expect((await run('lsblk -P -o NAME,MOUNTPOINT')).stdout).toBe(
    'NAME="sda" MOUNTPOINT="/"\nNAME="sdb" MOUNTPOINT="[SWAP]"\n',
  )
})

test('lsblk -J is JSON with types', async () => {
  const { blockdevices } = JSON.parse((await run('lsblk -J -b')).stdout) as { blockdevices: unknown[] }
  expect(blockdevices[1]).toEqual({
    name: 'sdb',
    'maj:min': '8:16',
    rm: false,
    size: 536870912,
    ro: false,
    type: 'disk',
    mountpoints: ['[SWAP]'],
  })
})

test('lsblk says what is no disk, and by its status whether all or some were not', async () => {
  expect(await run('lsblk /dev/sdz')).toEqual({
    stdout: '',
    stderr: 'lsblk: /dev/sdz: not a block device\n',
    status: 32,
  })
  expect((await run('lsblk /dev/sda /dev/sdz')).status).toBe(64)
  expect((await run('lsblk -o FOO')).stderr).toBe('lsblk: unknown column: FOO\n')
})

test('w has the line of uptime, and nobody', async () => {
  const [first, ...rest] = (await run('w')).stdout.split('\n')
  expect(`${first}\n`).toBe((await run('uptime')).stdout)
  expect(rest).toEqual(['USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT', ''])
  expect((await run('w -s')).stdout.split('\n')[1]).toBe('USER     TTY      FROM              IDLE WHAT')
  expect((await run('w -s -f')).stdout.split('\n')[1]).toBe('USER     TTY         IDLE WHAT')
  expect((await run('w -h')).stdout).toBe('')
})
