/** What a program of the workload is: its description and parameters, and what it does next. */
import type { ParamSpec, ProgramInfo } from '@shared/program'
import type { Proc } from './process'

export interface Program extends ProgramInfo {
  /** The image that is executed. */
  readonly path: string
  readonly params: Readonly<Record<string, ParamSpec>>
  /** Queues what comes next; called when all that was queued is done. The first time `p.s.phase` is ''. */
  readonly step: (p: Proc) => void
}

export const size = (value: string, about: string): ParamSpec => ({ type: 'size', default: value, about })
export const rate = (value: string, about: string): ParamSpec => ({ type: 'rate', default: value, about })
export const duration = (value: string, about: string): ParamSpec => ({ type: 'duration', default: value, about })
export const int = (value: number, about: string): ParamSpec => ({ type: 'int', default: value, about })
export const percent = (value: number, about: string): ParamSpec => ({ type: 'percent', default: value, about })
export const choice = (values: readonly string[], about: string): ParamSpec => ({
  type: values,
  default: values[0]!,
  about,
})
