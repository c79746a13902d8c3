/** vmstat (procps-ng 4.0.2), but for its stale memory columns in later rows. */
import type { Inside, Io, Tool } from '../inside'
import { getopt, OptionError, UsageError, whole } from '../options'
import { HZ, keyed, padLeft, readSlabs, readStat, spaced, type Stat } from '../procText'
import { used_kB } from './free'

const LONG = {
  active: 'a', forks: 'f', slabs: 'm', 'one-header': 'n', stats: 's', disk: 'd', 'disk-sum': 'D', partition: 'p',
  unit: 'S', wide: 'w', timestamp: 't', help: 'h', version: 'V', 'no-first': 'y',
} // prettier-ignore
/** Kinds of output that exclude each other. */
const MODES = 'smdDp'
/** Rows of a window where there is none. */
const WINDOW_ROWS = 24

interface Look {
  readonly stat: Stat
  readonly uptime: number
  readonly mem: ReadonlyMap<string, number>
  readonly vm: ReadonlyMap<string, number>
}

interface Style {
  readonly wide: boolean
  readonly active: boolean
  readonly stamp: boolean
  readonly unit: Unit
}
interface Unit {
  readonly letter: string
  readonly bytes: number
}
/** How often, and for how long. */
interface Course {
  readonly every: number
  readonly count: number
  readonly noFirst: boolean
  readonly oneHeader: boolean
  readonly height: number
}

