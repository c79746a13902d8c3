/**
 * memhog: takes so much memory of a kind and holds it, for as long as it is told.
 *
 *   anonymous, mlock   private pages, written
 *   file, tmpfs        one file; it has no name any more, so its pages go with the process
 *   slab               empty files of a tmpfs: each pins an inode and a dentry, which no shrinker can take
 *   fragmentation      private pages, of which every second goes back in the end: what stays lies between holes of one page
 */
import { PRESSURE_KINDS } from '@shared/protocol'
import * as calls from '../calls'
import { ns_of, num, pages, random, sleep, exit, write, type Proc } from '../process'
import { choice, duration, int, rate, size, type Program } from '../program'
import { grow, MIB_PAGES, TICK_NS, wanted } from './growing'

const CHUNK = 4 * MIB_PAGES
const BUSY_NS = 200_000_000
/** A shmem_inode_cache object of 776 bytes, a dentry of 192 and what the security modules keep of it: 1 KiB, near enough. */
const FILES_PER_PAGE = 4

function hog_step(p: Proc): void {
  const { k, s } = p
  if (s.phase === '') {
    s.phase = 'run'
    s.v['chunk'] = CHUNK
    s.v['end'] = num(p, 'for') > 0 ? k.var.now + ns_of(p, 'for') : 0
    if (in_file(p)) open_unnamed(p)
  }
  const is_over = s.v['end'] !== 0 && k.var.now >= s.v['end']!
  if ((is_over || pages(p, 'size') === 0) && give_back(p)) return exit(p)
  if (is_over) return sleep(p, TICK_NS)
  if (s.params['kind'] === 'slab') make_files(p)
  else if (s.params['kind'] === 'fragmentation') fragment(p)
  else hold(p)
}

const in_file = ({ s }: Proc): boolean => s.params['kind'] === 'file' || s.params['kind'] === 'tmpfs'

function open_unnamed({ k, t, s }: Proc): void {
  const path = `${s.params['kind'] === 'file' ? '/var/tmp' : '/dev/shm'}/memhog.${k.task.pid[t]}`
  s.v['fd'] = calls.open(k, path, true)
  calls.unlink(k, path)
}

/** Gives back what does not go with the process. True when there is none. */
function give_back(p: Proc): boolean {
  if (p.s.params['kind'] !== 'slab') return true
  remove_files(p, Math.max(0, p.s.v['held']! - CHUNK))
  return p.s.v['held'] === 0
}

// ---------------------------------------------------------------- pages

function hold(p: Proc): void {
  const { k, s } = p
  const target = pages(p, 'size')
  const held = s.v['held'] ?? 0
  const first = s.list[0]
  if (held > target + CHUNK && (in_file(p) || first !== undefined)) return shrink(p, target)
  if (held >= target) {
    const is_touched = num(p, 'touch') > 0 && s.params['kind'] !== 'fragmentation'
    if (first !== undefined && is_touched) random(p, first, Math.min(held, CHUNK), 64, 50)
    return sleep(p, BUSY_NS)
  }
  const nr = wanted(p, CHUNK)
  if (in_file(p)) {
    write(p, s.v['fd']!, held * 4096, nr * 4096)
    s.v['held'] = held + nr
  } else if (
    !grow(p, nr, (bytes) => calls.map_anonymous(k, bytes, s.params['kind'] === 'mlock' ? 'locked' : 'private'))
  )
    return sleep(p, 1_000_000_000)
  if (num(p, 'rate') > 0) sleep(p, TICK_NS)
}

/** Gives whole areas, or the end of the file, back until `target` pages are held. */
function shrink(p: Proc, target: number): void {
  const { k, s } = p
  if (in_file(p)) {
    calls.truncate(k, s.v['fd']!, target * 4096)
    s.v['held'] = target
    return
  }
  calls.unmap(k, s.list.pop()!, CHUNK * 4096)
  s.v['held']! -= CHUNK - s.v['left']!
  s.v['left'] = 0
}

// ---------------------------------------------------------------- holes

/** Once all is written: the next allocation would fill the holes of what is given back before. */
function fragment(p: Proc): void {
  const { s } = p
  const punched = (s.v['punched'] = Math.min(s.v['punched'] ?? 0, s.list.length))
  if ((s.v['held'] ?? 0) < pages(p, 'size') || punched === s.list.length) return hold(p)
  const area = s.list[punched]!
  for (let page = 0; page < CHUNK; page += 2) calls.discard(p.k, area + page * 4096, 4096)
  s.v['punched'] = punched + 1
  sleep(p, TICK_NS)
}

// ---------------------------------------------------------------- slabs

const file_path = ({ k, t }: Proc, i: number): string => `/dev/shm/memhog.${k.task.pid[t]}/${i}`

/** `held` is in pages, a few files each. */
function make_files(p: Proc): void {
  const v = p.s.v
  v['held'] ??= 0
  if (v['held'] > pages(p, 'size')) return remove_files(p, Math.max(pages(p, 'size'), v['held'] - CHUNK))
  const to = v['held'] + wanted(p, CHUNK)
  for (let i = v['held'] * FILES_PER_PAGE; i < to * FILES_PER_PAGE; i++) {
    const fd = calls.open(p.k, file_path(p, i), true)
    if (fd < 0) return sleep(p, 1_000_000_000)
    calls.close(p.k, fd)
  }
  sleep(p, to === v['held'] ? BUSY_NS : TICK_NS)
  v['held'] = to
}

function remove_files(p: Proc, to: number): void {
  for (let i = (p.s.v['held'] ?? 0) * FILES_PER_PAGE; i-- > to * FILES_PER_PAGE;) calls.unlink(p.k, file_path(p, i))
  p.s.v['held'] = to
  sleep(p, TICK_NS)
}

export const memhog: Program = {
  name: 'memhog',
  comm: 'memhog',
  path: '/usr/bin/memhog',
  about: 'Takes so much memory and holds it.',
  params: {
    size: size('256MiB', 'how much; 0 gives all back and ends'),
    rate: rate('0', 'how fast; 0 is at once'),
    kind: choice(PRESSURE_KINDS, 'what kind of memory'),
    for: duration('0s', 'how long; 0 is until it is ended'),
    touch: int(1, '1 keeps using it, 0 leaves it alone'),
  },
  step: hog_step,
}
