/** The columns of ps: header, width, how they stand, and what they say of a process. */
import {
  clock,
  commandLine,
  cpuShare,
  ctime,
  elapsed,
  processGroup,
  startedAt,
  startText,
  stateText,
  ticks,
  type Proc,
  type Whole,
} from '../../processes'
import { HZ, readOr } from '../../procText'
import { groupName, userName } from '../../users'

/** How a column stands: `name` is cut with a +, `wchan` is cut, `signal` may take more room, `rest` as much as it likes. */
export type Stand = 'right' | 'left' | 'name' | 'wchan' | 'signal' | 'rest'
export interface Column {
  readonly header: string
  readonly width: number
  readonly stand: Stand
  /** As wide as the largest PID. */
  readonly isPid: boolean
  /** Shows the tree. */
  readonly isCommand: boolean
  readonly text: (p: Proc, whole: Whole) => string
  readonly key: (p: Proc, whole: Whole) => number | string
}

type Value = (p: Proc, whole: Whole) => number
type Text = (p: Proc, whole: Whole) => string

const column = (header: string, width: number, stand: Stand, text: Text, key: Column['key'] = text): Column => ({
  header, width, stand, text, key, isPid: false, isCommand: false,
}) // prettier-ignore
const number = (header: string, width: number, value: Value): Column =>
  column(header, width, 'right', (p, w) => String(value(p, w)), value)
const pid = (header: string, value: Value): Column => ({ ...number(header, 5, value), isPid: true })
const field = (header: string, width: number, n: number): Column => number(header, width, (p) => p.stat.field(n))
const kB = (header: string, width: number, name: string): Column =>
  number(header, width, (p) => p.status.get(name) ?? 0)
const command = (header: string, width: number, text: Text): Column => ({
  ...column(header, width, 'rest', text),
  isCommand: true,
})
const user = (header: string, uid: Value): Column => column(header, 8, 'name', (p, w) => userName(uid(p, w)))
const group = (header: string, gid: Value): Column => column(header, 8, 'name', (p, w) => groupName(gid(p, w)))
const signals = (header: string, name: string): Column =>
  column(header, 9, 'signal', (p) => new RegExp(`^${name}:\\s+(\\w+)`, 'm').exec(p.statusText)?.[1] ?? '0')
const started = (header: string, width: number, text: (at: number, w: Whole) => string): Column =>
  column(header, width, 'right', (p, w) => text(startedAt(p, w), w), (p) => p.stat.field(22)) // prettier-ignore
const io = (header: string, name: string): Column =>
  number(header, 5, (p) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(own(p, 'io'))?.[1] ?? 0))
const none = (header: string, width: number, stand: Stand = 'right'): Column => column(header, width, stand, () => '-')
const renamed = (header: string, of: Column, width = of.width): Column => ({ ...of, header, width })
const hex = (header: string, value: Text): Column => column(header, 16, 'right', (p, w) => BigInt(value(p, w)).toString(16).padStart(16, '0')) // prettier-ignore

const own = (p: Proc, file: string): string => readOr(p.inside, `/proc/${p.pid}/${file}`)
const rollup = (p: Proc, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(own(p, 'smaps_rollup'))?.[1] ?? 0)
const uid: Value = (p) => p.uid
const gid: Value = (p) => p.status.get('Gid') ?? 0
const code = (p: Proc): number => (p.stat.field(23) > 0 ? p.stat.field(27) - p.stat.field(26) : 0)
const seconds: Value = (p) => Math.trunc(ticks(p) / HZ)
const two = (n: number): string => String(n).padStart(2, '0')

const args = command('COMMAND', 27, commandLine)
const comm = command('COMMAND', 15, (p) => p.stat.comm)
const time = column('TIME', 8, 'right', (p, w) => timeText(seconds(p, w)), seconds)
const state = column('S', 1, 'left', (p) => p.stat.state)
const tty = column('TT', 8, 'left', () => '?')
const priority = (header: string, of: (prio: number) => number): Column =>
  number(header, 3, (p) => of(p.stat.field(18)))
