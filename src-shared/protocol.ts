/**
 * The one contract between an engine and whoever looks at it (Electron window, browser, command line).
 * Commands go down and are answered by a `Result`; one stream of pushes comes up. Hosts forward and do not look.
 */
import { z } from 'zod'

const pid = z.number().int().nonnegative()
const ms = z.number().nonnegative().finite()
/** A process is named by PID and start time, so that an action never hits a later process of the same PID. */
const target = z.object({ pid, start_ns: z.number().nonnegative().optional() })

export const EXPORT_FORMATS = ['csv', 'json', 'parquet', 'html', 'memscope'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]
/** Characters of a recording's note. */
export const MAX_NOTE = 20_000
export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64] as const

/** What pressure is made of: the kinds of `memhog`. */
export const PRESSURE_KINDS = ['anonymous', 'file', 'tmpfs', 'mlock', 'slab', 'fragmentation'] as const
export type PressureKind = (typeof PRESSURE_KINDS)[number]
/** The task that holds pressure is found again by its name; comm has 15 characters. */
export const pressureName = (kind: PressureKind): string => `pressure-${kind}`.slice(0, 15)

export const commandSchema = z.discriminatedUnion('type', [
  // time
  z.object({ type: z.literal('setSpeed'), speed: z.union([z.number().min(0.25).max(64), z.literal('max')]) }),
  z.object({ type: z.literal('pause') }),
  z.object({ type: z.literal('resume') }),
  /** Advance by one engine step, or to the next sample, and pause. */
  z.object({ type: z.literal('step'), unit: z.enum(['step', 'sample']) }),
  /** Show the instant `ms` in every view (REPLAY); the machine goes on behind it. The latest seek wins. */
  z.object({ type: z.literal('seek'), ms }),
  /** Plays on from the seeked instant through the history at the set speed. */
  z.object({ type: z.literal('play') }),
  z.object({ type: z.literal('goLive') }),
  /** Continue live from the instant `ms` with other decisions; the old future is kept as the `original` series. */
  z.object({ type: z.literal('branch'), ms }),
  // history: answered with { samples: ArrayBuffer-backed Float64Array[] without processes }
  z.object({ type: z.literal('history'), from: ms, to: ms, points: z.number().int().min(1).max(20000) }),
  /** Samples with the slab caches alone, from the recording: at most so many between two instants. */
  z.object({ type: z.literal('slabHistory'), from: ms, to: ms, points: z.number().int().min(1).max(500) }),
  z.object({ type: z.literal('events'), from: ms, to: ms }),
  // machine
  z.object({ type: z.literal('scenarios') }),
  z.object({
    type: z.literal('loadScenario'),
    name: z.string().optional(),
    yaml: z
      .string()
      .max(1 << 20)
      .optional(),
    seed: z.number().int().nonnegative().optional(),
  }),
  z.object({ type: z.literal('programs') }),
  z.object({
    type: z.literal('spawn'),
    program: z.string(),
    name: z.string().max(15).optional(),
    count: z.number().int().min(1).max(1000).optional(),
    oomScoreAdj: z.number().int().min(-1000).max(1000).optional(),
    params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  }),
  z.object({ type: z.literal('kill'), ...target.shape, signal: z.number().int().min(1).max(64) }),
  z.object({ type: z.literal('setOomScoreAdj'), ...target.shape, value: z.number().int().min(-1000).max(1000) }),
  z.object({ type: z.literal('renice'), ...target.shape, nice: z.number().int().min(-20).max(19) }),
  z.object({ type: z.literal('sysctl'), set: z.record(z.string(), z.union([z.string(), z.number()])) }),
  z.object({ type: z.literal('sysctls') }),
  z.object({ type: z.literal('dropCaches'), mode: z.union([z.literal(1), z.literal(2), z.literal(3)]) }),
  /** Hold so much memory in a `memhog` task of its own: an absolute size or a share of MemTotal; 0 ends it. */
  z.object({
    type: z.literal('pressure'),
    mib: z.number().min(0).optional(),
    percent: z.number().min(0).max(200).optional(),
    kind: z.enum(PRESSURE_KINDS),
    rateMibPerS: z.number().positive().optional(),
    /** All is given back after so long; never when left out or 0. */
    seconds: z.number().min(0).max(86_400).optional(),
  }),
  /** A new swap area of `bytes` on its own device (or a file of the root file system), or an old one back in use. */
  z.object({
    type: z.literal('swapon'),
    path: z.string().max(4096),
    bytes: z.number().int().positive().optional(),
    device: z.enum(['hdd', 'ssd', 'nvme', 'virtio']).optional(),
    priority: z.number().int().min(-1).max(32767).optional(),
  }),
  z.object({ type: z.literal('swapoff'), path: z.string().max(4096) }),
  /** cgroups are folders. */
  z.object({ type: z.literal('makeDir'), path: z.string().max(4096) }),
  z.object({ type: z.literal('removeDir'), path: z.string().max(4096) }),
  z.object({ type: z.literal('readFile'), path: z.string().max(4096) }),
  /** The names in a folder of /proc or /sys; folders end in a slash, links in `@`. */
  z.object({ type: z.literal('listFolder'), path: z.string().max(4096) }),
  z.object({ type: z.literal('writeFile'), path: z.string().max(4096), text: z.string().max(65536) }),
  /** Run a lab program (its YAML text) on a machine of its own; `progress` pushes say how far it is. */
  z.object({ type: z.literal('lab'), yaml: z.string().max(1 << 20) }),
  z.object({ type: z.literal('labCancel') }),
  // detail views: a push `watch` with this id follows every sample until `unwatch`
  z.object({
    type: z.literal('watch'),
    id: z.string().max(64),
    what: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('process'), pid, address: z.number().nonnegative().optional() }),
      z.object({
        kind: z.literal('physical'),
        from: z.number().int().nonnegative(),
        count: z.number().int().positive(),
      }),
      z.object({ kind: z.literal('frame'), pfn: z.number().int().nonnegative() }),
      z.object({ kind: z.literal('slab'), cache: z.string() }),
      z.object({ kind: z.literal('swap') }),
      z.object({ kind: z.literal('oom') }),
    ]),
  }),
  z.object({ type: z.literal('unwatch'), id: z.string().max(64) }),
  // console
  z.object({
    type: z.literal('termOpen'),
    id: z.string().max(64),
    cols: z.number().int().min(20).max(1000),
    rows: z.number().int().min(5).max(500),
  }),
  z.object({ type: z.literal('termInput'), id: z.string().max(64), data: z.string().max(65536) }),
  z.object({
    type: z.literal('termResize'),
    id: z.string().max(64),
    cols: z.number().int().min(20).max(1000),
    rows: z.number().int().min(5).max(500),
  }),
  z.object({ type: z.literal('termClose'), id: z.string().max(64) }),
  // recordings
  z.object({ type: z.literal('recordings') }),
  z.object({ type: z.literal('openRecording'), path: z.string().max(4096) }),
  z.object({ type: z.literal('closeRecording') }),
  /** The machine series and events of a recording, to hold beside what is shown; nothing else changes. */
  z.object({
    type: z.literal('readRecording'),
    path: z.string().max(4096),
    points: z.number().int().min(1).max(20000),
  }),
  /** Keeps a text with a recording, in place of the one before. */
  z.object({
    type: z.literal('noteRecording'),
    path: z.string().max(4096),
    text: z.string().max(MAX_NOTE),
  }),
  z.object({
    type: z.literal('exportRecording'),
    /** Where to: a file, or for CSV and Parquet also a folder. */
    path: z.string().max(4096),
    /** Of which recording; the shown one, or the session so far, when it is left out. */
    recording: z.string().max(4096).optional(),
    format: z.enum(EXPORT_FORMATS),
  }),
  // session
  z.object({ type: z.literal('hello') }),
  z.object({ type: z.literal('shutdown') }),
])
export type Command = z.infer<typeof commandSchema>
export type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>
export type WatchSpec = CommandOf<'watch'>['what']

