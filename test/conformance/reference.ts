/** The measurements of the real kernel that the suite is held against: result.json of each experiment, compressed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export type Numbers = Readonly<Record<string, number>>
/** One step as measured; which fields it has depends on the experiment. */
export interface RealStep {
  readonly step: string
  readonly pid?: number
  readonly minflt?: number
  readonly majflt?: number
  readonly status?: Numbers
  readonly rollup?: Numbers
  readonly meminfo?: Numbers
  readonly meminfo_delta?: Numbers
  readonly vm?: Numbers
  readonly [field: string]: unknown
}
export interface Experiment {
  readonly id: string
  readonly mem: string
  readonly swap_MiB: number
  readonly thp: string
  readonly cmdline: string
  /** `kernel panic: …` where it ended in one. */
  readonly outcome?: string
  readonly steps: readonly RealStep[]
}

const OWN = join(import.meta.dirname, 'reference')
/** CONFORMANCE_FROM names another folder of measurements of the same kind, with lab programs of its own beside them. */
const FOLDER = process.env['CONFORMANCE_FROM'] ?? OWN

/** Whether these are the measurements that resources/conformance.json records. */
export const isOwn = FOLDER === OWN

export function experimentIds(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json.gz') && !name.endsWith('.raw.json.gz'))
    .map((name) => name.replace('.json.gz', ''))
    .sort()
}
export function readExperiment(name: string): Experiment {
  return JSON.parse(gunzipSync(readFileSync(join(FOLDER, `${name}.json.gz`))).toString()) as Experiment
}
/** Raw files of an experiment as they were read on the measured machine, by path; not every experiment has some. */
export function readRaw(id: string): Readonly<Record<string, string>> {
  const path = join(FOLDER, `${id.replaceAll('/', '__')}.raw.json.gz`)
  return existsSync(path) ? (JSON.parse(gunzipSync(readFileSync(path)).toString()) as Record<string, string>) : {}
}
export function programPath(name: string): string {
  const beside = join(FOLDER, `${name}.yaml`)
  return existsSync(beside) ? beside : join(import.meta.dirname, `${name}.yaml`)
}