const policy = column('CLS', 3, 'left', (p) => ['TS', 'FF', 'RR', 'B', 'ISO', 'IDL', 'DLN'][p.stat.field(41)] ?? '?')
const waits = column('WCHAN', 6, 'wchan', waitsIn)
const cgroup = column('CGROUP', 27, 'rest', (p) => groupsOf(own(p, 'cgroup')))

export const COLUMNS: Readonly<Record<string, Column>> = {
  pid: pid('PID', (p) => p.pid), tgid: pid('TGID', (p) => p.pid), lwp: pid('LWP', (p) => p.pid), tid: pid('TID', (p) => p.pid), spid: pid('SPID', (p) => p.pid),
  ppid: pid('PPID', (p) => p.stat.field(4)), pgid: pid('PGID', processGroup), pgrp: pid('PGRP', processGroup),
  sid: pid('SID', (p) => p.stat.field(6)), sess: pid('SESS', (p) => p.stat.field(6)), session: pid('SESS', (p) => p.stat.field(6)),
  tpgid: pid('TPGID', (p) => p.stat.field(8)),
  user: user('USER', uid), uname: user('USER', uid), euser: user('EUSER', uid), ruser: user('RUSER', uid), suser: user('SUSER', uid), svuser: user('SVUSER', uid), fuser: user('FUSER', uid), fsuser: user('FSUSER', uid), uid_hack: user('UID', uid),
  uid: number('UID', 5, uid), euid: number('EUID', 5, uid), ruid: number('RUID', 5, uid), suid: number('SUID', 5, uid), svuid: number('SVUID', 5, uid), fuid: number('FUID', 5, uid), fsuid: number('FSUID', 5, uid),
  group: group('GROUP', gid), egroup: group('EGROUP', gid), rgroup: group('RGROUP', gid), sgroup: group('SGROUP', gid), fgroup: group('FGROUP', gid), fsgroup: group('FSGROUP', gid), svgroup: group('SVGROUP', gid),
  gid: number('GID', 5, gid), egid: number('EGID', 5, gid), rgid: number('RGID', 5, gid), sgid: number('SGID', 5, gid), svgid: number('SVGID', 5, gid), fgid: number('FGID', 5, gid), fsgid: number('FSGID', 5, gid),
  pcpu: column('%CPU', 4, 'right', (p, w) => tenths(cpuShare(p, w)), cpuShare), '%cpu': column('%CPU', 4, 'right', (p, w) => tenths(cpuShare(p, w)), cpuShare),
  pmem: column('%MEM', 4, 'right', (p, w) => tenths(memShare(p, w)).padStart(4), (p) => p.status.get('VmRSS') ?? 0), '%mem': column('%MEM', 4, 'right', (p, w) => tenths(memShare(p, w)).padStart(4), (p) => p.status.get('VmRSS') ?? 0),
  c: column('C', 2, 'right', (p, w) => String(Math.min(99, Math.trunc(cpuShare(p, w) / 10))).padStart(2), cpuShare), util: column('C', 2, 'right', (p, w) => String(Math.min(99, Math.trunc(cpuShare(p, w) / 10))).padStart(2), cpuShare), cp: number('CP', 3, (p, w) => Math.min(999, cpuShare(p, w))),
  vsz: kB('VSZ', 6, 'VmSize'), vsize: number('VSZ', 6, (p) => Math.trunc(p.stat.field(23) / 1024)), rss: kB('RSS', 5, 'VmRSS'), rssize: kB('RSS', 5, 'VmRSS'), rsz: kB('RSZ', 5, 'VmRSS'),
  sz: number('SZ', 5, (p) => Math.trunc((p.status.get('VmSize') ?? 0) / 4)), size: number('SIZE', 5, (p) => (p.status.get('VmData') ?? 0) + (p.status.get('VmStk') ?? 0)), m_size: field('SIZE', 5, 23),
  drs: number('DRS', 5, (p) => Math.trunc((p.stat.field(23) - code(p)) / 1024)), m_drs: number('DRS', 5, (p) => Math.trunc((p.stat.field(23) - code(p)) / 1024)),
  trs: number('TRS', 4, (p) => Math.trunc(code(p) / 1024)), m_trs: number('TRS', 5, (p) => Math.trunc(code(p) / 1024)), trss: number('TRSS', 4, (p) => Math.trunc(code(p) / 1024)),
  pss: number('PSS', 5, (p) => rollup(p, 'Pss')), uss: number('USS', 5, (p) => rollup(p, 'Private_Clean') + rollup(p, 'Private_Dirty')),
  tname: renamed('TTY', tty), tty8: renamed('TTY', tty), tt: tty, tty, tty4: renamed('TTY', tty, 4), longtname: renamed('TTY', tty),
  stat: column('STAT', 4, 'left', stateText), s: state, state,
  bsdstart: started('START', 6, (at, w) => (w.now - at > 86400 ? ctime(at).slice(4, 10) : ctime(at).slice(10, 16))),
  start_time: started('START', 5, startText), stime: started('STIME', 5, startText), lstart: started('STARTED', 24, ctime),
  start: started('STARTED', 8, (at, w) => (w.now - at > 86400 ? `  ${ctime(at).slice(4, 10)}` : clock(at))),
  etime: column('ELAPSED', 11, 'right', (p, w) => etimeText(elapsed(p, w)), elapsed), etimes: number('ELAPSED', 7, elapsed),
  bsdtime: column('TIME', 6, 'right', (p, w) => `${String(Math.trunc(seconds(p, w) / 60)).padStart(3)}:${two(seconds(p, w) % 60)}`, ticks),
  time, cputime: time, atime: time, times: number('TIME', 8, seconds), cputimes: number('TIME', 8, seconds),
  args, command: args, cmd: renamed('CMD', args), comm, ucomm: comm, ucmd: renamed('CMD', comm),
  fname: column('COMMAND', 8, 'left', (p) => p.stat.comm.slice(0, 8)), exe: column('EXE', 27, 'rest', (p) => linkOf(p, 'exe')),
  ni: field('NI', 3, 19), nice: field('NI', 3, 19), nlwp: field('NLWP', 4, 20), thcount: field('THCNT', 5, 20), psr: field('PSR', 3, 39), cpuid: field('CPUID', 5, 39), lastcpu: field('C', 3, 39),
  pri: priority('PRI', (n) => 39 - n), priority: priority('PRI', (n) => n), opri: priority('PRI', (n) => 60 + n), intpri: priority('PRI', (n) => 60 + n),
  pri_api: priority('API', (n) => -1 - n), pri_bar: priority('BAR', (n) => n + 1), pri_baz: priority('BAZ', (n) => n + 100), pri_foo: priority('FOO', (n) => n - 20),
  cls: { ...policy, stand: 'right' }, class: policy, policy: renamed('POL', policy), sched: field('SCH', 3, 41),
  rtprio: column('RTPRIO', 6, 'right', (p) => (p.stat.field(41) === 0 ? '-' : String(p.stat.field(40)))),
  min_flt: field('MINFL', 6, 10), minflt: field('MINFLT', 6, 10), maj_flt: field('MAJFL', 6, 12), majflt: field('MAJFLT', 6, 12), pagein: field('PAGEIN', 6, 12),
  oom: number('OOM', 4, (p) => Number(own(p, 'oom_score'))), oomadj: number('OOMADJ', 5, (p) => Number(own(p, 'oom_score_adj'))),
  wchan: waits, wname: waits, nwchan: { ...none('WCHAN', 6), text: (p) => (waitsIn(p) === '-' ? '-' : '*') },
  cgroup, cgname: renamed('CGNAME', cgroup),
  f: flags('F'), flag: flags('F'), flags: flags('F'),
  pending: signals('PENDING', 'ShdPnd'), sig: signals('PENDING', 'ShdPnd'), sig_pend: signals('SIGNAL', 'ShdPnd'), blocked: signals('BLOCKED', 'SigBlk'), sig_block: signals('BLOCKED', 'SigBlk'), sigmask: signals('BLOCKED', 'SigBlk'),
  ignored: signals('IGNORED', 'SigIgn'), sig_ignore: signals('IGNORED', 'SigIgn'), sigignore: signals('IGNORED', 'SigIgn'), caught: signals('CAUGHT', 'SigCgt'), sig_catch: signals('CATCHED', 'SigCgt'), sigcatch: signals('CAUGHT', 'SigCgt'),
  rbytes: io('RBYTES', 'read_bytes'), wbytes: io('WBYTES', 'write_bytes'), rchars: io('RCHARS', 'rchar'), wchars: io('WCHARS', 'wchar'), rops: io('ROPS', 'syscr'), wops: io('WOPS', 'syscw'), wcbytes: io('WCBYTES', 'cancelled_write_bytes'),
  stackp: hex('STACKP', (p) => p.stat.text(28)), start_stack: hex('STACKP', (p) => p.stat.text(28)), esp: hex('ESP', (p) => p.stat.text(29)), eip: hex('EIP', (p) => p.stat.text(30)),
  sgi_p: column('P', 1, 'right', (p) => (p.stat.state === 'R' ? String(p.stat.field(39)) : '*')),
  addr: none('ADDR', 4), addr_1: none('ADDR', 1, 'left'), timeout: none('TMOUT', 5), alarm: none('ALARM', 5), label: none('LABEL', 31, 'left'), context: none('CONTEXT', 31, 'left'), unit: none('UNIT', 31, 'left'), slice: none('SLICE', 31, 'left'), supgrp: none('SUPGRP', 40, 'rest'), supgid: none('SUPGID', 20, 'rest'), numa: number('NUMA', 4, () => 0),
} // prettier-ignore