/** The answer to a command. `error` says what failed, with its errno where Linux has one, and what to do. */
export type Result<T = unknown> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string }

// ---- what a `watch` push carries, by the kind that was asked for. Everything is of the instant that the views show.
/** A VMA as /proc/PID/smaps tells it; `figures` in kB by their names there. */
export interface WatchArea {
  readonly start: number
  readonly end: number
  readonly perms: string
  readonly offset: number
  readonly device: string
  readonly inode: number
  readonly name: string
  readonly flags: readonly string[]
  readonly figures: Readonly<Record<string, number>>
}
/** One table on the way from an address to its frame. `entry` is what a real x86-64 entry would hold. */
export interface WalkLevel {
  readonly level: 'PGD' | 'P4D' | 'PUD' | 'PMD' | 'PTE'
  readonly index: number
  /** Frame of the table. */
  readonly table_pfn: number
  readonly entry: string
  readonly flags: readonly string[]
}
export interface Walk {
  readonly address: number
  readonly levels: readonly WalkLevel[]
  /** The frame (with the offset in `physical`), a swap slot, or why there is none. */
  readonly pfn: number | null
  readonly physical: number | null
  readonly swap_slot: number | null
  readonly page_size: number
  readonly result: string
}
/** What a page fault did; the kernel's log of faults has the place in this list. */
export const FAULT_KINDS = [
  'other',
  'zeroed page',
  'zero page',
  'file',
  'file, copied',
  'file, shared',
  'swap-in',
  'copy on write',
  'made writable',
  'huge page',
  'hugetlb page',
  'spurious',
] as const
/** A finished page fault. `us`: from the exception until the access went on, simulated; `pfn` 0 where it is not one frame's. */
export interface WatchFault {
  readonly ms: number
  readonly address: number
  readonly what: (typeof FAULT_KINDS)[number]
  readonly major: boolean
  readonly us: number
  readonly pfn: number
}
export interface WatchProcess {
  readonly kind: 'process'
  readonly ms: number
  readonly pid: number
  readonly gone: boolean
  readonly status: string
  readonly areas: readonly WatchArea[]
  readonly walk: Walk | null
  /** Its last page faults, the newest first. */
  readonly faults: readonly WatchFault[]
}
/** What a frame is used for: the value of `use` is the place in this list. */
export const FRAME_USES = [
  'hole',
  'free',
  'per-CPU list',
  'reserved',
  'kernel',
  'slab',
  'page table',
  'anonymous, inactive',
  'anonymous, active',
  'file, inactive',
  'file, active',
  'file, dirty',
  'writeback',
  'shmem',
  'swap cache',
  'unevictable',
  'huge page',
] as const
export interface WatchPhysical {
  readonly kind: 'physical'
  readonly ms: number
  readonly from: number
  readonly count: number
  /**
   * One byte a frame each: FRAME_USES, place in `owners` + 1 (0: nobody), order of its block, migrate type, and age: which
   * fifth of the anonymous (1 newest … 5 reclaimed next) or file pages (6 … 10) it is in, 0 on no list.
   */
  readonly use: Uint8Array
  readonly owner: Uint8Array
  readonly order: Uint8Array
  readonly migratetype: Uint8Array
  readonly age: Uint8Array
  readonly owners: readonly { readonly pid: number; readonly name: string }[]
}
export interface WatchFrame {
  readonly kind: 'frame'
  readonly ms: number
  readonly pfn: number
  readonly zone: string
  readonly use: (typeof FRAME_USES)[number]
  readonly flags: readonly string[]
  readonly mapcount: number
  readonly order: number
  readonly migratetype: string
  /** Who maps it, and where. */
  readonly maps: readonly { readonly pid: number; readonly name: string; readonly address: number }[]
  /** The cache, file or other thing that it belongs to. */
  readonly belongs: string
}
export interface WatchSlab {
  readonly kind: 'slab'
  readonly ms: number
  readonly cache: string
  readonly objsize: number
  readonly objects: number
  readonly order: number
  /** Each slab: its first frame, where it hangs, and a bit an object. */
  readonly slabs: readonly {
    readonly pfn: number
    readonly list: 'full' | 'partial' | 'cpu'
    readonly inuse: number
    readonly used: readonly number[]
  }[]
}
export interface WatchSwap {
  readonly kind: 'swap'
  readonly ms: number
  readonly areas: readonly {
    readonly name: string
    readonly pages: number
    readonly used: number
    readonly priority: number
    /** A byte a slot: references, 0x40 when it is also in the swap cache, 0 free. */
    readonly map: Uint8Array
  }[]
}
export interface WatchOom {
  readonly kind: 'oom'
  readonly ms: number
  readonly totalpages: number
  /** Who would die first comes first. */
  readonly ranking: readonly {
    readonly pid: number
    readonly name: string
    readonly rss: number
    readonly swapents: number
    readonly pgtables: number
    readonly oom_score_adj: number
    readonly adjustment: number
    readonly points: number | null
    readonly oom_score: number
  }[]
}
export type WatchData = WatchProcess | WatchPhysical | WatchFrame | WatchSlab | WatchSwap | WatchOom

