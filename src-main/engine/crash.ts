/** A bug of ours: what is needed to see it again, in a file and in a push. The engine's thread goes on answering. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CrashCapsule } from '@shared/protocol'
import { nowMs, type Machine } from './machine'

export function capsuleOf(error: unknown, machine: Machine | null, userData: string | null): CrashCapsule {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const step = machine?.k.var.step ?? -1
  const capsule = {
    message,
    stack: stack ?? '',
    scenario: machine?.source ?? '',
    seed: machine?.seed ?? 0,
    step,
    ms: machine === null ? 0 : nowMs(machine),
    commands: machine?.log ?? [],
  }
  const file = userData === null ? null : save(userData, capsule)
  return { ...capsule, reproduce: reproduceLine(machine, file), file }
}

/** A machine to which commands were given is made again from its capsule; another from scenario and seed. */
function reproduceLine(machine: Machine | null, file: string | null): string {
  if (machine === null) return 'memscope run SCENARIO'
  const seconds = Math.ceil(nowMs(machine) / 1000) + 1
  const what = machine.log.length > 0 && file !== null ? file : `${machine.file} --seed ${machine.seed}`
  return `memscope run ${what} --for ${seconds}s --verify`
}

function save(userData: string, capsule: Omit<CrashCapsule, 'file' | 'reproduce'>): string | null {
  try {
    const folder = join(userData, 'crashes')
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `crash-${new Date().toISOString().replace(/[:.]/g, '-')}.json`)
    writeFileSync(file, `${JSON.stringify(capsule, null, 1)}\n`)
    return file
  } catch {
    return null
  }
}
