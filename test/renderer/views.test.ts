/** The models behind Slab, Memory, Process, Lab, Recordings and Fidelity. */
import { describe, expect, test } from 'vitest'
import { MEMINFO } from '@shared/counters'
import {
  addressParts,
  categoryOf,
  hex,
  parseAddress,
  processDetail,
  segments,
  statusLines,
  walkStart,
  type Area,
} from '../../src-renderer/model/addressSpace'
import { byZone, freeAreas, fragmentationIndex, unusableIndex, zoneLevels } from '../../src-renderer/model/buddy'
import { gradeOf, mechanismsOf } from '../../src-renderer/model/fidelity'
import { percent } from '../../src-renderer/model/figures'
import { errorLine, labSteps, remark, resultText } from '../../src-renderer/model/labProgram'
import {
  composition,
  explain,
  MEMINFO_TREE,
  meminfoRows,
  type MeminfoNode,
  type Value,
} from '../../src-renderer/model/meminfo'
import { libraryOf, type Recording } from '../../src-renderer/model/recordings'
import { Sample } from '../../src-renderer/model/sample'
import {
  slabCaches,
  slabDetail,
  slabTotals,
  sortCaches,
  trackSlabs,
  type SlabTrack,
} from '../../src-renderer/model/slab'
import { shareRows, slabBoxes } from '../../src-renderer/model/slabBoxes'
import { sampleSpacing, Track } from '../../src-renderer/model/track'
import { treemap } from '../../src-renderer/model/treemap'
import type { ProgramInfo } from '@shared/program'
import {
  choicesOf,
  defaultText,
  paramError,
  sizeText,
  sysctlError,
  typedParams,
} from '../../src-renderer/model/workload'
import { fakeBridge, fakeMachine, fakeSample } from '../support/fakeBridge'
import type { Push } from '@shared/protocol'

const sample = new Sample(fakeSample(95_000))
const read: Value = (name) => sample.read(name)
async function namesOf(): Promise<readonly string[]> {
  const bridge = fakeBridge()
  let names: readonly string[] = []
  bridge.subscribe((push: Push) => push.type === 'hello' && (names = push.names))
  await bridge.request({ type: 'hello' })
  return names
}

describe('meminfo', () => {
  test('has every line of /proc/meminfo once', () => {
    const lines = (nodes: readonly MeminfoNode[]): string[] =>
      nodes.flatMap((n) => [n.name, ...lines(n.children ?? [])])
    const all = lines(MEMINFO_TREE)
    expect(MEMINFO.map(([name]) => name).filter((name) => !all.includes(name))).toEqual([])
    expect(all.filter((name, i) => all.indexOf(name) !== i)).toEqual([])
  })
  test('parts of MemTotal add up to it', () => {
    expect(composition(read).reduce((sum, part) => sum + part.kB, 0)).toBe(read('MemTotal'))
  })
  test('parts of Slab, Cached and swap add up to their line', () => {
    expect(read('SReclaimable') + read('SUnreclaim')).toBe(read('Slab'))
    const rows = meminfoRows(read, null, new Set())
    const of = (name: string): number => rows.find((row) => row.node.name === name)!.value
    expect(of('file pages') + of('Shmem')).toBe(of('Cached'))
    expect(of('swap used') + of('SwapFree')).toBe(of('SwapTotal'))
  })
  test('folds a branch and tells the change over the range', () => {
    const then = new Sample(fakeSample(60_000))
    const rows = meminfoRows(read, (name) => then.read(name), new Set(['/MemTotal']))
    expect(rows[1]?.node.name).toBe('MemAvailable')
    expect(rows[1]?.change).toBe(read('MemAvailable') - then.read('MemAvailable'))
  })
  test('explains a line by operands that reach its value', () => {
    for (const name of ['MemAvailable', 'Slab', 'Active', 'swap used', 'other']) {
      const { lines } = explain(name, read)!
      const sum = lines.slice(0, -1).reduce((s, line) => s + (line.sign === '−' ? -line.kB : line.kB), 0)
      expect(sum, name).toBeCloseTo(lines.at(-1)!.kB, 6)
    }
    expect(explain('no such line', read)).toBeNull()
  })
})

