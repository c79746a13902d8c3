/**
 * Lab programs: exact system calls, step by step (`memscope: lab/1`). This file is the format: the schema, its defaults
 * and the normalised form that `src-main/lab` runs.
 */
import { z } from 'zod'
import { DURATION_HINT, parseDuration, parseSize, RAM_HINT, RAM_MAX, RAM_MIN, SIZE_HINT } from './units'
import { loadYaml, problemText } from './yaml'

const ADDRESS_HINT = 'a quoted hex address such as "0x100000000000", or "sp-12MiB"'
const size = z
  .union([z.string(), z.number()], { error: expected(SIZE_HINT) })
  .transform((v, ctx) => parseSize(v) ?? fail(ctx, `must be ${SIZE_HINT}`))
const duration = z
  .string({ error: expected(DURATION_HINT) })
  .transform((v, ctx) => parseDuration(v) ?? fail(ctx, `must be ${DURATION_HINT}`))
/** `"0x100000000000"`, or `"sp-12MiB"` counted from the page of sp. */
const address = z
  .string({ error: expected(ADDRESS_HINT) })
  .transform((v, ctx) => parseAddress(v) ?? fail(ctx, `must be ${ADDRESS_HINT}`))
const name = z.string().min(1)
const empty = z.strictObject({}).nullable().optional()
const count = z.number().int().nonnegative()

export interface LabAddress {
  readonly base: 'zero' | 'sp'
  readonly offset: number
}

function fail(ctx: z.RefinementCtx, message: string): never {
  ctx.addIssue({ code: 'custom', message })
  return z.NEVER
}

/** The words for a field of the wrong kind, or for none. */
function expected(hint: string): (issue: { readonly input: unknown }) => string {
  return ({ input }) => `${input === undefined ? 'is missing: ' : ''}must be ${hint}`
}

/** Null when `text` is neither a hex address nor `sp-SIZE`. */
export function parseAddress(text: string): LabAddress | null {
  if (/^0x[0-9a-f]{1,16}$/i.test(text)) return { base: 'zero', offset: Number(text) }
  const match = /^sp\s*([-+])\s*(.+)$/.exec(text)
  if (match === null) return text === 'sp' ? { base: 'sp', offset: 0 } : null
  const bytes = parseSize(match[2]!)
  return bytes === null ? null : { base: 'sp', offset: match[1] === '-' ? -bytes : bytes }
}

const range = { area: name, from: size.optional(), length: size.optional() }
const advices = [
  'normal',
  'random',
  'sequential',
  'willneed',
  'dontneed',
  'free',
  'cold',
  'pageout',
  'hugepage',
  'nohugepage',
  'collapse',
  'populate_read',
  'populate_write',
  'dontfork',
  'dofork',
  'mergeable',
  'unmergeable',
  'remove',
  'dontdump',
  'dodump',
  'wipeonfork',
  'keeponfork',
  'dontneed_locked',
] as const
const mapFlags = [
  'private',
  'shared',
  'anonymous',
  'fixed',
  'fixed_noreplace',
  'noreserve',
  'populate',
  'locked',
  'hugetlb',
  'hugetlb_2mb',
  'hugetlb_1gb',
  'growsdown',
  '32bit',
] as const
const prot = z.enum(['none', 'r', 'w', 'x', 'rw', 'rx', 'rwx'])

/** What an `expect` may say of a figure: an exact value, or near one within a tolerance. */
const expectation = z.record(
  z.string(),
  z.union([z.number(), z.string(), z.strictObject({ near: z.number(), within: z.number().nonnegative() })], {
    error: 'must be a value, or { near: value, within: tolerance }',
  }),
)
export type Expectation = z.infer<typeof expectation>

/** A step inside another's arguments: the same shape, its operation not yet told apart (`LabStep` does that). */
export interface NestedStep extends LabStepCommon {
  readonly op: string
  readonly args: unknown
}
interface LabStepCommon {
  readonly label?: string | undefined
  readonly mayFail: readonly string[]
  readonly expect?: Expectation | undefined
}
const nested: z.ZodType<readonly NestedStep[]> = z.lazy((): z.ZodType<readonly NestedStep[]> => stepList)

