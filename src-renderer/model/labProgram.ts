/** A lab program's outcome for the step table, and where in the text an error points. */

export interface LabStep {
  readonly step: number
  readonly op: string
  readonly label?: string
  readonly task?: string
  readonly result:
    | string
    | { readonly signal: string | number; readonly si_code?: string | number; readonly si_addr?: string | number }
  readonly addr?: string | number
  readonly value?: number | string
  readonly path?: string
  readonly text?: string
  readonly minflt?: number
  readonly majflt?: number
  readonly VmSize?: number
  readonly VmRSS?: number
  readonly RssAnon?: number
  readonly RssFile?: number
  readonly RssShmem?: number
  readonly VmPTE?: number
  readonly VmSwap?: number
  readonly VmLck?: number
  readonly meminfo?: Readonly<Record<string, number>>
  readonly vmstat?: Readonly<Record<string, number>>
  readonly killed?: readonly { readonly task: string; readonly pid: number }[]
  readonly panic?: string
  readonly failed?: readonly string[]
}

/** The steps in an answer: a list, `{ steps }`, or JSON lines as the command line prints them. */
export function labSteps(value: unknown): readonly LabStep[] {
  if (Array.isArray(value)) return value as LabStep[]
  if (typeof value === 'string')
    return value
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LabStep)
  const { steps, lines } = (value ?? {}) as { steps?: readonly LabStep[]; lines?: readonly LabStep[] }
  return steps ?? lines ?? []
}

export function resultText(result: LabStep['result'] | undefined): string {
  if (result === undefined) return ''
  if (typeof result === 'string') return result
  const address = typeof result.si_addr === 'number' ? `0x${result.si_addr.toString(16)}` : result.si_addr
  return [String(result.signal), result.si_code, address].filter((part) => part !== undefined).join(' ')
}
export const isFailure = (step: LabStep): boolean => resultText(step.result) !== 'ok' && step.result !== undefined

/** What a step says in words: an address, a value, who was killed. */
export function remark(step: LabStep): string {
  const said: string[] = []
  if (step.addr !== undefined)
    said.push(typeof step.addr === 'number' ? `at 0x${step.addr.toString(16)}` : `at ${step.addr}`)
  if (step.value !== undefined) said.push(`= ${step.value}`)
  for (const victim of step.killed ?? []) said.push(`OOM killed ${victim.task} (${victim.pid})`)
  for (const text of step.failed ?? []) said.push(`expected ${text}`)
  if (step.panic !== undefined) said.push(`panic: ${step.panic}`)
  const [name, most] = Object.entries(step.vmstat ?? {}).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))[0] ?? []
  if (said.length === 0 && name !== undefined && most !== undefined) said.push(`${name} ${most > 0 ? '+' : ''}${most}`)
  return said.join(', ')
}

/** The line that an error names, as `file.yaml:7: …`, `line 7` or `7:3`; null when it names none. */
export function errorLine(error: string): number | null {
  const match = /\bline (\d+)/.exec(error) ?? /^[^\s:]*:(\d+)(?::\d+)?:/.exec(error) ?? /\((\d+):\d+\)/.exec(error)
  return match ? Number(match[1]) : null
}

export const EXAMPLE = `memscope: lab/1
machine: { ram: 256MiB, swap: [], thp: never }
steps:
  - mmap: { as: a, length: 64MiB, prot: rw, flags: [private, anonymous] }
  - touch: { area: a, access: read, stride: 4KiB }
  - touch: { area: a, access: write, from: 0, length: 32MiB, stride: 4KiB }
  - fork: { as: child }
  - in: { task: child, steps: [ { touch: { area: a, access: write, length: 16MiB } }, { exit: 0 } ] }
  - wait: { task: child }
  - madvise: { area: a, advice: dontneed }
  - munmap: { area: a, from: 1MiB, length: 1MiB }
`

/** Programs to begin with, each about one thing. */
export const EXAMPLES: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'Fork and copy on write', text: EXAMPLE },
  {
    name: 'Zero page, then a copy',
    text: `memscope: lab/1
machine: { ram: 256MiB, swap: [], thp: never }
steps:
  - mmap: { as: a, length: 16MiB, prot: rw, flags: [private, anonymous] }
  - label: read maps the zero page
    touch: { area: a, access: read }
  - label: write makes a page of its own
    touch: { area: a, access: write }
  - label: again, nothing to fault
    touch: { area: a, access: write }
`,
  },
  {
    name: 'Out of memory',
    text: `memscope: lab/1
machine: { ram: 128MiB, swap: [] }
steps:
  - spawn: { as: hog, oomScoreAdj: 500, steps: [ { grow: { as: heap, step: 4MiB, upTo: 1GiB } } ] }
  - wait: { task: hog }
`,
  },
  {
    name: 'Page cache, dropped',
    text: `memscope: lab/1
machine: { ram: 256MiB, swap: [] }
steps:
  - createFile: { as: f, size: 64MiB, fs: ext4 }
  - label: from the disk
    read: { file: f }
  - label: from the page cache
    read: { file: f }
  - dropCaches: { mode: 1 }
  - label: from the disk again
    read: { file: f }
`,
  },
]
