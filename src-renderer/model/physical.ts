/** Physical memory as a picture: what is said of a frame by its colour, and where on the map it lies. */
import { FRAME_USES, type WatchPhysical } from '@shared/protocol'

export type FrameUse = (typeof FRAME_USES)[number]
export type MapMode = 'use' | 'lru' | 'owner' | 'age' | 'order' | 'type'

export interface Category {
  readonly label: string
  /** A CSS colour made of tokens. */
  readonly color: string
  readonly outline?: boolean
  /** Of a process: its PID. */
  readonly pid?: number
}
/** A category for each frame (its place in `categories`), and how many frames each has. */
export interface Painted {
  readonly categories: readonly Category[]
  readonly of: Uint8Array
  readonly counts: readonly number[]
  /** The category of what is no RAM. */
  readonly hole: number
}

export const PAGEBLOCK = 512
export const TILE_COLUMNS = 32
export const TILE_ROWS = 16
/** Frame → place inside its tile. In Morton order a buddy block of any order is a rectangle. */
export const MORTON = Uint16Array.from({ length: PAGEBLOCK }, (_, frame) => {
  let x = 0
  let y = 0
  for (let bit = 0; bit < 9; bit++) {
    const value = (frame >> bit) & 1
    if (bit % 2 === 0) x |= value << (bit / 2)
    else y |= value << ((bit - 1) / 2)
  }
  return x + y * TILE_COLUMNS
})
const FRAME_AT = new Uint16Array(PAGEBLOCK)
MORTON.forEach((place, frame) => (FRAME_AT[place] = frame))

// ---------------------------------------------------------------- colours

const paler = (token: string, percent = 55): string => `color-mix(in srgb, var(--${token}) ${percent}%, var(--well))`
const brighter = (token: string, percent: number): string =>
  `color-mix(in srgb, var(--${token}) ${percent}%, var(--text-1))`
const FREE: Category = { label: 'MemFree', color: 'var(--mem-free)', outline: true }
const HOLE: Category = { label: 'Hole, no RAM', color: 'var(--bg-1)' }
const GROUND = 'color-mix(in srgb, var(--mem-reserved) 30%, var(--well))'

const USES: readonly (readonly [uses: readonly FrameUse[], Category])[] = [
  [['free'], FREE],
  [['per-CPU list'], { label: 'Free, per-CPU lists', color: 'color-mix(in srgb, var(--mem-free-line) 45%, var(--mem-free))' }],
  [['anonymous, active'], { label: 'Active(anon)', color: 'var(--mem-anon)' }],
  [['anonymous, inactive'], { label: 'Inactive(anon)', color: paler('mem-anon') }],
  [['swap cache'], { label: 'SwapCached', color: 'var(--mem-swap)' }],
  [['shmem'], { label: 'Shmem, tmpfs', color: 'var(--mem-shmem)' }],
  [['file, active'], { label: 'Active(file)', color: 'var(--mem-file)' }],
  [['file, inactive'], { label: 'Inactive(file)', color: paler('mem-file') }],
  [['file, dirty', 'writeback'], { label: 'Dirty, Writeback', color: brighter('mem-file', 40) }],
  [['unevictable'], { label: 'Unevictable', color: brighter('mem-anon', 40) }],
  [['huge page'], { label: 'Huge pages', color: 'var(--mem-hugetlb)' }],
  [['slab'], { label: 'Slab', color: 'var(--mem-slab-u)' }],
  [['page table'], { label: 'PageTables', color: 'var(--mem-pgtable)' }],
  [['kernel'], { label: 'Other kernel', color: 'var(--mem-other)' }],
  [['reserved'], { label: 'Reserved at boot', color: 'var(--mem-reserved)' }],
  [['hole'], HOLE],
] // prettier-ignore
const ON_LRU = new Set<FrameUse>([
  'anonymous, active', 'anonymous, inactive', 'swap cache', 'shmem', 'file, active', 'file, inactive', 'file, dirty', 'writeback', 'unevictable',
]) // prettier-ignore

const use = (name: FrameUse): number => FRAME_USES.indexOf(name)
const IDLE = new Set([use('hole'), use('free'), use('per-CPU list')])
const [IS_HOLE, IS_FREE, IS_HUGE] = [use('hole'), use('free'), use('huge page')]

