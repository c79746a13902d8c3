/**
 * Lab programs run on a machine of their own, in slices between which the session's machine goes on and commands are
 * heard. One program at a time; the next one, or `labCancel`, ends the one before it.
 */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import type { CommandOf, Result } from '@shared/protocol'
import { parseLab, type LabStep } from '@shared/lab'
import type { Session } from '../session'

const SLICE_MS = 25
const PROGRESS_MS = 250

export async function lab(s: Session, { yaml }: CommandOf<'lab'>): Promise<Result> {
  const parsed = parseLab(yaml, 'lab.yaml')
  if (!parsed.ok) return { ok: false, error: parsed.error }
  const { labRun } = await import('../../lab/runner')
  const token = ++s.lab.token
  const steps = Math.max(1, countSteps(parsed.value.program.steps))
  let seen = 0
  const run = labRun(parsed.value, { onLine: () => seen++ })
  try {
    for (let said = performance.now(); ;) {
      for (const began = performance.now(); performance.now() - began < SLICE_MS;) {
        const turn = run.next()
        if (turn.done === true) return { ok: true, value: turn.value }
        s.lab.ms = turn.value
      }
      if (performance.now() - said > PROGRESS_MS) {
        said = performance.now()
        pushProgress(s, `step ${seen} of ${steps}, ${(s.lab.ms / 1000).toFixed(1)} s simulated`, seen / steps)
      }
      await setImmediate()
      if (token !== s.lab.token) return { ok: false, error: `cancelled after step ${seen}` }
    }
  } finally {
    pushProgress(s, '', 1)
  }
}

export function labCancel(s: Session): Result {
  s.lab.token++
  return { ok: true, value: null }
}

function pushProgress(s: Session, text: string, done: number): void {
  s.push({ type: 'progress', id: 'lab', text, done: done < 1 || text === '' ? done : 0.99 })
}

/** Lines that the steps will print: containers print none, their inner steps do. */
function countSteps(steps: readonly LabStep[]): number {
  return steps.reduce((sum, { args }) => {
    const inner = (args as { steps?: readonly LabStep[]; times?: number } | null)?.steps
    if (!Array.isArray(inner)) return sum + 1
    return sum + countSteps(inner) * ((args as { times?: number }).times ?? 1)
  }, 0)
}
