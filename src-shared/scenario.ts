/**
 * Scenarios (`memscope: scenario/1`): a machine, the processes that run on it, what happens when, and what is expected.
 * This file is the format: the schema, its defaults and the normalised form that `src-main/workload` boots.
 */
import { z } from 'zod'
import { SERIES } from './counters'
import { programParams, type Params, type ProgramInfo } from './program'
import { EVENT_KINDS } from './protocol'
import { DURATION_HINT, parseDuration, parseSize, RAM_HINT, RAM_MAX, RAM_MIN, SIZE_HINT } from './units'
import { loadYaml } from './yaml'

const size = z
  .union([z.string(), z.number()], { error: `must be ${SIZE_HINT}` })
  .transform((v, ctx) => parseSize(v) ?? fail(ctx, `must be ${SIZE_HINT}`))
/** Milliseconds. */
const duration = z
  .string({ error: `must be ${DURATION_HINT}` })
  .transform((v, ctx) => parseDuration(v) ?? fail(ctx, `must be ${DURATION_HINT}`))
const text = z.string().min(1)
const adj = z.number().int().min(-1000).max(1000)
const nice = z.number().int().min(-20).max(19)
const device = z.enum(['hdd', 'ssd', 'nvme', 'virtio'])
const sysctls = z.record(z.string(), z.union([z.number(), z.string()]))

function fail(ctx: z.RefinementCtx, message: string): never {
  ctx.addIssue({ code: 'custom', message })
  return z.NEVER
}

const ram = size.refine((v) => v >= RAM_MIN && v <= RAM_MAX, `must be ${RAM_HINT}`)
const swap = z.strictObject({
  size,
  device: device.default('ssd'),
  priority: z.number().int().min(-1).max(32767).optional(),
  file: z.boolean().optional(),
})
const machine = z.strictObject({
  ram: ram.default(2 ** 30),
  cpus: z.number().int().min(1).max(64).default(1),
  swap: z.array(swap).max(8).default([]),
  disk: device.default('ssd'),
  thp: z.enum(['always', 'madvise', 'never']).default('madvise'),
  psi: z.boolean().default(true),
  bootParams: z.array(z.string()).default([]),
})
const process_fields = {
  program: text,
  name: text.max(15).optional(),
  count: z.number().int().min(1).max(1000).default(1),
  nice: nice.default(0),
  uid: z.number().int().min(0).optional(),
  cgroup: z.string().startsWith('/', 'must be the path of a cgroup such as /web').optional(),
  oomScoreAdj: adj.optional(),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
}
const startable = z.strictObject({ at: duration.default(0), every: duration.optional(), ...process_fields })

const at = { at: duration, every: duration.optional(), text: text.optional() }
const event = z.discriminatedUnion(
  'do',
  [
    z.strictObject({ ...at, do: z.literal('sysctl'), set: sysctls }),
    z.strictObject({
      ...at,
      do: z.literal('dropCaches'),
      mode: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(3),
    }),
    z.strictObject({ ...at, do: z.literal('compact') }),
    z.strictObject({ ...at, do: z.literal('kill'), name: text, signal: z.number().int().min(1).max(64).default(15) }),
    z.strictObject({ ...at, do: z.literal('oomScoreAdj'), name: text, value: adj }),
    z.strictObject({ ...at, do: z.literal('renice'), name: text, value: nice }),
    z.strictObject({
      ...at,
      do: z.literal('write'),
      path: text,
      text: z.union([z.string(), z.number()]).transform(String),
    }),
    z.strictObject({ ...at, do: z.literal('spawn'), ...process_fields }),
  ],
  { error: 'must be one of sysctl, dropCaches, compact, kill, oomScoreAdj, renice, write, spawn' },
)

const counter_names = SERIES.map((c) => c.name) as [string, ...string[]]
const bounds = { above: z.number().optional(), below: z.number().optional() }
const window = { from: duration.optional(), to: duration.optional() }
/** What a run must show. `counter`: a figure of its course lies in bounds; `event`: something happened (so often, then). */
const expectation = z.union([
  z.strictObject({
    text,
    counter: z.enum(counter_names, {
      error: 'must be the name of a counter in /proc/vmstat, meminfo or the machine series',
    }),
    of: z.enum(['max', 'min', 'mean', 'first', 'last', 'change']).default('last'),
    ...window,
    ...bounds,
  }),
  z.strictObject({
    text,
    event: z.enum(EVENT_KINDS),
    name: text.optional(),
    count: z.strictObject({ min: z.number().int().default(1), max: z.number().int().optional() }).prefault({}),
    ...window,
  }),
  z.strictObject({
    text,
    /** Kinds of events and `counter` names; each must happen (or first grow) no earlier than the one before. */
    order: z.array(z.union([z.enum(EVENT_KINDS), z.enum(counter_names)])).min(2),
  }),
])

