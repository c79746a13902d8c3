/**
 * `boot/`: the machine as it is when init runs. Exact: what the size of memory and the settings decide (zones,
 * watermarks, protection, lists per CPU, sysctls, commit limit). Close: what boot has taken, as a level.
 *
 * Not compared as levels: the pages of the measuring programs (a shell and its applets, on a root that held 1.9 MB), which
 * are Cached, Shmem, the anonymous LRU lists, Mapped, AnonPages, PageTables and Committed_AS. And `pcp_count`, which is
 * how far the lists of the CPU happened to be filled.
 */
import type { LabLine } from '../../../src-main/lab/measure'
import type { Experiment, Numbers, RealStep } from '../reference'
import { compareClasses, pages, parseBuddyinfo, type Zones } from './buddy'
import { close, exact, missing, zeroOnce, type Comparator, type Figure } from './figure'
import { byPath, numbersOf, textsOf, zonesOf, type Zone } from './texts'

const FEW_KB = 256
const ZONE_FIGURES = ['min', 'low', 'high', 'spanned', 'present', 'managed', 'pcp_high', 'pcp_batch'] as const
/** What the measuring programs are made of. */
const PROGRAMS = /^(Cached|Shmem|Active|Inactive|(Active|Inactive)\(anon\)|Mapped|AnonPages|PageTables|Committed_AS)$/
const CONSTANT = /^(VmallocTotal|VmallocChunk|Hugepagesize|HugePages_|Hugetlb$|Swap|Zswap|NFS_|Bounce|HardwareCorrupted)/

export const compareBoot: Comparator = (real, lines) =>
  real.id.includes('/tunables-') ? compareTunables(real, lines) : compareLevels(real, lines)

// ---------------------------------------------------------------- the state after boot

function compareLevels(real: Experiment, lines: readonly LabLine[]): Figure[] {
  const step = real.steps[0]!
  const texts = textsOf(lines, 'boot')
  const [meminfo, zoneinfo, buddyinfo] = ['meminfo', 'zoneinfo', 'buddyinfo'].map((f) => texts.get(`/proc/${f}`))
  if (meminfo === undefined || zoneinfo === undefined || buddyinfo === undefined) return [missing('boot')]
  const vmstat = numbersOf(texts.get('/proc/vmstat') ?? '')
  return [
    ...compareMeminfo(step.meminfo!, numbersOf(meminfo)),
    ...compareZones('boot', step['zones'] as Zone[], zonesOf(zoneinfo)),
    ...compareBlocks(step['buddyinfo'] as Zones, parseBuddyinfo(buddyinfo), vmstat['nr_free_pages'] ?? NaN),
    ...compareSettings(step['sys_vm'] as Record<string, string>, texts.get('/proc/sys/vm/*') ?? ''),
  ]
}

function compareMeminfo(real: Numbers, got: Numbers): Figure[] {
  const compared = Object.entries(real).filter(([name]) => !PROGRAMS.test(name))
  const figures = compared.map(([name, value]) => {
    const mine = got[name] ?? NaN
    if (name === 'MemTotal') return close('boot', name, value, mine, 0, 0.005)
    if (name === 'CommitLimit') return exact('boot', `${name} of MemTotal`, share(value, real), share(mine, got))
    if (CONSTANT.test(name)) return exact('boot', name, value, mine)
    return close('boot', name, value, mine, FEW_KB, 0.05)
  })
  return zeroOnce('boot', figures)
}
/** Commit limit against what the ratio makes of MemTotal (50 %, in whole pages). */
function share(limit: number, meminfo: Numbers): number {
  return limit - Math.floor(meminfo['MemTotal']! / 8) * 4
}

/** Zones by name; one that is missing or too many is wrong. */
function compareZones(step: string, real: readonly Zone[], got: readonly Zone[]): Figure[] {
  const figures = [exact(step, 'zones', real.map((z) => z.zone).join(' '), got.map((z) => z.zone).join(' '))]
  for (const zone of real) {
    const mine = got.find((z) => z.zone === zone.zone)
    if (mine === undefined) continue
    for (const name of ZONE_FIGURES) figures.push(exact(step, `${zone.zone} ${name}`, zone[name], mine[name]))
    figures.push(exact(step, `${zone.zone} protection`, zone.protection.join(' '), mine.protection.join(' ')))
    figures.push(close(step, `${zone.zone} free`, zone.free, mine.free, FEW_KB / 4, 0.05))
  }
  return figures
}

/** The sum is what nr_free_pages says; pages per class of orders as in `buddy/`. */
function compareBlocks(real: Zones, got: Zones, nr_free_pages: number): Figure[] {
  const sum = Object.values(got).reduce((total, counts) => total + pages(counts, 0, 10), 0)
  return [exact('boot', 'buddyinfo = nr_free_pages', nr_free_pages, sum), ...compareClasses('boot', real, got)]
}

/** Defaults that agree count once; those that memory decides, and those that differ, one by one. */
function compareSettings(real: Readonly<Record<string, string>>, text: string): Figure[] {
  const got = byPath(text)
  const figures = Object.entries(real).map(([name, value]) => {
    const mine = got.get(`/proc/sys/vm/${name}`) ?? 'missing'
    // A share of the memory that was free in the middle of boot: 1/32 of what MemFree may be off by.
    if (name.endsWith('_reserve_kbytes')) return close('boot', `vm.${name}`, Number(value), Number(mine), FEW_KB / 32, 0.005)
    return exact('boot', `vm.${name}`, value, mine)
  })
  const own = (f: Figure): boolean => !f.ok || /(min_free|_reserve)/.test(f.name)
  const alike = figures.filter((f) => !own(f)).length
  return [...figures.filter(own), exact('boot', 'defaults of vm.* that agree', alike, alike)]
}

// ---------------------------------------------------------------- after sysctl writes

function compareTunables(real: Experiment, lines: readonly LabLine[]): Figure[] {
  let before: Sides | null = null
  return real.steps.flatMap((step) => {
    const texts = textsOf(lines, step.step)
    const zoneinfo = texts.get('/proc/zoneinfo')
    const mine = numbersOf(texts.get('/proc/meminfo') ?? '')
    if (zoneinfo === undefined) return [missing(step.step)]
    const figures = compareZones(step.step, step['zones'] as Zone[], zonesOf(zoneinfo))
    for (const name of ['min_free_kbytes', 'watermark_scale_factor', 'lowmem_reserve_ratio'] as const)
      figures.push(exact(step.step, `vm.${name}`, String(step[name]), (texts.get(`/proc/sys/vm/${name}`) ?? '').trim()))
    figures.push(...availableMoves(step, mine, before))
    before = { real: step, mine }
    return figures
  })
}
interface Sides {
  readonly real: RealStep
  readonly mine: Numbers
}
/** What the reserves take from MemAvailable, as the change from step to step (the first: its distance from MemFree). */
function availableMoves(step: RealStep, mine: Numbers, before: Sides | null): Figure[] {
  return (['MemFree', 'MemAvailable'] as const).map((name) => {
    const [real, got] = [step[name] as number, mine[name] ?? NaN]
    if (before === null) return close(step.step, name, real, got, FEW_KB, 0.05)
    const moved = real - (before.real[name] as number)
    return close(step.step, `${name} moves`, moved, got - (before.mine[name] ?? NaN), FEW_KB, 0.05)
  })
}