/** Every operation and its arguments. */
export const OPERATIONS = {
  mmap: z.strictObject({
    as: name,
    length: size,
    at: address.optional(),
    align: size.optional(),
    prot: prot.default('rw'),
    flags: z.array(z.enum(mapFlags)).default(['private', 'anonymous']),
    file: name.optional(),
    offset: size.default(0),
  }),
  munmap: z.strictObject({ ...range, stride: size.optional(), count: count.optional() }),
  mprotect: z.strictObject({ ...range, prot, stride: size.optional(), count: count.optional() }),
  madvise: z.strictObject({ ...range, advice: z.enum(advices), stride: size.optional(), count: count.optional() }),
  mlock: z.strictObject({ ...range, onFault: z.boolean().default(false) }),
  munlock: z.strictObject(range),
  msync: z.strictObject(range),
  mremap: z.strictObject({
    area: name,
    newLength: size,
    flags: z.array(z.enum(['mayMove', 'fixed', 'dontunmap'])).default([]),
    to: z.string().optional(),
  }),
  brk: z.strictObject({ as: name.optional(), grow: size.optional(), shrink: size.optional() }),
  mlockall: z.strictObject({ flags: z.array(z.enum(['current', 'future', 'onFault'])) }),
  munlockall: empty,
  setrlimit: z.strictObject({
    resource: z.enum(['stack', 'as', 'data', 'memlock']),
    soft: z.union([z.literal('unlimited').transform(() => Number.POSITIVE_INFINITY), size]),
  }),
  mincore: z.strictObject(range),
  probeMmap: z.strictObject({
    prot: prot.default('rw'),
    flags: z.array(z.enum(mapFlags)).default(['private', 'anonymous']),
    chunk: size.default(0),
    max: size.optional(),
  }),
  touch: z.strictObject({
    ...range,
    /** readWrite: a load, then a store, page by page. */
    access: z.enum(['read', 'write', 'readWrite']),
    stride: size.default(4096),
    order: z.enum(['forward', 'backward', 'random']).default('forward'),
    times: count.default(1),
    for: duration.optional(),
    content: z.union([z.number(), z.literal('unique')]).optional(),
    /** Steps that the task does itself between two of its accesses, `at` so long after the first. */
    meanwhile: z.array(z.strictObject({ at: duration, steps: nested })).default([]),
  }),
  accessAt: z.strictObject({
    address: address.optional(),
    area: name.optional(),
    offset: z.union([size, z.number()]).optional(),
    access: z.enum(['read', 'write', 'execute']),
  }),
  stackTouch: z.strictObject({ depth: size, from: size.optional(), jump: z.boolean().default(false) }),
  createFile: z.strictObject({
    as: name,
    size,
    fs: z.enum(['ext4', 'tmpfs']).default('ext4'),
    cached: z.boolean().default(false),
    hole: z.boolean().default(false),
    /** So many files of the size, in directories of a hundred: a tree to look up. */
    count: z.number().int().positive().optional(),
  }),
  open: z.strictObject({ as: name, file: name, readOnly: z.boolean().default(false) }),
  stat: z.strictObject({ file: name }),
  read: z.strictObject({ file: name, offset: size.optional(), length: size.optional(), chunk: size.optional() }),
  write: z.strictObject({ file: name, offset: size.optional(), length: size.optional(), chunk: size.optional() }),
  truncate: z.strictObject({ file: name, length: size }),
  fsync: z.strictObject({ file: name }),
  sync: empty,
  fadvise: z.strictObject({
    file: name,
    advice: z.enum(['normal', 'random', 'sequential', 'willneed', 'dontneed', 'noreuse']),
    offset: size.default(0),
    length: size.default(0),
  }),
  unlink: z.strictObject({ file: name }),
  close: z.strictObject({ file: name }),
  fork: z.strictObject({ as: name }),
  in: z.strictObject({ task: name, steps: nested }),
  exec: z.strictObject({ as: name }),
  exit: z.union([z.number().int(), z.strictObject({ code: z.number().int().default(0) }).transform((v) => v.code)], {
    error: 'must be an exit code such as 0',
  }),
  wait: z.strictObject({ task: name }),
  spawn: z.strictObject({
    as: name,
    oomScoreAdj: z.number().int().min(-1000).max(1000).optional(),
    uid: count.optional(),
    cgroup: z.string().optional(),
    steps: nested.default([]),
  }),
  grow: z.strictObject({ as: name, step: size, upTo: size, pause: duration.optional() }),
  pause: empty,
  sleep: z.union([duration, z.strictObject({ for: duration }).transform((v) => v.for)], {
    error: `must be { for: ${DURATION_HINT} }`,
  }),
  repeat: z.strictObject({ times: count, steps: nested }),
  kill: z.strictObject({ task: name, signal: z.union([z.number().int().min(1).max(64), z.string()]).default(15) }),
  setOomScoreAdj: z.strictObject({ task: name.optional(), value: z.number().int() }),
  setuid: z.strictObject({ uid: count }),
  sysctl: z.record(z.string(), z.union([z.number(), z.string()])),
  writeFile: z.strictObject({ path: z.string(), text: z.union([z.string(), z.number()]).transform(String) }),
  readFile: z.strictObject({
    path: z.string(),
    address: address.optional(),
    area: name.optional(),
    offset: z.union([size, z.number()]).optional(),
  }),
  swapon: z.strictObject({
    size,
    device: z.enum(['hdd', 'ssd', 'nvme', 'virtio']).default('ssd'),
    priority: z.number().int().optional(),
  }),
  swapoff: z.strictObject({ index: count.default(0) }),
  dropCaches: z.strictObject({ mode: z.union([z.literal(1), z.literal(2), z.literal(3)]) }),
  compact: empty,
  cgroup: z.strictObject({
    path: z.string(),
    set: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    attach: z.array(name).optional(),
  }),
  rmdir: z.strictObject({ path: z.string() }),
} as const
export type Operation = keyof typeof OPERATIONS
export type ArgumentsOf<K extends Operation> = z.infer<(typeof OPERATIONS)[K]>

