/** vmstat (procps-ng 4.0.2), but for its stale memory columns in later rows. */
import type { Inside, Io, Tool } from '../inside'
import { getopt, seconds, UsageError } from '../options'
import { HZ, keyed, padLeft, readSlabs, readStat, spaced, type Stat } from '../procText'
import { used_kB } from './free'

const LONG = {
  active: 'a', forks: 'f', slabs: 'm', 'one-header': 'n', stats: 's', disk: 'd', 'disk-sum': 'D',
  unit: 'S', wide: 'w', timestamp: 't', 'no-first': 'y',
} // prettier-ignore

interface Look {
  readonly stat: Stat
  readonly mem: ReadonlyMap<string, number>
  readonly vm: ReadonlyMap<string, number>
}

interface Style {
  readonly wide: boolean
  readonly active: boolean
  readonly stamp: boolean
  readonly unit: number
}

export const vmstat: Tool = {
  name: 'vmstat',
  about: 'processes, memory, paging, block I/O and CPU',
  async run(args, io) {
    const { flags, values, rest } = getopt('vmstat', args, 'afmnsdDp:S:wty', LONG)
    if (flags.has('f')) return print(io, `${padLeft(readStat(io.inside).processes, 13)} forks\n`)
    if (flags.has('s')) return print(io, statsText(io.inside, unitOf(values.get('S'))))
    if (flags.has('m')) return print(io, slabsText(io.inside, io.tty ? io.rows - 3 : 22))
    if (flags.has('D')) return print(io, diskSumText(io.inside))
    const every = rest[0] === undefined ? null : seconds('vmstat', rest[0])
    if (every === 0) throw new UsageError('vmstat: delay must be positive integer')
    let count = rest[1] === undefined ? (every === null ? 1 : Infinity) : seconds('vmstat', rest[1])
    const style = { wide: flags.has('w'), active: flags.has('a'), stamp: flags.has('t'), unit: unitOf(values.get('S')) }
    const [header, row] = flags.has('d') ? diskRows(io.inside, style) : rows(io.inside, style, flags.has('y'))
    const height = io.tty ? Math.max(1, io.rows - 3) : 22
    if (flags.has('y') && every !== null) await io.inside.sleep(every * 1000, io.signal)
    for (let printed = 0; count-- > 0; printed++) {
      if (printed === 0 || (!flags.has('n') && printed % height === 0)) io.out(header)
      io.out(row())
      if (count > 0) await io.inside.sleep((every ?? 1) * 1000, io.signal)
    }
    return 0
  },
}

function rows(inside: Inside, style: Style, noFirst: boolean): [string, () => string] {
  let last = look(inside)
  let lastMs = inside.nowMs()
  let first = !noFirst
  const row = (): string => {
    if (first) {
      first = false
      return rowText(last, null, 0, style)
    }
    const now = look(inside)
    const text = rowText(now, last, (inside.nowMs() - lastMs) / 1000, style)
    ;[last, lastMs] = [now, inside.nowMs()]
    return text
  }
  return [headerText(style), row]
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
    mem: keyed(inside.read('/proc/meminfo')),
    vm: spaced(inside.read('/proc/vmstat')),
  }
}

/** A row: rates since `before`, or since boot when there is none. */
function rowText(now: Look, before: Look | null, elapsed: number, style: Style): string {
  const cpu = cpuTimes(now.stat, before?.stat)
  const all = cpu.user + cpu.system + cpu.idle + cpu.wait + cpu.steal
  const div = all === 0 ? 1 : all
  const idle = all === 0 ? 1 : cpu.idle
  const share = (ticks: number): number => Math.trunc((100 * ticks + Math.trunc(div / 2)) / div)
  const rate = (value: number): number =>
    before === null
      ? Math.trunc((value * HZ + Math.trunc(div / 2)) / div)
      : Math.trunc((value + Math.trunc(elapsed / 2)) / elapsed)
  const vm = (name: string): number => (now.vm.get(name) ?? 0) - (before?.vm.get(name) ?? 0)
  const kB = (name: string): number => now.mem.get(name) ?? 0
  const scaled = (value: number): number => Math.trunc((value * 1024) / style.unit)
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
  if (style.stamp) cells.push(stampText(now.stat.btime))
  return `${cells.join(' ')}\n`
}