export type Mode = 'live' | 'paused' | 'replay'
export const EVENT_KINDS = [
  'oom_kill',
  'kswapd_wake',
  'kswapd_sleep',
  'low_watermark',
  'direct_reclaim', // a stall; `value` = ns
  'fault_burst', // value = major faults/s
  'segfault',
  'sigbus',
  'action', // a user's command
  'spawn',
  'exit',
  'panic',
  'swap_full',
  'hung_task',
] as const
export type EventKind = (typeof EVENT_KINDS)[number]
/** Something that happened in the machine. `kind` chooses the flag on the timeline; `text` is one line. */
export interface TraceEvent {
  readonly ms: number
  readonly kind: EventKind
  readonly text: string
  readonly pid?: number
  readonly name?: string
  readonly value?: number
  readonly oom?: OomKill
}
export interface OomKill {
  readonly ms: number
  /** Which kills since boot it was: two for a victim that was killed once more with its group. */
  readonly kills: readonly number[]
  readonly pid: number
  readonly name: string
  readonly oom_score_adj: number
  readonly badness: number
  readonly total_vm_kB: number
  readonly anon_rss_kB: number
  readonly file_rss_kB: number
  readonly shmem_rss_kB: number
  readonly swap_kB: number
  readonly pgtables_bytes: number
  readonly freed_kB: number
  readonly constraint: string
  readonly invoker: string
  readonly invoker_pid: number
  readonly order: number
  readonly gfp: string
  readonly totalpages: number
  /** The tasks the killer compared, as in the report's task table (pages). */
  readonly candidates: readonly OomCandidate[]
  /** The kernel's own text. */
  readonly report: readonly string[]
}
export interface OomCandidate {
  readonly pid: number
  readonly uid: number
  readonly name: string
  readonly total_vm: number
  readonly rss: number
  readonly rss_anon: number
  readonly rss_file: number
  readonly rss_shmem: number
  readonly pgtables_bytes: number
  readonly swapents: number
  readonly oom_score_adj: number
  readonly points: number | null
}

