/** Programs that mostly wait: daemons of the base system and desktop programs at rest. */
import * as calls from '../calls'
import { around, below, cpu, ns_of, num, pages, random, sleep, system_calls, touch, write, type Proc } from '../process'
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
  values: Partial<Record<'heap' | 'period' | 'work', string>> & { touches?: number; writes?: number; log?: number },
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
    },
    step: idle_step,
  }
}

export const daemons: readonly Program[] = [
  idle('daemon', '/usr/sbin/daemon', 'A service that sleeps, wakes now and then and does a little.', {}),
  idle('editor', '/usr/bin/gedit', 'A text editor: a few wake-ups a second while one types.', {
    heap: '28MiB',
    period: '400ms',
    work: '1ms',
    touches: 60,
  }),
  idle('terminal', '/usr/bin/gnome-terminal', 'A terminal window.', { heap: '14MiB', period: '700ms', work: '600us' }),
  idle('music-player', '/usr/bin/rhythmbox', 'Plays music: decodes a little many times a second.', {
    heap: '24MiB',
    period: '90ms',
    work: '700us',
    touches: 30,
  }),
  idle('display-server', '/usr/lib/xorg/Xorg', 'Draws the screen.', {
    heap: '36MiB',
    period: '60ms',
    work: '500us',
    touches: 60,
    writes: 60,
  }),
  idle('desktop-shell', '/usr/bin/gnome-shell', 'The desktop itself.', {
    heap: '70MiB',
    period: '120ms',
    work: '900us',
    touches: 80,
  }),
]
