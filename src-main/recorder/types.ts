/** What is written to a recording and what can be asked of it: plain data, so that it crosses threads. */
import type { MachineInfo, TraceEvent } from '@shared/protocol'

export interface RecordingMeta {
  readonly machine: MachineInfo
  /** The scenario's file name (for messages) and its YAML text. */
  readonly scenario: string
  readonly source: string
  readonly seed: number
  readonly engine: string
  /** Wall-clock time of the start, ISO 8601. */
  readonly created: string
}

/** A user's command and the step before which it was carried out. */
export interface LoggedCommand {
  readonly step: number
  readonly ms: number
  readonly command: unknown
}

/** A compressed machine. `bytes` is its size when unpacked. */
export interface Checkpoint {
  readonly step: number
  readonly ms: number
  readonly hash: string
  readonly codec: 'zstd' | 'deflate'
  readonly bytes: number
  readonly data: Uint8Array
}

export type Entry =
  | { readonly put: 'names'; readonly from: number; readonly list: readonly string[] }
  | { readonly put: 'sample'; readonly data: Float64Array }
  | { readonly put: 'events'; readonly list: readonly TraceEvent[] }
  | { readonly put: 'log'; readonly ms: number; readonly lines: readonly string[] }
  | { readonly put: 'command'; readonly command: LoggedCommand }
  | { readonly put: 'checkpoint'; readonly checkpoint: Checkpoint }

export interface RecordingInfo {
  readonly path: string
  /** What a user wrote about it; empty when nothing. */
  readonly note: string
  readonly bytes: number
  readonly title: string
  readonly scenario: string
  readonly seed: number
  readonly engine: string
  readonly created: string
  readonly firstMs: number
  readonly lastMs: number
  readonly samples: number
  readonly events: number
  readonly oomKills: number
  readonly commands: number
  readonly checkpoints: number
}