export interface MachineInfo {
  readonly title: string
  readonly about: string
  readonly scenario: string
  readonly seed: number
  readonly ram: number
  readonly cpus: number
  readonly swap: number
  readonly sampleMs: number
  readonly stepNs: number
  readonly kernel: string
  readonly managedPages: number
  readonly zones: readonly {
    readonly name: string
    readonly start_pfn: number
    readonly spanned: number
    readonly managed: number
  }[]
}
export interface StateInfo {
  readonly mode: Mode
  readonly branch: { readonly atMs: number } | null
  readonly speed: number | 'max'
  /** Where the machine is, and which instant the views show (equal when live or paused). */
  readonly liveMs: number
  readonly viewMs: number
  readonly firstMs: number
  /** True when what is shown comes from an opened recording without a live machine behind it. */
  readonly recording: string | null
  readonly playing: boolean
}
export interface CrashCapsule {
  readonly message: string
  readonly stack: string
  readonly scenario: string
  readonly seed: number
  readonly step: number
  readonly ms: number
  readonly commands: readonly unknown[]
  /** One line for a shell that reproduces it. */
  readonly reproduce: string
  readonly file: string | null
}
export interface SelfCost {
  /** The engine thread's share of one core, per cent; resident bytes of the whole process; bytes recorded. */
  readonly cpuPercent: number
  readonly rssBytes: number
  readonly historyBytes: number
}

export type Push =
  | {
      readonly type: 'hello'
      readonly machine: MachineInfo
      readonly state: StateInfo
      readonly names: readonly string[]
      readonly host: string
      readonly recorder: string
    }
  | { readonly type: 'sample'; readonly data: Float64Array }
  /** `data` for the machine series only (nr_proc = 0 …): history between the shown samples at high speed. */
  | { readonly type: 'series'; readonly data: readonly Float64Array[] }
  /** The views go to this instant: a whole sample from the past. */
  | { readonly type: 'view'; readonly data: Float64Array }
  | { readonly type: 'names'; readonly from: number; readonly list: readonly string[] }
  | { readonly type: 'events'; readonly list: readonly TraceEvent[] }
  | { readonly type: 'log'; readonly lines: readonly string[] }
  | { readonly type: 'state'; readonly state: StateInfo }
  | { readonly type: 'cost'; readonly cost: SelfCost }
  | { readonly type: 'watch'; readonly id: string; readonly data: WatchData }
  | { readonly type: 'term'; readonly id: string; readonly data: string }
  | { readonly type: 'branch'; readonly original: readonly Float64Array[]; readonly atMs: number }
  | { readonly type: 'progress'; readonly id: string; readonly text: string; readonly done: number }
  | { readonly type: 'crash'; readonly capsule: CrashCapsule }

/** What `readRecording` answers. */
export interface RecordingSeries {
  readonly title: string
  readonly seed: number
  readonly sampleMs: number
  readonly firstMs: number
  readonly lastMs: number
  readonly samples: readonly Float64Array[]
  readonly events: readonly TraceEvent[]
}

/** What the preload or the WebSocket client offers the renderer. */
export interface Bridge {
  readonly kind: 'electron' | 'web'
  request(command: Command): Promise<Result>
  subscribe(listener: (push: Push) => void): () => void
}
