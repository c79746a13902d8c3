/**
 * The machine as plain data: a copy of the arena's used rows and of the small state beside it. `restore` makes another
 * machine of it; two machines in the same state have the same `hash`.
 */
import { arena_hash, arena_image, arena_restore, type TableImage } from './lib/arena'
import { open_kernel, type Kernel, type MachineConfig, type Vars } from './kernel'

export interface Snapshot {
  readonly config: MachineConfig
  readonly tables: readonly TableImage[]
  readonly vmstat: Float64Array
  readonly machine: Float64Array
  readonly vars: string
  readonly strings: readonly string[]
  readonly log: readonly (readonly [number, string])[]
}

/** Structured-cloneable. The trace is not part of it. */
export function snapshot(k: Kernel): Snapshot {
  return {
    config: k.config,
    tables: arena_image(k.arena),
    vmstat: k.vmstat.slice(),
    machine: k.machine.slice(),
    vars: JSON.stringify(k.var),
    strings: [...k.strings.list],
    log: k.log.map(([ns, text]) => [ns, text]),
  }
}

export function restore(from: Snapshot): Kernel {
  const k = open_kernel(from.config)
  arena_restore(k.arena, from.tables)
  k.vmstat.set(from.vmstat)
  k.machine.set(from.machine)
  k.var = JSON.parse(from.vars) as Vars
  k.strings.list.length = 0
  k.strings.ids.clear()
  from.strings.forEach((text, id) => {
    k.strings.list.push(text)
    k.strings.ids.set(text, id)
  })
  for (const [ns, text] of from.log) k.log.push([ns, text])
  return k
}

/** Sixteen hex digits over the whole state. */
export function hash(k: Kernel): string {
  const rest = fnv(JSON.stringify(k.var) + k.strings.list.join('\n') + k.log.map((l) => l[1]).join('\n'))
  const counters = fnv_words(new Int32Array(k.vmstat.buffer), fnv_words(new Int32Array(k.machine.buffer), rest))
  return hex(arena_hash(k.arena)) + hex(counters)
}

function fnv(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}
function fnv_words(words: Int32Array, seed: number): number {
  let h = seed
  for (let i = 0; i < words.length; i++) h = Math.imul(h ^ words[i]!, 0x01000193)
  return h
}
function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}