/** Use → category; for `lru`, what is on no list is one. */
function byUse(map: WatchPhysical, onlyLru: boolean): Painted {
  const shown = onlyLru ? USES.filter(([uses]) => uses.some((u) => ON_LRU.has(u)) || uses[0] === 'free' || uses[0] === 'hole') : USES // prettier-ignore
  const categories = shown.map(([, category]) => category)
  const lookup = new Uint8Array(FRAME_USES.length).fill(categories.length)
  shown.forEach(([uses], i) => uses.forEach((name) => (lookup[use(name)] = i)))
  return counted(
    onlyLru ? [...categories, { label: 'On no list', color: GROUND }] : categories,
    map.use.map((value) => lookup[value]!),
  )
}

const OWNERS_NAMED = 7
/** The processes that map most, each in a colour; a shared frame is its smallest owner's. */
function byOwner(map: WatchPhysical): Painted {
  const held = new Array<number>(map.owners.length + 1).fill(0)
  for (const owner of map.owner) held[owner]!++
  const named = map.owners
    .map((_, i) => i + 1)
    .filter((i) => held[i]! > 0)
    .sort((a, b) => held[b]! - held[a]!)
    .slice(0, OWNERS_NAMED)
  const rest = named.length
  const lookup = new Uint8Array(256).fill(rest)
  named.forEach((owner, i) => (lookup[owner] = i))
  return counted(
    [
      ...named.map((owner, i): Category => {
        const { pid, name } = map.owners[owner - 1]!
        return { label: `${name} ${pid}`, color: `var(--own-${i + 1})`, pid }
      }),
      { label: 'Other processes', color: 'var(--text-3)' },
      { label: 'Mapped by none', color: GROUND },
      FREE,
      HOLE,
    ],
    map.owner.map((owner, i) => {
      if (owner !== 0) return lookup[owner]!
      const value = map.use[i]!
      return rest + (value === IS_FREE ? 2 : value === IS_HOLE ? 3 : 1)
    }),
  )
}

const FIFTHS = ['newest', 'newer', 'middle', 'older', 'goes next'] as const
const AGE_KINDS = [
  ['Anonymous', 'mem-anon'],
  ['File', 'mem-file'],
] as const
/** The category of an age byte is the byte less one. */
const AGES: readonly Category[] = AGE_KINDS.flatMap(([kind, token]) =>
  FIFTHS.map((fifth, i) => ({ label: `${kind}, ${fifth}`, color: paler(token, 100 - i * 17) })),
)

/** What lies on the LRU lists, the paler the nearer it is to being reclaimed. */
function byAge(map: WatchPhysical): Painted {
  return counted(
    [...AGES, { label: 'On no list', color: GROUND }, FREE, HOLE],
    map.age.map((age, i) => {
      if (age !== 0) return age - 1
      const value = map.use[i]!
      return AGES.length + (value === IS_FREE ? 1 : value === IS_HOLE ? 2 : 0)
    }),
  )
}

/** A frame's age in words; empty when it is on no list. */
export function ageOf({ age, from }: Pick<WatchPhysical, 'age' | 'from'>, pfn: number): string {
  const value = age[pfn - from] ?? 0
  return value === 0 ? '' : AGES[value - 1]!.label.split(', ')[1]!
}

const ORDERS = 11
function byOrder(map: WatchPhysical): Painted {
  const categories = Array.from({ length: ORDERS }, (_, order) => ({
    label: `Free, order ${order}`,
    color: `color-mix(in srgb, var(--accent) ${10 + order * 9}%, var(--mem-free))`,
    outline: order === 0,
  }))
  return counted(
    [...categories, { label: 'Huge pages', color: 'var(--mem-hugetlb)' }, { label: 'In use', color: GROUND }, HOLE],
    map.use.map((value, i) =>
      value === IS_FREE ? map.order[i]! : ORDERS + (value === IS_HUGE ? 0 : value === IS_HOLE ? 2 : 1),
    ),
  )
}

const TYPES = ['Unmovable', 'Movable', 'Reclaimable', 'HighAtomic', 'Isolate'] as const
/** A pageblock's type, paler where it is free: what lies in a block of another type shows as a stain in `use`. */
function byType(map: WatchPhysical): Painted {
  return counted(
    [
      ...TYPES.map((label, i) => ({ label, color: `var(--own-${i + 1})` })),
      ...TYPES.map((label, i) => ({ label: `${label}, free`, color: paler(`own-${i + 1}`, 35) })),
      HOLE,
    ],
    map.use.map((value, i) => {
      if (value === IS_HOLE) return TYPES.length * 2
      return Math.min(map.migratetype[i]!, TYPES.length - 1) + (value === IS_FREE ? TYPES.length : 0)
    }),
  )
}

