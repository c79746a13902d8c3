/** Servers: web-server, postgres, redis, java. */
import * as calls from '../calls'
import {
  around,
  below,
  cpu,
  fsync,
  ns_of,
  num,
  pages,
  random,
  read,
  skewed,
  sleep,
  spawn,
  system_calls,
  touch,
  write,
  exit,
  type Proc,
} from '../process'
import { int, percent, rate, size, duration, type Program } from '../program'

const DOCUMENT = 128 * 1024

function web_step(p: Proc): void {
  const { k, s } = p
  const nr = pages(p, 'heap')
  if (s.phase === '') {
    const documents = Math.floor(num(p, 'documents') / DOCUMENT)
    for (let i = 0; i < documents; i++) calls.create(k, `/var/www/${i}`, DOCUMENT)
    s.v['heap'] = calls.grow_heap(k, 4 << 20)
    touch(p, s.v['heap'], 1024)
    s.phase = 'master'
    return
  }
  if (s.phase === 'master') {
    const started = (s.v['started'] ??= 0)
    if (started < num(p, 'workers')) {
      if (spawn(p, 'worker', {}, 'web') !== 0) s.v['started'] = started + 1
      return sleep(p, 20_000_000)
    }
    calls.reap(k)
    return sleep(p, 5_000_000_000)
  }
  if (s.phase === 'worker') {
    s.v['heap'] = calls.map_anonymous(k, nr * 4096)
    s.v['log'] = calls.open(k, '/var/log/access.log', true)
    s.v['served'] = 0
    touch(p, s.v['heap'], Math.floor(nr / 4))
    s.phase = 'serve'
    return
  }
  serve(p, nr)
}

function serve(p: Proc, nr: number): void {
  const { k, s } = p
  if (s.v['fd'] !== undefined) calls.close(k, s.v['fd'])
  sleep(p, around(p, (1e9 * num(p, 'workers')) / Math.max(1, num(p, 'requests'))))
  const documents = Math.max(1, Math.floor(num(p, 'documents') / DOCUMENT))
  s.v['fd'] = calls.open(k, `/var/www/${skewed(p, documents)}`, false)
  system_calls(p, 14)
  read(p, s.v['fd'], 0, 16_384 + below(p, DOCUMENT - 16_384))
  if (s.v['heap']! > 0) random(p, s.v['heap']!, nr, 40, 50)
  cpu(p, around(p, 250_000))
  s.v['served']!++
  if (s.v['served']! % 16 === 0) write(p, s.v['log']!, s.v['served']! * 160, 2560)
}

function postgres_step(p: Proc): void {
  const { k, s } = p
  const nr = pages(p, 'sharedBuffers')
  switch (s.phase) {
    case '': {
      calls.create(k, '/var/lib/postgresql/base', num(p, 'database'))
      s.v['at'] = calls.map_anonymous(k, nr * 4096, 'shared')
      s.v['heap'] = calls.grow_heap(k, 4 << 20)
      touch(p, s.v['heap'], 1024)
      s.phase = 'postmaster'
      return
    }
    case 'postmaster': {
      const started = (s.v['started'] ??= 0)
      if (started <= num(p, 'clients')) {
        const role = started === 0 ? 'checkpointer' : 'backend'
        if (spawn(p, role, { at: s.v['at']! }, 'postgres') !== 0) s.v['started'] = started + 1
        return sleep(p, 60_000_000)
      }
      calls.reap(k)
      return sleep(p, 2_000_000_000)
    }
    case 'checkpointer': {
      s.v['fd'] ??= calls.open(k, '/var/lib/postgresql/base', false)
      sleep(p, 15_000_000_000)
      const size = num(p, 'database')
      for (let i = 0; i < 64; i++) write(p, s.v['fd'], Math.floor(skewed(p, size / 8192)) * 8192, 8192)
      return fsync(p, s.v['fd'])
    }
    case 'backend': {
      s.v['db'] = calls.open(k, '/var/lib/postgresql/base', false)
      s.v['wal'] = calls.open(k, `/var/lib/postgresql/wal.${k.task.pid[p.t]}`, true)
      s.v['end'] = 0
      s.v['heap'] = calls.map_anonymous(k, 3 << 20)
      touch(p, s.v['heap'], 512)
      s.phase = 'serve'
      return
    }
    default:
      return transaction(p, nr)
  }
}

/** A transaction: pages in shared buffers, those that are not there from the file, the log to disk when it wrote. */
function transaction(p: Proc, nr: number): void {
  const { s } = p
  sleep(p, around(p, 1e9 / Math.max(0.1, num(p, 'rate'))))
  system_calls(p, 10)
  const writes = below(p, 100) < num(p, 'writes')
  const known = (s.v['warm'] = Math.min(nr, (s.v['warm'] ?? Math.floor(nr / 8)) + 20))
  random(p, s.v['at']!, Math.max(64, known), 24, writes ? 25 : 2)
  if (below(p, 3) === 0) read(p, s.v['db']!, skewed(p, Math.floor(num(p, 'database') / 8192)) * 8192, 8192)
  random(p, s.v['heap']!, 768, 12, 60)
  cpu(p, around(p, 350_000))
  if (!writes) return
  write(p, s.v['wal']!, s.v['end']!, 8192)
  s.v['end'] = (s.v['end']! + 8192) % (16 << 20)
  fsync(p, s.v['wal']!)
}

