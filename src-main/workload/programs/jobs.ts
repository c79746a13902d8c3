/** Jobs: compile, file-scanner, and the browser with its tabs. */
import * as calls from '../calls'
import {
  around,
  below,
  cpu,
  exit,
  ns_of,
  num,
  pages,
  random,
  read,
  sleep,
  spawn,
  stat_files,
  system_calls,
  touch,
  wait_child,
  write,
  type Proc,
} from '../process'
import { duration, int, size, type Program } from '../program'

const SOURCE = 64 * 1024
const HEADERS = 64

function compile_step(p: Proc): void {
  const { k, s } = p
  if (s.phase === '') {
    for (let i = 0; i < HEADERS; i++) calls.create(k, `/usr/include/h${i}`, SOURCE)
    for (let i = 0; i < num(p, 'units'); i++) calls.create(k, `/usr/src/unit${i}.c`, SOURCE)
    s.v['unit'] = 0
    s.v['running'] = 0
    s.phase = 'make'
  }
  if (s.phase === 'make') {
    const unit = s.v['unit']!
    if (s.v['running']! < num(p, 'jobs') && (unit < num(p, 'units') || num(p, 'rounds') === 0)) {
      if (spawn(p, 'cc1', { unit: unit % num(p, 'units') }, 'cc1') === 0) return sleep(p, 500_000_000)
      s.v['unit'] = unit + 1
      s.v['running']!++
      return cpu(p, 400_000)
    }
    if (s.v['running'] === 0) return sleep(p, 10_000_000_000)
    s.v['running']!--
    return wait_child(p)
  }
  compiler(p)
}

/** One compiler run: exec, headers, memory that grows while it works, an object file, exit. */
function compiler(p: Proc): void {
  const { k, s } = p
  const nr = pages(p, 'memory')
  if (s.phase === 'cc1') {
    s.ops.push({ op: 'exec', path: '/usr/lib/gcc/cc1', args: `cc1 -quiet unit${s.v['unit']}.c`, comm: 'cc1' })
    s.phase = 'headers'
    s.v['header'] = 0
    return
  }
  if (s.phase === 'headers') {
    const i = s.v['header']!
    if (s.v['fd'] !== undefined) calls.close(k, s.v['fd'])
    const path = i === 0 ? `/usr/src/unit${s.v['unit']}.c` : `/usr/include/h${below(p, HEADERS)}`
    s.v['fd'] = calls.open(k, path, false)
    system_calls(p, 4)
    read(p, s.v['fd'], 0, SOURCE)
    cpu(p, 600_000)
    s.v['header'] = i + 1
    if (i < 24) return
    s.phase = 'work'
    s.v['at'] = calls.map_anonymous(k, nr * 4096)
    s.v['done'] = 0
    return
  }
  if (s.phase === 'work') {
    const done = s.v['done']!
    if (done < nr) {
      const now = Math.min(256, nr - done)
      touch(p, s.v['at']! + done * 4096, now)
      random(p, s.v['at']!, done + now, 128, 50)
      cpu(p, (ns_of(p, 'work') * now) / nr)
      s.v['done'] = done + now
      return
    }
    const out = calls.open(k, `/tmp/unit${s.v['unit']}.o`, true)
    write(p, out, 0, 96 * 1024)
    s.phase = 'exit'
    return
  }
  exit(p)
}

/** updatedb: looks at every file of a large tree: dentries and inodes. */
function scanner_step(p: Proc): void {
  const { s } = p
  const nr = num(p, 'files')
  if (s.phase === '') {
    s.phase = 'scan'
    s.v['next'] = 0
    s.v['heap'] = calls.grow_heap(p.k, 4 << 20)
    return touch(p, s.v['heap'], 512)
  }
  const from = s.v['next']!
  if (from >= nr) {
    s.v['next'] = 0
    return sleep(p, ns_of(p, 'pause'))
  }
  const now = Math.min(32, nr - from)
  stat_files(p, from, now)
  cpu(p, now * 5_000)
  sleep(p, (now * 1e9) / Math.max(1, num(p, 'rate')))
  s.v['next'] = from + now
}

/** A browser: the main process, and a process a tab; one tab at a time is in use. */
function browser_step(p: Proc): void {
  const { k, s } = p
  const nr = pages(p, 'tab')
  switch (s.phase) {
    case '': {
      const main = Math.floor(nr * 1.5)
      s.v['at'] = calls.map_anonymous(k, main * 4096)
      s.v['nr'] = main
      s.v['cache'] = calls.open(k, '/home/user/.cache/browser', true)
      s.v['end'] = 0
      touch(p, s.v['at'], main)
      cpu(p, 150_000_000)
      calls.create(k, '/home/user/.mozilla', 40 << 20)
      read(p, calls.open(k, '/home/user/.mozilla', false), 0, 40 << 20)
      s.phase = 'main'
      return
    }
    case 'main': {
      const started = (s.v['started'] ??= 0)
      if (started < num(p, 'tabs')) {
        if (spawn(p, 'tab', { index: started }, 'browser') !== 0) s.v['started'] = started + 1
        return sleep(p, 700_000_000)
      }
      calls.reap(k)
      sleep(p, around(p, 250_000_000))
      system_calls(p, 20)
      random(p, s.v['at']!, s.v['nr']!, 80, 40)
      cpu(p, around(p, 1_500_000))
      if (below(p, 12) === 0) {
        write(p, s.v['cache']!, s.v['end']!, 48 * 1024)
        s.v['end'] = (s.v['end']! + 48 * 1024) % (64 << 20)
      }
      return
    }
    case 'tab':
      s.v['at'] = calls.map_anonymous(k, nr * 4096)
      touch(p, s.v['at'], Math.floor(nr / 2) + below(p, Math.max(1, Math.floor(nr / 2))))
      cpu(p, 120_000_000)
      s.phase = 'show'
      return
    default: {
      const turn = Math.floor(k.var.now / ns_of(p, 'switch')) % num(p, 'tabs')
      const active = turn === s.v['index']
      sleep(p, around(p, active ? 60_000_000 : 2_500_000_000))
      random(p, s.v['at']!, nr, active ? 120 : 24, 35)
      cpu(p, around(p, active ? 2_500_000 : 600_000))
    }
  }
}

export const jobs: readonly Program[] = [
  {
    name: 'compile',
    comm: 'make',
    path: '/usr/bin/make',
    about: 'A build: make with short-lived compilers, each with a fresh address space.',
    params: {
      jobs: int(2, 'compilers at a time (-j)'),
      units: int(120, 'files to compile'),
      memory: size('48MiB', 'what a compiler grows to'),
      work: duration('900ms', 'CPU time of a compiler'),
      rounds: int(0, '1 ends after the last file, 0 starts again'),
    },
    step: compile_step,
  },
  {
    name: 'file-scanner',
    comm: 'updatedb',
    path: '/usr/bin/updatedb',
    about: 'Looks at every file of a large tree: the dentry and inode caches grow.',
    params: {
      files: int(30000, 'files in the tree'),
      rate: int(1500, 'files per second'),
      pause: duration('60s', 'rest between two passes'),
    },
    step: scanner_step,
  },
  {
    name: 'browser',
    comm: 'firefox',
    path: '/usr/lib/firefox/firefox',
    about: 'A web browser: a main process and one per tab, one of them in use.',
    params: {
      tabs: int(4, 'open tabs'),
      tab: size('32MiB', 'memory of a tab'),
      switch: duration('8s', 'time until another tab is looked at'),
    },
    step: browser_step,
  },
]
