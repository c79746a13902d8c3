/** The measurements of the real kernel that the suite is held against: result.json of each experiment, compressed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { experimentIds, folderOf, isLong } from '../measure/experiments.mjs'

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

const GIVEN = join(import.meta.dirname, 'reference')
/** CONFORMANCE_FROM names another folder of measurements of the same kind, with lab programs of its own beside them. */
const FOLDER = process.env['CONFORMANCE_FROM'] ?? GIVEN

/** Whether these are the measurements that resources/conformance.json records. */
export const isRecorded = FOLDER === GIVEN
/** Measured by the project itself (test/measure), beside those that it was given; `npm test` runs some of them. */
const FURTHER = isRecorded ? experimentIds().filter(isRun).map((id) => id.replace('/', '__')) : []
function isRun(id: string): boolean {
  return process.env['CONFORMANCE_BRIEF'] === undefined || !isLong(id)
}

/** All experiments by `family__id`, the given ones first. */
export function experimentNames(): string[] {
  return [...givenNames(), ...FURTHER]
}
export function isGiven(id: string): boolean {
  return !FURTHER.includes(id.replace('/', '__'))
}
function givenNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json.gz') && !name.endsWith('.raw.json.gz'))
    .map((name) => name.replace('.json.gz', ''))
    .sort()
}

export function readExperiment(name: string): Experiment {
  return JSON.parse(gunzipSync(readFileSync(filesOf(name).result)).toString()) as Experiment
}
/** Raw files of an experiment as they were read on the measured machine, by path; not every experiment has some. */
export function readRaw(id: string): Readonly<Record<string, string>> {
  const path = filesOf(id.replaceAll('/', '__')).raw
  return existsSync(path) ? (JSON.parse(gunzipSync(readFileSync(path)).toString()) as Record<string, string>) : {}
}
export function programPath(name: string): string {
  return filesOf(name).program
}

function filesOf(name: string): { result: string; raw: string; program: string } {
  if (FURTHER.includes(name)) {
    const of = (file: string) => join(folderOf(name.replace('__', '/')), file)
    return { result: of('measured.json.gz'), raw: of('measured.raw.json.gz'), program: of('lab.yaml') }
  }
  const of = (ending: string) => join(FOLDER, `${name}${ending}`)
  const program = existsSync(of('.yaml')) ? of('.yaml') : join(import.meta.dirname, `${name}.yaml`)
  return { result: of('.json.gz'), raw: of('.raw.json.gz'), program }
}