export const scenarioSchema = z.strictObject({
  memscope: z.literal('scenario/1', { error: 'must be scenario/1' }),
  title: text,
  about: text.default(''),
  /** What to look at while it runs, one line each. */
  watch: z.array(text).default([]),
  seed: z.number().int().min(0).default(1),
  machine: machine.prefault({}),
  sysctl: sysctls.default({}),
  cgroups: z.record(z.string(), z.record(z.string(), z.union([z.string(), z.number()]))).default({}),
  /** Daemons that every machine has; `none` for a bare one. */
  base: z.enum(['none', 'server', 'desktop']).default('server'),
  processes: z.array(startable).default([]),
  events: z.array(event).default([]),
  until: duration.default(60_000),
  expect: z.array(expectation).default([]),
})
type Parsed = z.infer<typeof scenarioSchema>

export type Expectation = Parsed['expect'][number]
export type ScenarioEvent = Parsed['events'][number]
export type SpawnSpec = Omit<Parsed['processes'][number], 'params' | 'at' | 'every'> & { readonly params: Params }
export interface ScenarioProcess extends SpawnSpec {
  readonly at: number
  readonly every?: number | undefined
}
/** A scenario as it is booted: sizes in bytes, times in ms, parameters complete. */
export interface Scenario extends Omit<Parsed, 'processes'> {
  readonly name: string
  readonly processes: readonly ScenarioProcess[]
}

export type ParsedScenario =
  { readonly ok: true; readonly value: Scenario } | { readonly ok: false; readonly error: string }

/** Reads a scenario; `programs` are the known workloads. Errors are `file:line: field: what would be right`, one a line. */
export function parseScenario(source: string, file: string, programs: readonly ProgramInfo[]): ParsedScenario {
  const loaded = loadYaml(source, file, scenarioSchema)
  if (!loaded.ok) return loaded
  const errors: string[] = []
  const complete = (given: Parsed['processes'][number] | SpawnEvent, path: PropertyKey[]): Params => {
    const found = findProgram(programs, given.program, given.params)
    if ('params' in found) return found.params
    const at = found.field === 'program' ? [...path, 'program'] : [...path, 'params', found.field]
    errors.push(`${file}:${loaded.lineOf(at)}: ${fieldOf(at)}: ${found.hint}`)
    return {}
  }
  const { processes, events, ...rest } = loaded.value
  const value: Scenario = {
    ...rest,
    name: file.replace(/^.*[/\\]/, '').replace(/\.ya?ml$/, ''),
    processes: processes.map((p, i) => ({ ...p, params: complete(p, ['processes', i]) })),
    events: events.map((e, i) => (e.do === 'spawn' ? { ...e, params: complete(e, ['events', i]) } : e)),
  }
  return errors.length === 0 ? { ok: true, value } : { ok: false, error: errors.join('\n') }
}
type SpawnEvent = Extract<ScenarioEvent, { do: 'spawn' }>

/** The complete parameters for a program by name, or which field is wrong and what would be right. */
export function findProgram(
  programs: readonly ProgramInfo[],
  name: string,
  given: Readonly<Record<string, unknown>>,
): { info: ProgramInfo; params: Params } | { field: string; hint: string } {
  const info = programs.find((p) => p.name === name)
  if (info === undefined)
    return { field: 'program', hint: `unknown program; known: ${programs.map((p) => p.name).join(', ')}` }
  const checked = programParams(info, given)
  return 'params' in checked ? { info, params: checked.params } : checked
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path
    .map((p) => (typeof p === 'number' ? `[${p}]` : `.${String(p)}`))
    .join('')
    .replace(/^\./, '')
}

/** The published JSON schema (resources/scenario.schema.json). */
export function scenarioJsonSchema(programs: readonly ProgramInfo[]): Record<string, unknown> {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any' })
  return {
    ...schema,
    title: 'Memscope scenario',
    description: 'A machine, the processes that run on it, what happens when, and what is expected.',
    $defs: { ...schema.$defs, ...Object.fromEntries(programs.map((p) => [`program-${p.name}`, paramsSchema(p)])) },
  }
}

function paramsSchema(info: ProgramInfo): Record<string, unknown> {
  const properties = Object.entries(info.params).map(([name, spec]) => [
    name,
    {
      description: spec.about,
      default: spec.default,
      ...(typeof spec.type === 'string' ? {} : { enum: spec.type }),
    },
  ])
  return {
    title: info.name,
    description: info.about,
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties) as Record<string, unknown>,
  }
}