export const vmstat: Tool = {
  name: 'vmstat',
  about: 'processes, memory, paging, block I/O and CPU',
  suite: 'procps',
  async run(args, io) {
    const { flags, values, order, rest } = getopt('vmstat', args, 'afmnsdDp:S:wthVy', LONG)
    const unit = unitOf(values.get('S'))
    if (flags.has('f')) return print(io, `${padLeft(readStat(io.inside).processes, 13)} forks\n`)
    const course = courseOf(rest, flags, io)
    const style = { wide: flags.has('w'), active: flags.has('a'), stamp: flags.has('t'), unit }
    const modes = new Set(order.map(([letter]) => letter).filter((letter) => MODES.includes(letter)))
    if (modes.size > 1) throw new OptionError('')
    switch ([...modes][0]) {
      case 's':
        return print(io, statsText(io.inside, unit))
      case 'm':
        return print(io, slabsText(io.inside, course))
      case 'D':
        return print(io, diskSumText(io.inside))
      case 'd':
        return diskRows(io, style, course)
      case 'p':
        return partitionRows(io, values.get('p')!.replace(/^\/dev\//, ''), course)
      default:
        return memoryRows(io, style, course)
    }
  },
}

function courseOf(rest: readonly string[], flags: ReadonlySet<string>, io: Io): Course {
  const [delay, updates] = rest
  const every = delay === undefined ? 1 : whole('failed to parse argument', delay)
  if (every < 1) throw new UsageError('delay must be positive integer')
  const given = updates === undefined ? null : whole('failed to parse argument', updates)
  if (rest.length > 2) throw new OptionError('')
  const noFirst = flags.has('y')
  return {
    every,
    count: given ?? (delay === undefined ? 1 : Infinity),
    noFirst,
    oneHeader: flags.has('n'),
    height: (io.tty && io.rows > 3 ? io.rows : WINDOW_ROWS) - 3,
  }
}

/** The header, the row of averages since boot, then what each interval brought. */
async function memoryRows(io: Io, style: Style, course: Course): Promise<number> {
  const header = headerText(style)
  let last = look(io.inside)
  io.out(header)
  if (!course.noFirst) io.out(rowText(last, null, course.every, style))
  const rows = course.noFirst ? course.count + 1 : course.count
  for (let i = 1; i < rows; i++) {
    await io.inside.sleep(course.every * 1000, io.signal)
    if (!course.oneHeader && i % course.height === 0) io.out(header)
    const now = look(io.inside)
    io.out(rowText(now, last, course.every, style))
    last = now
  }
  return 0
}

function headerText({ wide, active, stamp }: Style): string {
  const names = active ? [' inact', 'active'] : ['  buff', ' cache']
  const wideNames = names.map((n) => padLeft(n.trim(), 12)).join(' ')
  const lines = wide
    ? [
        '--procs-- -----------------------memory---------------------- ---swap-- -----io---- -system-- ----------cpu----------',
        `   r    b         swpd         free ${wideNames}   si   so    bi    bo   in   cs  us  sy  id  wa  st  gu`,
      ]
    : [
        'procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----',
        ` r  b   swpd   free ${names.join(' ')}   si   so    bi    bo   in   cs us sy id wa st`,
      ]
  if (stamp) {
    lines[0] += ' -----timestamp-----'
    lines[1] += `                 UTC`
  }
  return `${lines.join('\n')}\n`
}

function look(inside: Inside): Look {
  return {
    stat: readStat(inside),
    uptime: Number.parseFloat(inside.read('/proc/uptime')),
    mem: keyed(inside.read('/proc/meminfo')),
    vm: spaced(inside.read('/proc/vmstat')),
  }
}

/** A row: rates of the last interval, of so many seconds, or since boot when there is no row before. */
function rowText(now: Look, before: Look | null, every: number, style: Style): string {
  const cpu = cpuTimes(now.stat, before?.stat)
  const all = cpu.user + cpu.system + cpu.idle + cpu.wait + cpu.steal
  const div = all === 0 ? 1 : all
  const idle = all === 0 ? 1 : cpu.idle
  const share = (ticks: number): number => Math.trunc((100 * ticks + Math.trunc(div / 2)) / div)
  const rate = (value: number): number =>
    before === null
      ? Math.trunc((value * HZ + Math.trunc(div / 2)) / div)
      : Math.trunc((value + Math.trunc(every / 2)) / every)
  const vm = (name: string): number => (now.vm.get(name) ?? 0) - (before?.vm.get(name) ?? 0)
  const kB = (name: string): number => now.mem.get(name) ?? 0
  const scaled = (value: number): number => inUnit(value, style.unit)
  const memory = style.active ? [kB('Inactive'), kB('Active')] : [kB('Buffers'), kB('Cached') + kB('SReclaimable')]
  const [w, m, c] = style.wide ? [4, 12, 3] : [2, 6, 2]
  const cells = [
    padLeft(now.stat.running, w),
    padLeft(now.stat.blocked, w),
    ...[kB('SwapTotal') - kB('SwapFree'), kB('MemFree'), ...memory].map((v) => padLeft(scaled(v), m)),
    padLeft(rate(scaled(vm('pswpin') * 4)), 4),
    padLeft(rate(scaled(vm('pswpout') * 4)), 4),
    padLeft(rate(vm('pgpgin')), 5),
    padLeft(rate(vm('pgpgout')), 5),
    padLeft(rate(now.stat.intr - (before?.stat.intr ?? 0)), 4),
    padLeft(rate(now.stat.ctxt - (before?.stat.ctxt ?? 0)), 4),
    ...[cpu.user, cpu.system, idle, cpu.wait, cpu.steal].map((v) => padLeft(share(v), c)),
  ]
  if (style.wide) cells.push(padLeft(share(cpu.guest), c))
  if (style.stamp) cells.push(stampText(now))
  return `${cells.join(' ')}\n`
}

/** The machine's time of day, in UTC. */
function stampText({ stat, uptime }: Look): string {
  return new Date((stat.btime + uptime) * 1000).toISOString().slice(0, 19).replace('T', ' ')
}

function cpuTimes(now: Stat, before: Stat | undefined) {
  const [user, nice, system, idle, wait, irq, softirq, steal, guest, guestNice] = now.cpu.map(
    (v, i) => v - (before?.cpu[i] ?? 0),
  )
  return {
    user: Math.max(0, user! + nice! - guest! - guestNice!),
    system: system! + irq! + softirq!,
    idle: Math.max(0, idle!),
    wait: wait!,
    steal: steal!,
    guest: guest! + guestNice!,
  }
}

function statsText(inside: Inside, unit: Unit): string {
  const { stat, mem, vm } = look(inside)
  const kB = (name: string): number => mem.get(name) ?? 0
  const memory: [number, string][] = [
    [kB('MemTotal'), 'total memory'],
    [used_kB(mem), 'used memory'],
    [kB('Active'), 'active memory'],
    [kB('Inactive'), 'inactive memory'],
    [kB('MemFree'), 'free memory'],
    [kB('Buffers'), 'buffer memory'],
    [kB('Cached') + kB('SReclaimable'), 'swap cache'],
    [kB('SwapTotal'), 'total swap'],
    [kB('SwapTotal') - kB('SwapFree'), 'used swap'],
    [kB('SwapFree'), 'free swap'],
  ]
  const [user, nice, system, idle, wait, irq, softirq, steal, guest, guestNice] = stat.cpu
  const counts: [number | undefined, string][] = [
    [user, 'non-nice user cpu ticks'],
    [nice, 'nice user cpu ticks'],
    [system, 'system cpu ticks'],
    [idle, 'idle cpu ticks'],
    [wait, 'IO-wait cpu ticks'],
    [irq, 'IRQ cpu ticks'],
    [softirq, 'softirq cpu ticks'],
    [steal, 'stolen cpu ticks'],
    [guest, 'non-nice guest cpu ticks'],
    [guestNice, 'nice guest cpu ticks'],
    [vm.get('pgpgin'), 'K paged in'],
    [vm.get('pgpgout'), 'K paged out'],
    [vm.get('pswpin'), 'pages swapped in'],
    [vm.get('pswpout'), 'pages swapped out'],
    [stat.intr, 'interrupts'],
    [stat.ctxt, 'CPU context switches'],
    [stat.btime, 'boot time'],
    [stat.processes, 'forks'],
  ]
  const lines = memory.map(([v, text]) => `${padLeft(inUnit(v, unit), 13)} ${unit.letter} ${text}`)
  return [...lines, ...counts.map(([v, text]) => `${padLeft(v ?? 0, 13)} ${text}`), ''].join('\n')
}

function slabsText(inside: Inside, { height, oneHeader }: Course): string {
  const head = 'Cache                       Num  Total   Size  Pages\n'
  return readSlabs(inside)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((s, i) => {
      const line = `${s.name.padEnd(24)} ${[s.active, s.objs, s.size, s.perSlab].map((v) => padLeft(v, 6)).join(' ')}\n`
      return (oneHeader ? (i === 0 ? head : '') : i % height === 0 ? head : '') + line
    })
    .join('')
}

interface Disk {
  readonly name: string
  readonly n: readonly number[]
}

function disks(inside: Inside): Disk[] {
  return inside
    .read('/proc/diskstats')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((w) => w.length >= 14)
    .map((w) => ({ name: w[2]!, n: w.slice(3).map(Number) }))
    .filter((d) => !/^(ram|loop)/.test(d.name))
}

function wholeDisks(inside: Inside): Disk[] {
  return disks(inside).filter((d) => !PARTITION.test(d.name))
}
const PARTITION = /^((sd|hd|vd|xvd)[a-z]+\d+|(nvme|mmcblk)\S+p\d+)$/

async function diskRows(io: Io, { wide, stamp }: Style, course: Course): Promise<number> {
  const lines = wide
    ? [
        'disk- -------------------reads------------------- -------------------writes------------------ ------IO-------',
        '          total    merged     sectors          ms     total    merged     sectors          ms     cur     sec',
      ]
    : [
        'disk- ------------reads------------ ------------writes----------- -----IO------',
        '       total merged sectors      ms  total merged sectors      ms    cur    sec',
      ]
  const header = `${lines[0]}${stamp ? ' -----timestamp-----' : ''}\n${lines[1]}${stamp ? '                  UTC' : ''}\n`
  const widths = wide ? [9, 9, 11, 11, 9, 9, 11, 11, 7, 7] : [6, 6, 7, 7, 6, 6, 7, 7, 6, 6]
  if (course.oneHeader) io.out(header)
  for (let i = 0; i < course.count; i++) {
    const time = stamp ? ` ${stampText(look(io.inside))}` : ''
    for (const [at, { name, n }] of wholeDisks(io.inside).entries()) {
      if (!course.oneHeader && at % course.height === 0) io.out(header)
      const cells = [...n.slice(0, 8), Math.trunc(n[8]! / 1000), Math.trunc(n[9]! / 1000)]
      io.out(`${name.padEnd(5)} ${cells.map((v, c) => padLeft(v, widths[c]!)).join(' ')}${time}\n`)
    }
    if (i + 1 < course.count) await io.inside.sleep(course.every * 1000, io.signal)
  }
  return 0
}

async function partitionRows(io: Io, name: string, course: Course): Promise<number> {
  for (let i = 0; i < course.count; i++) {
    const found = disks(io.inside).find((disk) => disk.name === name)
    if (found === undefined) throw new UsageError(`Disk/Partition ${name} not found`)
    const { n } = found
    if (i === 0) io.out(`${name.padEnd(10)}      reads      read sectors      writes  requested writes\n`)
    io.out(`${padLeft(n[0]!, 21)}  ${padLeft(n[2]!, 16)}  ${padLeft(n[4]!, 10)}  ${padLeft(n[6]!, 16)}\n`)
    if (i + 1 < course.count) await io.inside.sleep(course.every * 1000, io.signal)
  }
  return 0
}

function diskSumText(inside: Inside): string {
  const parts = disks(inside).filter((d) => PARTITION.test(d.name)).length
  const all = wholeDisks(inside)
  const sum = (i: number): number => all.reduce((s, d) => s + d.n[i]!, 0)
  const thousands = (i: number): number => all.reduce((s, d) => s + Math.trunc(d.n[i]! / 1000), 0)
  const lines: [number, string][] = [
    [all.length, 'disks'],
    [parts, 'partitions'],
    [sum(0), 'total reads'],
    [sum(1), 'merged reads'],
    [sum(2), 'read sectors'],
    [sum(3), 'milli reading'],
    [sum(4), 'writes'],
    [sum(5), 'merged writes'],
    [sum(6), 'written sectors'],
    [sum(7), 'milli writing'],
    [thousands(8), 'inprogress IO'],
    [thousands(9), 'milli spent IO'],
    [thousands(10), 'milli weighted IO'],
  ]
  return lines.map(([v, text]) => `${padLeft(v, 13)} ${text}\n`).join('')
}

/** kB in a unit, with the precision of vmstat's C float. */
function inUnit(kB: number, { bytes }: Unit): number {
  return Math.trunc(Math.fround(Math.fround(Math.fround(kB) / bytes) * 1024))
}

function unitOf(text = 'K'): Unit {
  const letter = text[0] ?? ''
  const bytes = { b: 1, B: 1, k: 1000, K: 1024, m: 1000000, M: 1048576 }[letter]
  if (bytes === undefined) throw new UsageError('-S requires k, K, m or M (default is KiB)')
  return { letter, bytes }
}

function print(io: Io, text: string): number {
  io.out(text)
  return 0
}