export type LabStep = {
  [K in Operation]: { readonly op: K; readonly args: ArgumentsOf<K> } & LabStepCommon
}[Operation]

/** What the schema of a list within a step has made of it. */
export function nestedSteps(steps: readonly NestedStep[]): readonly LabStep[] {
  return steps as readonly LabStep[]
}

/** The steps within a step, of whatever operation. */
export function innerSteps({ args }: LabStep): readonly LabStep[] {
  const { steps = [], meanwhile = [] } = Object(args) as { steps?: LabStep[]; meanwhile?: { steps: LabStep[] }[] }
  return [...steps, ...meanwhile.flatMap((pause) => pause.steps)]
}

const META = new Set(['label', 'mayFail', 'expect'])
const names = Object.keys(OPERATIONS) as Operation[]

/** One step: exactly one operation beside label, mayFail and expect. */
const step: z.ZodType<LabStep> = z.record(z.string(), z.unknown()).transform((raw, ctx): LabStep => {
  const keys = Object.keys(raw).filter((key) => !META.has(key))
  const unknown = keys.find((key) => !(key in OPERATIONS))
  if (unknown !== undefined) {
    ctx.addIssue({ code: 'custom', path: [unknown], message: `unknown operation; known: ${names.join(' ')}` })
    return z.NEVER
  }
  if (keys.length !== 1) return fail(ctx, 'a step has exactly one operation')
  const op = keys[0] as Operation
  const args = OPERATIONS[op].safeParse(raw[op])
  const common = z
    .strictObject({
      label: z.string().optional(),
      mayFail: z.array(z.string()).default([]),
      expect: expectation.optional(),
    })
    .safeParse(Object.fromEntries(Object.entries(raw).filter(([key]) => META.has(key))))
  if (!args.success) for (const i of args.error.issues) report(ctx, [op, ...i.path], i)
  if (!common.success) for (const i of common.error.issues) report(ctx, i.path, i)
  if (!args.success || !common.success) return z.NEVER
  return { op, args: args.data, ...common.data } as LabStep
}) as unknown as z.ZodType<LabStep>

function report(ctx: z.RefinementCtx, path: readonly PropertyKey[], issue: z.core.$ZodIssue): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      ctx.addIssue({ code: 'custom', path: [...path, key] as string[], message: 'unknown field' })
  } else ctx.addIssue({ code: 'custom', path: [...path] as string[], message: problemText(issue) })
}

