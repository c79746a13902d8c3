/** Holds a step's `expect` against its line. */
import type { Expectation } from '@shared/lab'
import type { LabLine } from './measure'

/** What does not hold, a sentence each. A figure is looked for in the line, then in meminfo, then in vmstat (0 when it did not move). */
export function failures(expect: Expectation | undefined, line: LabLine): string[] {
  if (expect === undefined) return []
  return Object.entries(expect).flatMap(([name, wanted]) => {
    const got = figure(line, name)
    if (typeof wanted === 'object') {
      const near = typeof got === 'number' && Math.abs(got - wanted.near) <= wanted.within
      return near ? [] : [`${name}: expected ${wanted.near} ± ${wanted.within}, got ${String(got)}`]
    }
    return got === wanted ? [] : [`${name}: expected ${wanted}, got ${String(got)}`]
  })
}

function figure(line: LabLine, name: string): unknown {
  if (name === 'signal' || name === 'si_code' || name === 'si_addr') {
    return typeof line.result === 'string' ? undefined : line.result[name]
  }
  const own = (line as unknown as Record<string, unknown>)[name]
  if (own !== undefined) return name === 'killed' ? line.killed.map((k) => k.task).join(' ') : own
  return line.meminfo[name] ?? line.vmstat[name] ?? 0
}