function redis_step(p: Proc): void {
  const { k, s } = p
  const nr = pages(p, 'dataset')
  if (s.phase === '') {
    s.v['at'] = calls.map_anonymous(k, nr * 4096)
    s.v['saved'] = k.var.now
    touch(p, s.v['at'], nr)
    s.phase = 'serve'
    return
  }
  if (s.phase === 'save') {
    s.v['fd'] ??= calls.open(k, `/var/lib/redis/temp-${k.task.pid[p.t]}.rdb`, true)
    const done = s.v['done'] ?? 0
    if (done >= nr) return exit(p)
    const now = Math.min(1024, nr - done)
    touch(p, s.v['at']! + done * 4096, now, false)
    cpu(p, now * 3_000)
    write(p, s.v['fd'], done * 2048, now * 2048)
    s.v['done'] = done + now
    return
  }
  if (num(p, 'save') > 0 && k.var.now - s.v['saved']! > ns_of(p, 'save')) {
    s.v['saved'] = k.var.now
    calls.reap(k)
    spawn(p, 'save', { at: s.v['at']! }, 'redis')
  }
  const batch = 10_000_000
  sleep(p, batch)
  const n = Math.max(1, Math.floor((num(p, 'operations') * batch) / 1e9))
  random(p, s.v['at']!, nr, n, num(p, 'writes'))
  system_calls(p, n)
  cpu(p, n * 4_000)
}

/** A heap with a young part that is written through again and again and a full collection now and then. */
function java_step(p: Proc): void {
  const { k, s } = p
  const nr = pages(p, 'heap')
  const young = Math.floor(nr / 4)
  if (s.phase === '') {
    s.v['at'] = calls.map_anonymous(k, nr * 4096)
    s.v['next'] = 0
    s.v['live'] = young
    touch(p, s.v['at'], young)
    s.phase = 'run'
    return
  }
  const batch = 50_000_000
  sleep(p, batch)
  const n = Math.min(young, Math.max(1, Math.floor((num(p, 'allocation') / 4096) * (batch / 1e9))))
  const from = s.v['next']!
  touch(p, s.v['at']! + from * 4096, Math.min(n, young - from))
  random(p, s.v['at']!, s.v['live']!, 64, 30)
  cpu(p, n * 3_000 + 500_000)
  s.v['next'] = from + n >= young ? 0 : from + n
  if (s.v['next'] !== 0) return
  s.v['live'] = Math.min(nr, s.v['live']! + Math.floor(young / 16))
  if (s.v['live'] < nr) return cpu(p, 4_000_000)
  touch(p, s.v['at']!, nr, false)
  cpu(p, nr * 2_000)
  s.v['live'] = Math.floor(nr / 2)
}

export const servers: readonly Program[] = [
  {
    name: 'web-server',
    comm: 'nginx',
    path: '/usr/sbin/nginx',
    about: 'A web server: a master and workers that answer requests from files.',
    params: {
      workers: int(2, 'worker processes'),
      requests: int(60, 'requests per second, all workers together'),
      documents: size('48MiB', 'the files it serves, some of them much more often'),
      heap: size('12MiB', 'memory of a worker'),
    },
    step: web_step,
  },
  {
    name: 'postgres',
    comm: 'postgres',
    path: '/usr/lib/postgresql/15/bin/postgres',
    about: 'A database: shared buffers, one process a client, a write-ahead log, the page cache behind it.',
    params: {
      sharedBuffers: size('128MiB', 'shared memory of all its processes'),
      clients: int(4, 'clients, a process each'),
      database: size('512MiB', 'size of the data files'),
      rate: int(20, 'transactions per second and client'),
      writes: percent(20, 'share of the transactions that write'),
    },
    step: postgres_step,
  },
  {
    name: 'redis',
    comm: 'redis-server',
    path: '/usr/bin/redis-server',
    about: 'A store in memory; saves itself by a fork whose pages are copied on write.',
    params: {
      dataset: size('96MiB', 'what it holds'),
      operations: int(2000, 'operations per second'),
      writes: percent(30, 'share of the operations that write'),
      save: duration('30s', 'time between two saves; 0ms never'),
    },
    step: redis_step,
  },
  {
    name: 'java',
    comm: 'java',
    path: '/usr/bin/java',
    about: 'A Java service: allocates through its young generation, collects, now and then all of the heap.',
    params: {
      heap: size('192MiB', 'the heap (-Xmx)'),
      allocation: rate('16MiB/s', 'how fast it allocates'),
    },
    step: java_step,
  },
]