function flags(header: string): Column {
  return column(header, 1, 'right', (p) => ((p.stat.field(9) >>> 6) & 7).toString(8), (p) => p.stat.field(9)) // prettier-ignore
}

function memShare(p: Proc, { memTotal }: Whole): number {
  return Math.min(999, Math.trunc(((p.status.get('VmRSS') ?? 0) * 1000) / memTotal))
}

function tenths(thousandths: number): string {
  return thousandths > 999
    ? String(Math.trunc(thousandths / 10))
    : `${Math.trunc(thousandths / 10)}.${thousandths % 10}`
}

function etimeText(s: number): string {
  const [d, h, m] = [Math.trunc(s / 86400), Math.trunc(s / 3600) % 24, Math.trunc(s / 60) % 60]
  return `${d > 0 ? `${d}-` : ''}${d > 0 || h > 0 ? `${two(h)}:` : ''}${two(m)}:${two(s % 60)}`
}

function timeText(s: number): string {
  const d = Math.trunc(s / 86400)
  return `${d > 0 ? `${d}-` : ''}${two(Math.trunc(s / 3600) % 24)}:${two(Math.trunc(s / 60) % 60)}:${two(s % 60)}`
}

/** The kernel function in which a task waits, without leading underscores. */
function waitsIn(p: Proc): string {
  const text = readOr(p.inside, `/proc/${p.pid}/wchan`, '?')
  return text === '0' || text === '' ? '-' : text.replace(/^[_.]+/, '')
}

/** Cgroups but for the root ones. */
function groupsOf(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && !line.endsWith('/'))
  return lines.length === 0 ? '-' : lines.join(',')
}

function linkOf(p: Proc, name: string): string {
  try {
    return p.inside.readlink(`/proc/${p.pid}/${name}`)
  } catch {
    return '-'
  }
}
