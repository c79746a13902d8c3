import type { Experiment, RealStep } from '../conformance/reference'

type Raw = Readonly<Record<string, string>>
export declare function sections(text: string): Raw
export declare function rawOf(raw: Raw, log: string): Raw
export declare function oomReports(dmesg: string): RealStep[]
export declare function experiment(
  id: string,
  about: { mem: string; swap: number; args: string },
  raw: Raw,
  log: string,
): Experiment