/** Frames that are not free in the pageblock around one. */
export function usedAround({ use }: Pick<WatchPhysical, 'use'>, pfn: number): number {
  const first = pfn - (pfn % PAGEBLOCK)
  return use.subarray(first, first + PAGEBLOCK).reduce((sum, value) => sum + (IDLE.has(value) ? 0 : 1), 0)
}

function counted(categories: readonly Category[], of: Uint8Array): Painted {
  const counts = new Array<number>(categories.length).fill(0)
  for (const category of of) counts[category]!++
  return { categories, of, counts, hole: categories.indexOf(HOLE) }
}

export function painted(map: WatchPhysical, mode: MapMode): Painted {
  if (mode === 'owner') return byOwner(map)
  if (mode === 'age') return byAge(map)
  if (mode === 'order') return byOrder(map)
  if (mode === 'type') return byType(map)
  return byUse(map, mode === 'lru')
}

// ---------------------------------------------------------------- places

/** Pageblocks with any RAM in them: a hole of gigabytes takes no room. */
export function presentBlocks(map: Pick<WatchPhysical, 'use'>): number[] {
  const blocks: number[] = []
  for (let start = 0; start < map.use.length; start += PAGEBLOCK) {
    let i = start
    while (i < start + PAGEBLOCK && map.use[i] === IS_HOLE) i++
    if (i < Math.min(start + PAGEBLOCK, map.use.length)) blocks.push(start / PAGEBLOCK)
  }
  return blocks
}

/** Tiles in rows, a seam of one between them; everything in units of a frame, `scale` pixels wide. */
export interface MapLayout {
  readonly blocks: readonly number[]
  readonly columns: number
  readonly scale: number
  readonly width: number
  readonly height: number
}
const PITCH_X = TILE_COLUMNS + 1
const PITCH_Y = TILE_ROWS + 1
const SCALE_MAX = 8
const SCROLLBAR = 14

/** The largest whole scale at which all fits (1 where nothing does: the map scrolls), times the zoom. */
export function mapLayout(blocks: readonly number[], width: number, height: number, zoom: number): MapLayout {
  const at = (scale: number, room: number): MapLayout => {
    const columns = Math.max(1, Math.min(blocks.length, Math.floor((room + scale) / (PITCH_X * scale))))
    const rows = Math.ceil(blocks.length / columns)
    return { blocks, columns, scale, width: columns * PITCH_X - 1, height: Math.max(1, rows * PITCH_Y - 1) }
  }
  const fits = (layout: MapLayout): boolean =>
    layout.height * layout.scale <= height && layout.width * layout.scale <= width
  let scale = SCALE_MAX
  while (scale > 1 && !fits(at(scale, width))) scale--
  const whole = at(scale * zoom, width)
  return fits(whole) ? whole : at(scale * zoom, width - SCROLLBAR)
}

/** Left upper corner of a frame, or of its tile; null in a hole. */
export function placeOf({ blocks, columns }: MapLayout, pfn: number): { x: number; y: number } | null {
  const tile = indexOf(blocks, Math.floor(pfn / PAGEBLOCK))
  if (tile < 0) return null
  const inside = MORTON[pfn % PAGEBLOCK]!
  return {
    x: (tile % columns) * PITCH_X + (inside % TILE_COLUMNS),
    y: Math.floor(tile / columns) * PITCH_Y + Math.floor(inside / TILE_COLUMNS),
  }
}

/** The frame at a point; null on a seam or beside the map. */
export function frameAt({ blocks, columns, width }: MapLayout, x: number, y: number): number | null {
  const [column, row] = [Math.floor(x / PITCH_X), Math.floor(y / PITCH_Y)]
  const [inX, inY] = [Math.floor(x) - column * PITCH_X, Math.floor(y) - row * PITCH_Y]
  const block = blocks[row * columns + column]
  if (x < 0 || y < 0 || x >= width || inX >= TILE_COLUMNS || inY >= TILE_ROWS || block === undefined) return null
  return block * PAGEBLOCK + FRAME_AT[inY * TILE_COLUMNS + inX]!
}

function indexOf(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    if (sorted[middle] === value) return middle
    if (sorted[middle]! < value) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** `0x19e00`, `19e00h` as hex, plain digits as decimal; null when it is neither. */
export function parsePfn(text: string): number | null {
  const word = text
    .trim()
    .toLowerCase()
    .replace(/^pfn\s*/, '')
  if (/^0x[0-9a-f]{1,9}$/.test(word)) return Number.parseInt(word.slice(2), 16)
  if (/^[0-9a-f]{1,9}h$/.test(word)) return Number.parseInt(word, 16)
  return /^\d{1,9}$/.test(word) ? Number(word) : null
}
