/** Programs that are about memory alone: leak, memhog (memhog.ts), thrash, forker, fork-bomb, segfaulter. */
import * as calls from '../calls'
import { below, cpu, exit, ns_of, num, pages, read, skewed, sleep, spawn, touch, type Proc } from '../process'
import { due, grow, MIB_PAGES, TICK_NS } from './growing'
import { memhog } from './memhog'
import { choice, duration, int, percent, rate, size, type Program } from '../program'

function leak_step(p: Proc): void {
  const { s } = p
  if (s.phase === '') {
    s.v['chunk'] = MIB_PAGES
    const start = pages(p, 'start')
    if (start > 0) grow(p, start, (bytes) => calls.map_anonymous(p.k, bytes))
    s.phase = 'leak'
    return
  }
  if (!grow(p, due(p, num(p, 'rate')), (bytes) => calls.map_anonymous(p.k, bytes))) return exit(p, 1)
  cpu(p, 100_000)
  sleep(p, TICK_NS)
}

/** Uses more memory than there is, again and again. */
function thrash_step(p: Proc): void {
  const { s } = p
  const nr = pages(p, 'size')
  if (s.phase === '') {
    s.phase = 'run'
    s.v['at'] = calls.map_anonymous(p.k, nr * 4096)
    if (s.v['at'] < 0) return exit(p, 1)
    return touch(p, s.v['at'], nr)
  }
  const run = 64
  for (let i = 0; i < 8; i++)
    touch(p, s.v['at']! + below(p, Math.max(1, nr - run)) * 4096, run, below(p, 100) < num(p, 'writes'))
  cpu(p, 200_000)
  if (num(p, 'pause') > 0) sleep(p, ns_of(p, 'pause'))
}

/** A parent with much memory that forks children which write to some of it: copy on write. */
function forker_step(p: Proc): void {
  const { s } = p
  const nr = pages(p, 'size')
  if (s.phase === '') {
    s.phase = 'parent'
    s.v['at'] = calls.map_anonymous(p.k, nr * 4096)
    if (s.v['at'] < 0) return exit(p, 1)
    return touch(p, s.v['at'], nr)
  }
  if (s.phase === 'child') {
    s.phase = 'done'
    const share = Math.floor((nr * num(p, 'writes')) / 100)
    touch(p, s.v['at']!, nr, false)
    touch(p, s.v['at']!, share)
    return sleep(p, ns_of(p, 'life'))
  }
  if (s.phase === 'done') return exit(p)
  calls.reap(p.k)
  spawn(p, 'child', { at: s.v['at']! }, 'forker')
  sleep(p, ns_of(p, 'every'))
}

function fork_bomb_step(p: Proc): void {
  const { s } = p
  if (s.phase !== 'run') {
    s.phase = 'run'
    const nr = pages(p, 'memory')
    const at = nr === 0 ? 0 : calls.map_anonymous(p.k, nr * 4096)
    if (at > 0) touch(p, at, nr)
    return sleep(p, ns_of(p, 'pause'))
  }
  const generation = s.v['generation'] ?? 0
  const children = (s.v['children'] ??= 0)
  if (generation < num(p, 'generations') && children < num(p, 'children')) {
    if (spawn(p, '', { generation: generation + 1 }, 'bomb') !== 0) s.v['children'] = children + 1
  }
  calls.reap(p.k)
  cpu(p, 300_000)
  sleep(p, ns_of(p, 'pause'))
}

function segfault_step(p: Proc): void {
  const { k, s } = p
  if (s.phase === '') {
    s.phase = 'crash'
    return sleep(p, ns_of(p, 'after'))
  }
  switch (s.params['kind']) {
    case 'null':
      return touch(p, 0, 1)
    case 'readonly':
      return touch(p, calls.map_anonymous(k, 4096, 'readonly'), 1)
    case 'freed': {
      const at = calls.map_anonymous(k, 4096)
      calls.unmap(k, at, 4096)
      return touch(p, at, 1)
    }
    default: {
      const fd = calls.open(k, `/tmp/short.${k.task.pid[p.t]}`, true)
      return touch(p, calls.map_file(k, fd, 16384), 1)
    }
  }
}