describe('free areas', () => {
  test('count pages by order and zone', () => {
    const areas = freeAreas(sample)
    expect(byZone(areas).map((zone) => zone.zone)).toEqual(['DMA', 'DMA32'])
    expect(byZone(areas)[0]?.pages).toBe(areas[0]!.pages + areas[1]!.pages)
  })
  test('unusable_free_index is the share in blocks too small', () => {
    const blocks = [4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    expect(unusableIndex(blocks, 0)).toBe(0)
    expect(unusableIndex(blocks, 1)).toBe(0.5)
    expect(unusableIndex(blocks, 3)).toBe(1)
  })
  test('fragmentation_index is −1 where the order can be had', () => {
    expect(fragmentationIndex([4, 0, 1], 2)).toBe(-1)
    expect(fragmentationIndex([1000, 0, 0], 2)).toBeCloseTo(0.749, 3)
    expect(fragmentationIndex([], 2)).toBe(0)
  })
  test('zones stand below or above their watermarks', () => {
    const values: Record<string, number> = {
      wmark_min: 100,
      wmark_low: 125,
      wmark_high: 150,
      zone_dma_free: 99,
      zone_dma32_free: 60,
    }
    const zones = [
      { name: 'DMA', managed: 50 },
      { name: 'DMA32', managed: 50 },
      { name: 'Normal', managed: 0 },
    ]
    const levels = zoneLevels(zones, (name) => values[name] ?? 0)
    expect(levels.map((z) => z.level)).toEqual(['above high', 'below low'])
    expect(levels[0]).toMatchObject({ min: 50, low: 62, high: 75 })
    expect(fakeMachine.zones.length).toBe(2)
  })
})

describe('slab', () => {
  test('has slabtop’s figures, order and totals', async () => {
    const caches = slabCaches(sample, await namesOf())
    const dentry = caches.find((c) => c.name === 'dentry')!
    expect(dentry.cacheKB).toBe(dentry.slabs * 4)
    expect(dentry.use).toBe(Math.floor((dentry.active / dentry.objs) * 100))
    expect(sortCaches(caches, 'c')[0]?.name).toBe('dentry')
    expect(sortCaches(caches, 'n')[0]?.name).toBe('buffer_head')
    expect(sortCaches(caches, 'n', true)[0]?.name).toBe('vm_area_struct')
    const totals = slabTotals(caches)
    expect(totals.objs).toBe(caches.reduce((sum, c) => sum + c.objs, 0))
    expect(totals.activeKB).toBeLessThan(totals.sizeKB)
  })
  test('keeps the past of each cache', async () => {
    const names = await namesOf()
    const track: SlabTrack = new Track()
    for (const ms of [1000, 1500, 2000]) trackSlabs(track, ms, slabCaches(new Sample(fakeSample(ms)), names))
    expect(track.length).toBe(3)
    expect(track.value('dentry:size')(2)).toBe(slabCaches(new Sample(fakeSample(2000)), names)[0]?.cacheKB)
  })
  test('reads which objects are in use, a bit an object', () => {
    const { slabs } = slabDetail({
      kind: 'slab',
      ms: 0,
      cache: 'x',
      objsize: 64,
      objects: 64,
      order: 0,
      slabs: [{ pfn: 9, list: 'partial', inuse: 3, used: [0b101, 1] }],
    })
    expect([0, 1, 2, 31, 32].map((i) => slabs[0]!.isUsed(i))).toEqual([true, false, true, false, true])
  })
  test('draws every group of slabs, the small ones whole', () => {
    expect(shareRows([2, 100, 300], 42)).toEqual([2, 20, 20])
    expect(shareRows([2, 3], 100)).toEqual([2, 3])
    const slabs = Array.from({ length: 500 }, (_, i) => ({
      pfn: i,
      inuse: i % 21,
      state: i < 2 ? ('cpu' as const) : ('partial' as const),
      isUsed: () => true,
    }))
    const layout = slabBoxes({ cache: 'dentry', objsize: 192, objperslab: 21, slabs }, 410, 300, 9)
    expect(layout.slabs.filter(({ slab }) => slab.state === 'cpu')).toHaveLength(2)
    expect(layout.slabs.length + layout.hidden).toBe(500)
    expect(layout.slabs.every(({ x, y }) => x + 21 * layout.cell <= 410 && y + layout.cell <= 310)).toBe(true)
  })
})

describe('a track', () => {
  test('drops what comes after an instant that is told again, and marks gaps', () => {
    const track = new Track<'a'>()
    for (const ms of [0, 500, 1000, 5000]) track.push(ms, [['a', ms]])
    expect([...track.gap.slice(0, 4)]).toEqual([0, 0, 0, 1])
    track.push(700, [['a', 7]])
    expect([track.length, track.value('a')(2), track.value('a')(3)]).toEqual([3, 7, Number.NaN])
    expect([track.rowAt(600), track.nearest(650), track.rowAt(-1)]).toEqual([1, 2, -1])
  })
  test('of a fast machine leaves no gap between its rarer samples', () => {
    const track = new Track<'a'>()
    for (const ms of [0, 500, 4500, 8500, 30_000]) track.push(ms, [['a', ms]], sampleSpacing(500, 8))
    expect([...track.gap.slice(0, 5)]).toEqual([0, 0, 0, 0, 1])
  })
  test('thins its older half when it is full', () => {
    const track = new Track<'a'>(512)
    for (let i = 0; i < 2000; i++) track.push(i, [['a', i]])
    expect(track.length).toBeLessThanOrEqual(512)
    expect(track.value('a')(track.length - 1)).toBe(1999)
    expect(track.value('a')(0)).toBe(0)
    expect(track.course('a', 1999, 60, 60).at(-1)).toBe(1999)
  })
})

describe('an address', () => {
  test('is cut into four indices and an offset', () => {
    expect(addressParts(0x55d0c4b28f3c).map((part) => part.value)).toEqual([171, 323, 37, 296, 0xf3c])
    expect(addressParts(0x55d0c4b28f3c)[0]?.bits).toBe('010101011')
  })
  test('is read in hex, within the user’s half', () => {
    expect(parseAddress('0x7fff00001000')).toBe(0x7fff00001000)
    expect(parseAddress('55d0c4b28f3c')).toBe(0x55d0c4b28f3c)
    expect([parseAddress('ffff800000000000'), parseAddress('heap'), parseAddress('0x800000000000')]).toEqual([
      null,
      null,
      null,
    ])
    expect(hex(0x1000)).toBe('000000001000')
  })
  const area = (fields: Partial<Area>): Area => ({
    start: 0,
    end: 4096,
    perms: 'rw-p',
    offset: 0,
    name: '',
    sizeKB: 4,
    rssKB: 0,
    pssKB: 0,
    privateDirtyKB: 0,
    swapKB: 0,
    anonKB: 0,
    lockedKB: 0,
    flags: '',
    ...fields,
  })
  test('lies in an area with a category', () => {
    expect(categoryOf(area({ name: '[heap]' }))).toBe('anon')
    expect(categoryOf(area({ name: '/lib/libc.so.6', rssKB: 8 }))).toBe('file')
    expect(categoryOf(area({ name: '/dev/shm/x' }))).toBe('shmem')
    expect(categoryOf(area({ name: '[vdso]' }))).toBe('reserved')
  })
  test('segments fill the bar and none vanishes', () => {
    const parts = segments([
      area({ sizeKB: 4 }),
      area({ sizeKB: 1_000_000, rssKB: 500_000, anonKB: 500_000, swapKB: 100_000 }),
    ])
    expect(parts.reduce((sum, part) => sum + part.width, 0)).toBeCloseTo(100)
    expect(parts[0]!.width).toBeGreaterThan(0.3)
    expect([parts[1]!.anon, parts[1]!.other, parts[1]!.swapped]).toEqual([50, 0, 10])
  })
  test('to begin with is the heap’s', () => {
    expect(walkStart([area({ rssKB: 9 }), area({ start: 8192, name: '[heap]', rssKB: 1 })])).toBe(8192)
    expect(walkStart([area({})])).toBeNull()
  })
})
test('what the engine tells of a process becomes areas and a walk', () => {
  const detail = processDetail({
    kind: 'process',
    ms: 0,
    pid: 7,
    gone: false,
    status: 'Name:\tleakd\nPid:\t7\n',
    areas: [
      {
        start: 4096,
        end: 12_288,
        perms: 'rw-p',
        offset: 0,
        device: '00:00',
        inode: 0,
        name: '[heap]',
        flags: ['rd', 'wr'],
        figures: { Size: 8, Rss: 4, Anonymous: 4, Swap: 4 },
      },
    ],
    walk: {
      address: 4096,
      levels: [{ level: 'PGD', index: 0, table_pfn: 5, entry: '0000000000006067', flags: ['P', 'W'] }],
      pfn: null,
      physical: null,
      swap_slot: null,
      page_size: 4096,
      result: 'PUD entry is empty',
    },
    faults: [],
  })
  expect(detail).toMatchObject({ name: 'leakd', smaps: [{ sizeKB: 8, rssKB: 4, swapKB: 4, flags: 'rd wr' }] })
  expect(detail.walk?.levels[0]).toEqual({
    name: 'PGD',
    index: 0,
    entry: '0x0000000000006067',
    flags: 'P W',
    tablePfn: 5,
  })
})
test('status is read line by line', () => {
  expect(statusLines('Name:\tleakd\nVmRSS:\t  12 kB\n')).toEqual([
    { name: 'Name', value: 'leakd' },
    { name: 'VmRSS', value: '12 kB' },
  ])
})

describe('forms', () => {
  const program: ProgramInfo = {
    name: 'leak',
    comm: 'leak',
    about: '',
    params: {
      rate: { type: 'rate', default: 24 * 2 ** 20, about: '' },
      max: { type: 'size', default: 2 ** 30, about: '' },
      times: { type: 'int', default: 3, about: '' },
      every: { type: 'duration', default: 1000, about: '' },
      loop: { type: 'bool', default: false, about: '' },
      touch: { type: ['read', 'write'], default: 'write', about: '' },
    },
  }
  test('say what is wrong with a parameter', () => {
    const wrong = (name: string, text: string): string | null => paramError(program.params[name]!, text)
    expect(wrong('rate', '12MiB/s')).toBeNull()
    expect(wrong('rate', 'fast')).toBe('must be a rate such as 24MiB/s')
    expect(wrong('times', '1.5')).toBe('must be a whole number')
    expect(wrong('touch', 'both')).toBe('must be one of read, write')
    expect(wrong('loop', 'true')).toBeNull()
    expect(wrong('max', '')).toBe('empty; the default is 1GiB')
    for (const spec of Object.values(program.params)) expect(paramError(spec, defaultText(spec))).toBeNull()
  })
  test('send what differs from the defaults, typed', () => {
    expect(typedParams(program, { rate: '24MiB/s', max: '64MiB', loop: 'true', every: '1s' })).toEqual({
      max: '64MiB',
      loop: true,
    })
    expect(choicesOf(program.params['touch']!)).toEqual(['read', 'write'])
  })
  test('hold sysctls to their bounds', () => {
    const swappiness = { name: 'vm.swappiness', value: 60, min: 0, max: 200 }
    expect(sysctlError(swappiness, '201')).toBe('EINVAL: 201 is above 200')
    expect(sysctlError(swappiness, 'x')).toBe('EINVAL: vm.swappiness takes a whole number')
    expect(sysctlError(swappiness, '0')).toBeNull()
    expect(sysctlError({ name: 'thp', value: 'madvise' }, 'always')).toBeNull()
  })
  test('write sizes and shares', () => {
    expect([sizeText(3 * 2 ** 20), sizeText(1000), percent(0.01), percent(12.34)]).toEqual([
      '3MiB',
      '1000',
      '0',
      '12.3',
    ])
  })
})

describe('lab programs', () => {
  test('answer in one of three shapes', () => {
    const step = { step: 1, op: 'mmap', result: 'ok' }
    expect(labSteps([step])).toEqual([step])
    expect(labSteps({ steps: [step] })).toEqual([step])
    expect(labSteps(`${JSON.stringify(step)}\n`)).toEqual([step])
  })
  test('tell results, remarks and the line of an error', () => {
    expect(resultText({ signal: 'SIGSEGV', si_addr: 16 })).toBe('SIGSEGV 0x10')
    expect(remark({ step: 1, op: 'wait', result: 'ok', killed: [{ task: 'hog', pid: 9 }] })).toBe('OOM killed hog (9)')
    expect(errorLine('program.yaml:7: steps[2].touch.area: no area b')).toBe(7)
    expect(errorLine('line 12, field prot: r, w or rw')).toBe(12)
    expect(errorLine('ENOMEM')).toBeNull()
  })
})

test('recordings are listed newest first and exported beside themselves', () => {
  const of = (path: string, created: string): Recording => ({
    path,
    created,
    bytes: 0,
    title: '',
    scenario: '',
    seed: 1,
    firstMs: 0,
    lastMs: 0,
    samples: 0,
    events: 0,
    oomKills: 0,
    commands: 0,
  })
  const { list } = libraryOf({
    folder: '/d',
    list: [of('/d/a.memscope', '2026-01-01'), of('/d/b.memscope', '2026-02-01')],
  })
  expect(list.map((r) => r.path)).toEqual(['/d/b.memscope', '/d/a.memscope'])
  expect(libraryOf(null).list).toEqual([])
})

test('fidelity is one of three words', () => {
  const [m] = mechanismsOf('[{"mechanism":"THP","kept":"faults","simplified":""}]')
  expect(gradeOf(m!)).toBe('exact')
  expect(gradeOf({ ...m!, simplified: 'no split queue' })).toBe('approximate')
  expect(gradeOf({ ...m!, kept: 'none' })).toBe('not modelled')
  expect(gradeOf({ ...m!, result: 'not modelled' })).toBe('not modelled')
})

test('a treemap fills its room without overlap, in proportion', () => {
  const values = [500, 250, 125, 60, 40, 25]
  const tiles = treemap(values, (v) => v, { x: 0, y: 0, width: 400, height: 250 })
  expect(tiles.reduce((sum, t) => sum + t.width * t.height, 0)).toBeCloseTo(100_000)
  for (const t of tiles) expect((t.width * t.height) / 100).toBeCloseTo(t.item, 6)
})