const stepList: z.ZodType<readonly LabStep[]> = z.array(step)

/** A static binary as small as they come with a C library. */
const LAB_PROGRAM_BYTES = 720 * 1024
const LAB_PROGRAM_MIN = 256 * 1024
const LAB_PROGRAM_MAX = 64 * 2 ** 20

const sysctlSet = z.record(z.string(), z.union([z.number(), z.string()]))
export const labSchema = z.strictObject({
  memscope: z.literal('lab/1', { error: 'must be lab/1' }),
  title: z.string().optional(),
  about: z.string().optional(),
  seed: count.default(1),
  machine: z
    .strictObject({
      ram: size.refine((v) => v >= RAM_MIN && v <= RAM_MAX, `must be ${RAM_HINT}`).default(256 * 2 ** 20),
      cpus: z.number().int().min(1).max(64).default(1),
      swap: z
        .array(
          z.strictObject({
            size,
            device: z.enum(['hdd', 'ssd', 'nvme', 'virtio']).default('ssd'),
            priority: z.number().int().optional(),
          }),
        )
        .default([]),
      thp: z.enum(['always', 'madvise', 'never']).default('never'),
      disk: z.enum(['hdd', 'ssd', 'nvme', 'virtio']).default('ssd'),
      psi: z.boolean().default(false),
      /** So many times slower than a CPU of today: an emulated one is. */
      slowdown: z.number().int().min(1).max(1000).default(1),
      cgroup: z.boolean().default(false),
      la57: z.boolean().default(false),
      /** How large the file of the measuring program is, which lies in the initramfs. */
      program: size
        .refine((v) => v >= LAB_PROGRAM_MIN && v <= LAB_PROGRAM_MAX, 'must be between 256KiB and 64MiB')
        .default(LAB_PROGRAM_BYTES),
      bootParams: z.array(z.string()).default([]),
    })
    .prefault({}),
  sysctl: sysctlSet.default({}),
  steps: stepList,
})
export type LabProgram = z.infer<typeof labSchema>

export interface LabFile {
  readonly program: LabProgram
  /** Line of each top-level step, for messages. */
  readonly lines: readonly number[]
}

/** Reads a lab program. On failure the error holds `file:line: field: what would be right`, one line each. */
export function parseLab(text: string, file: string): { ok: true; value: LabFile } | { ok: false; error: string } {
  const loaded = loadYaml(text, file, labSchema)
  if (!loaded.ok) return loaded
  const lines = loaded.value.steps.map((_, i) => loaded.lineOf(['steps', i]))
  return { ok: true, value: { program: loaded.value, lines } }
}

/** Puts a reference in the place of every list of steps, at any depth. */
function referTo(steps: unknown, properties: Record<string, unknown>): void {
  for (const [name, schema] of Object.entries(properties)) {
    const { properties: inner, items } = Object(schema) as { properties?: object; items?: { properties?: object } }
    if (name === 'steps') properties[name] = steps
    else if (inner !== undefined) referTo(steps, inner as Record<string, unknown>)
    else if (items?.properties !== undefined) referTo(steps, items.properties as Record<string, unknown>)
  }
}

/** The published JSON schema of a lab program (resources/lab.schema.json). */
export function labJsonSchema(): Record<string, unknown> {
  const input = (schema: z.ZodType): Record<string, unknown> => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    return rest
  }
  const common = {
    label: { type: 'string' },
    mayFail: { type: 'array', items: { type: 'string' } },
    expect: input(expectation),
  }
  const steps = { type: 'array', items: { $ref: '#/$defs/step' } }
  const operation = (name: Operation): unknown => {
    const schema = input(OPERATIONS[name])
    const properties = schema['properties'] as Record<string, unknown> | undefined
    if (properties !== undefined) referTo(steps, properties)
    return { type: 'object', required: [name], additionalProperties: false, properties: { [name]: schema, ...common } }
  }
  const program = input(labSchema) as { properties: Record<string, unknown> }
  program.properties['steps'] = steps
  delete (program as Record<string, unknown>)['$defs']
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Memscope lab program',
    ...program,
    $defs: { step: { oneOf: names.map(operation) } },
  }
}