/** Reads files again and again, or once: page cache. */
function reader_step(p: Proc): void {
  const { k, s } = p
  const nr = num(p, 'files')
  const each = Math.floor(num(p, 'size') / nr)
  if (s.phase === '') {
    s.phase = 'read'
    for (let i = 0; i < nr; i++) calls.create(k, `/srv/data/${calls.comm(k, p.t)}/${i}`, each)
    s.v['next'] = 0
  }
  const i = s.v['next']!
  if (i >= nr && num(p, 'loop') === 0) return sleep(p, 60_000_000_000)
  const file = num(p, 'loop') > 1 ? skewed(p, nr) : i % nr
  s.v['next'] = i + 1
  if (s.v['fd'] !== undefined) calls.close(k, s.v['fd'])
  s.v['fd'] = calls.open(k, `/srv/data/${calls.comm(k, p.t)}/${file}`, false)
  read(p, s.v['fd'], 0, each)
  const wanted = num(p, 'rate') > 0 ? (each / num(p, 'rate')) * 1e9 : 0
  cpu(p, each / 10)
  if (wanted > 0) sleep(p, wanted)
}

export const memory_programs: readonly Program[] = [
  {
    name: 'leak',
    comm: 'leaky-service',
    path: '/usr/sbin/leaky-service',
    about: 'Takes memory at a steady rate and never gives any back.',
    params: {
      rate: rate('24MiB/s', 'how fast it leaks'),
      start: size('8MiB', 'what it takes at once when it starts'),
    },
    step: leak_step,
  },
  memhog,
  {
    name: 'thrash',
    comm: 'thrash',
    path: '/usr/bin/thrash',
    about: 'Uses a working set all over, again and again; larger than RAM, the machine thrashes.',
    params: {
      size: size('900MiB', 'the working set'),
      writes: percent(50, 'share of the passes that write'),
      pause: duration('0ms', 'rest between passes'),
    },
    step: thrash_step,
  },
  {
    name: 'forker',
    comm: 'forker',
    path: '/usr/bin/forker',
    about: 'Fills memory, then forks children that write to a part of it: copy on write.',
    params: {
      size: size('128MiB', "the parent's memory"),
      writes: percent(40, 'share that each child writes'),
      every: duration('4s', 'time between two forks'),
      life: duration('6s', 'how long a child lives'),
    },
    step: forker_step,
  },
  {
    name: 'fork-bomb',
    comm: 'bomb',
    path: '/usr/bin/bomb',
    about: 'Every process makes another one, and so on.',
    params: {
      memory: size('2MiB', 'what each process takes'),
      pause: duration('400ms', 'rest between two forks'),
      generations: int(8, 'how deep it goes'),
      children: int(2, 'children of each process'),
    },
    step: fork_bomb_step,
  },
  {
    name: 'segfaulter',
    comm: 'crasher',
    path: '/usr/bin/crasher',
    about: 'Makes an access that the kernel does not allow.',
    params: {
      kind: choice(['null', 'readonly', 'freed', 'bus'], 'which access'),
      after: duration('2s', 'how long it lives before'),
    },
    step: segfault_step,
  },
  {
    name: 'reader',
    comm: 'reader',
    path: '/usr/bin/reader',
    about: 'Reads files: what it read stays in the page cache.',
    params: {
      size: size('512MiB', 'all files together'),
      files: int(16, 'number of files'),
      rate: rate('32MiB/s', 'how fast; 0 is as fast as the disk'),
      loop: int(1, '0 reads all once, 1 in turn for ever, 2 some files more often'),
    },
    step: reader_step,
  },
]
