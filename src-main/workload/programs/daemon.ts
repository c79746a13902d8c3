/** Programs that mostly wait: daemons of the base system and desktop programs at rest. */
import * as calls from '../calls'
import {
  around,
  below,
  cpu,
  ns_of,
  num,
  pages,
  random,
  read,
  sleep,
  system_calls,
  touch,
  write,
  type Proc,
} from '../process'
import { duration, int, percent, size, type Program } from '../program'

/** Takes its heap on the first call; then wakes now and then and looks at a little of it. */
function idle_step(p: Proc): void {
  const { s } = p
  if (s.phase === '') {
    const nr = pages(p, 'heap')
    s.v['heap'] = calls.grow_heap(p.k, nr * 4096)
    s.v['log'] = num(p, 'log') > 0 ? calls.open(p.k, `/var/log/${calls.comm(p.k, p.t)}.log`, true) : -1
    if (s.v['heap'] > 0) touch(p, s.v['heap'], nr)
    cpu(p, nr * 2_000)
    const data = num(p, 'data')
    if (data > 0) {
      const path = `/usr/share/${calls.comm(p.k, p.t)}`
      calls.create(p.k, path, data)
      read(p, calls.open(p.k, path, false), 0, data)
    }
    s.phase = 'idle'
    return
  }
  sleep(p, around(p, ns_of(p, 'period')))
  system_calls(p, 6)
  if (s.v['heap']! > 0) random(p, s.v['heap']!, pages(p, 'heap'), num(p, 'touches'), num(p, 'writes'))
  cpu(p, around(p, ns_of(p, 'work')))
  if (s.v['log']! >= 0 && below(p, 4) === 0) {
    const at = (s.v['end'] ??= 0)
    s.v['end'] = at + num(p, 'log')
    write(p, s.v['log']!, at, num(p, 'log'))
  }
}

function idle(
  name: string,
  path: string,
  about: string,
  values: Partial<Record<'heap' | 'period' | 'work' | 'data', string>> & {
    touches?: number
    writes?: number
    log?: number
  },
): Program {
  return {
    name,
    comm: path.replace(/^.*\//, '').slice(0, 15),
    path,
    about,
    params: {
      heap: size(values.heap ?? '2MiB', 'memory that it takes when it starts'),
      period: duration(values.period ?? '5s', 'how often it wakes'),
      work: duration(values.work ?? '200us', 'CPU time each time'),
      touches: int(values.touches ?? 24, 'pages of its memory it uses each time'),
      writes: percent(values.writes ?? 30, 'share of these that it writes'),
      log: int(values.log ?? 0, 'bytes that it appends to its log now and then'),
      data: size(values.data ?? '0', 'files that it reads when it starts'),
    },
    step: idle_step,
  }
}

export const daemons: readonly Program[] = [
  idle('daemon', '/usr/sbin/daemon', 'A service that sleeps, wakes now and then and does a little.', {}),
  idle('editor', '/usr/bin/gedit', 'A text editor: a few wake-ups a second while one types.', {
    heap: '22MiB',
    period: '250ms',
    work: '2ms',
    touches: 60,
    data: '6MiB',
  }),
  idle('terminal', '/usr/bin/gnome-terminal', 'A terminal window.', {
    heap: '10MiB',
    period: '700ms',
    work: '1ms',
    data: '3MiB',
  }),
  idle('music-player', '/usr/bin/rhythmbox', 'Plays music: decodes a little many times a second.', {
    heap: '18MiB',
    period: '80ms',
    work: '1500us',
    touches: 30,
    data: '9MiB',
  }),
  idle('display-server', '/usr/lib/xorg/Xorg', 'Draws the screen.', {
    heap: '30MiB',
    period: '33ms',
    work: '800us',
    touches: 60,
    writes: 60,
    data: '4MiB',
  }),
  idle('desktop-shell', '/usr/bin/gnome-shell', 'The desktop itself.', {
    heap: '56MiB',
    period: '50ms',
    work: '900us',
    touches: 80,
    data: '24MiB',
  }),
]
