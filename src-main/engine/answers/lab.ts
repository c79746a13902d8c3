/** Lab programs run on a machine of their own; the session's machine waits meanwhile. */
import type { CommandOf, Result } from '@shared/protocol'
import { parseLab } from '@shared/lab'
import type { Session } from '../session'

export async function lab(_s: Session, { yaml }: CommandOf<'lab'>): Promise<Result> {
  const parsed = parseLab(yaml, 'lab.yaml')
  if (!parsed.ok) return { ok: false, error: parsed.error }
  const { runLab } = await import('../../lab/runner')
  const { lines, failed, panic, hash, ms } = runLab(parsed.value)
  return { ok: true, value: { lines, failed, panic, hash, ms } }
}