function stampText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')
}

function cpuTimes(now: Stat, before: Stat | undefined) {
  const [user, nice, system, idle, wait, irq, softirq, steal, guest] = now.cpu.map((v, i) => v - (before?.cpu[i] ?? 0))
  return {
    user: user! + nice!,
    system: system! + irq! + softirq!,
    idle: Math.max(0, idle!),
    wait: wait!,
    steal: steal!,
    guest: guest!,
  }
}

function statsText(inside: Inside, unit: number): string {
  const { stat, mem, vm } = look(inside)
  const kB = (name: string): number => mem.get(name) ?? 0
  const letter = { 1000: 'k', 1024: 'K', 1000000: 'm', 1048576: 'M' }[unit] ?? 'K'
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
  const lines = memory.map(([v, text]) => `${padLeft(Math.trunc((v * 1024) / unit), 13)} ${letter} ${text}`)
  return [...lines, ...counts.map(([v, text]) => `${padLeft(v ?? 0, 13)} ${text}`), ''].join('\n')
}

function slabsText(inside: Inside, height: number): string {
  const head = 'Cache                       Num  Total   Size  Pages\n'
  return readSlabs(inside)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((s, i) => {
      const line = `${s.name.padEnd(24)} ${[s.active, s.objs, s.size, s.perSlab].map((v) => padLeft(v, 6)).join(' ')}\n`
      return (i % (height - 1) === 0 ? head : '') + line
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

function diskRows(inside: Inside, { wide }: Style): [string, () => string] {
  const header = wide
    ? 'disk- -------------------reads------------------- -------------------writes------------------ ------IO-------\n' +
      '           total      merged     sectors          ms       total      merged     sectors          ms     cur     sec\n'
    : 'disk- ------------reads------------ ------------writes----------- -----IO------\n' +
      '       total merged sectors      ms  total merged sectors      ms    cur    sec\n'
  const shown = wholeDisks(inside).length > 0 ? header : ''
  const row = (): string =>
    wholeDisks(inside)
      .map(({ name, n }) => {
        const [a, b] = wide ? [11, 11] : [6, 7]
        const cells = [n[0]!, n[1]!, n[2]!, n[3]!, n[4]!, n[5]!, n[6]!, n[7]!].map((v, i) =>
          padLeft(v, i % 4 < 2 ? a : b),
        )
        const [c, d] = wide ? [7, 7] : [6, 6]
        return `${name.padEnd(5)} ${cells.join(' ')} ${padLeft(Math.trunc(n[8]! / 1000), c)} ${padLeft(Math.trunc(n[9]! / 1000), d)}\n`
      })
      .join('')
  return [shown, row]
}

function diskSumText(inside: Inside): string {
  const parts = disks(inside).filter((d) => PARTITION.test(d.name)).length
  const all = wholeDisks(inside)
  const sum = (i: number): number => all.reduce((s, d) => s + d.n[i]!, 0)
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
    [sum(8), 'inprogress IO'],
    [Math.trunc(sum(9) / 1000), 'milli spent IO'],
    [Math.trunc(sum(10) / 1000), 'milli weighted IO'],
  ]
  return lines.map(([v, text]) => `${padLeft(v, 13)} ${text}\n`).join('')
}

function unitOf(letter: string | undefined): number {
  const unit = { k: 1000, K: 1024, m: 1000000, M: 1048576 }[letter ?? 'K']
  if (unit === undefined) throw new UsageError('vmstat: -S requires k, K, m or M (default is KiB)')
  return unit
}

function print(io: Io, text: string): number {
  io.out(text)
  return 0
}
