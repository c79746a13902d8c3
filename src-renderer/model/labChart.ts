/** A lab program's steps as rows of a chart, and the groups of figures that are drawn over them. */
import type { LabStep } from './labProgram'

/** One row a step, at the step's number. */
export interface StepRows {
  readonly length: number
  readonly ms: Float64Array
  readonly gap: Uint8Array
  rowAt(step: number): number
  nearest(step: number): number
}

export function stepRows(steps: readonly LabStep[]): StepRows {
  const length = steps.length
  const inside = (row: number): number => Math.min(length - 1, row)
  return {
    length,
    ms: Float64Array.from(steps, (s) => s.step),
    gap: new Uint8Array(length),
    rowAt: (step) => Math.max(-1, inside(Math.floor(step) - 1)),
    nearest: (step) => (length === 0 ? -1 : Math.max(0, inside(Math.round(step) - 1))),
  }
}

export interface StepFigure {
  readonly id: string
  readonly label: string
  readonly color: `--${string}`
  readonly dash?: readonly number[]
  readonly value: (step: LabStep) => number
}

const info = (s: LabStep, name: string): number => s.meminfo?.[name] ?? 0
const stat = (s: LabStep, name: string): number => s.vmstat?.[name] ?? 0

/** The figures of a step that belong on one axis. */
export const STEP_GROUPS = [
  {
    id: 'task',
    text: 'Task',
    unit: 'MiB of the acting task',
    memory: true,
    figures: [
      { id: 'anon', label: 'RssAnon', color: '--mem-anon', value: (s) => s.RssAnon ?? 0 },
      { id: 'file', label: 'RssFile', color: '--mem-file', value: (s) => s.RssFile ?? 0 },
      { id: 'shmem', label: 'RssShmem', color: '--mem-shmem', value: (s) => s.RssShmem ?? 0 },
      { id: 'pte', label: 'VmPTE', color: '--mem-pgtable', value: (s) => s.VmPTE ?? 0 },
      { id: 'swap', label: 'VmSwap', color: '--mem-swap', dash: [5, 3], value: (s) => s.VmSwap ?? 0 },
    ],
  },
  {
    id: 'machine',
    text: 'Machine',
    unit: 'MiB of /proc/meminfo',
    memory: true,
    figures: [
      { id: 'free', label: 'MemFree', color: '--accent', value: (s) => info(s, 'MemFree') },
      { id: 'anon', label: 'AnonPages', color: '--mem-anon', value: (s) => info(s, 'AnonPages') },
      { id: 'cached', label: 'Cached', color: '--mem-file', value: (s) => info(s, 'Cached') },
      {
        id: 'swap',
        label: 'SwapUsed',
        color: '--mem-swap',
        dash: [5, 3],
        value: (s) => info(s, 'SwapTotal') - info(s, 'SwapFree'),
      },
    ],
  },
  {
    id: 'faults',
    text: 'Faults',
    unit: 'faults of the step',
    memory: false,
    figures: [
      { id: 'min', label: 'minflt', color: '--accent', value: (s) => s.minflt ?? 0 },
      { id: 'maj', label: 'majflt', color: '--crit', value: (s) => s.majflt ?? 0 },
    ],
  },
  {
    id: 'reclaim',
    text: 'Reclaim',
    unit: 'pages of the step',
    memory: false,
    figures: [
      {
        id: 'scan',
        label: 'pgscan',
        color: '--text-2',
        value: (s) => stat(s, 'pgscan_kswapd') + stat(s, 'pgscan_direct'),
      },
      {
        id: 'steal',
        label: 'pgsteal',
        color: '--mem-file',
        value: (s) => stat(s, 'pgsteal_kswapd') + stat(s, 'pgsteal_direct'),
      },
      { id: 'in', label: 'pswpin', color: '--mem-anon', value: (s) => stat(s, 'pswpin') },
      { id: 'out', label: 'pswpout', color: '--mem-swap', dash: [5, 3], value: (s) => stat(s, 'pswpout') },
    ],
  },
] as const satisfies readonly {
  readonly id: string
  readonly text: string
  readonly unit: string
  readonly memory: boolean
  readonly figures: readonly StepFigure[]
}[]
export type StepGroupId = (typeof STEP_GROUPS)[number]['id']
