/** The gallery, and scenarios from files: by name, by path, or as text. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseScenario, type Scenario } from '@shared/scenario'
import { PROGRAM_INFOS } from '../workload'

export class ScenarioError extends Error {
  readonly exitCode = 2
}

export interface ScenarioSource {
  /** For messages and crash capsules: the path as given, or the name. */
  readonly file: string
  readonly source: string
  readonly scenario: Scenario
}

/** Where resources/ is: beside the sources, or beside out/ of a build. */
export function resourcesFolder(): string {
  const here = import.meta.dirname
  const places = [join(here, '../../resources'), join(here, '../../../resources'), join(here, '../resources')]
  const packed = (process as { resourcesPath?: string }).resourcesPath
  if (packed !== undefined) places.push(join(packed, 'resources'), join(packed, 'app/resources'))
  const found = places.find((path) => existsSync(join(path, 'scenarios')))
  if (found === undefined) throw new Error('the folder resources/scenarios is missing')
  return found
}

function galleryNames(): string[] {
  const files = readdirSync(join(resourcesFolder(), 'scenarios')).filter((name) => name.endsWith('.yaml'))
  return files.map((name) => basename(name, '.yaml')).sort()
}

export function gallery(): ScenarioSource[] {
  const folder = join(resourcesFolder(), 'scenarios')
  return galleryNames().map((name) => readScenario(readFileSync(join(folder, `${name}.yaml`), 'utf8'), `${name}.yaml`))
}

export function readScenario(source: string, file: string): ScenarioSource {
  const parsed = parseScenario(source, file, PROGRAM_INFOS)
  if (!parsed.ok) throw new ScenarioError(parsed.error)
  return { file, source, scenario: parsed.value }
}

/** A path, or the name of a scenario of the gallery. */
export function findScenario(name: string): ScenarioSource {
  if (existsSync(name)) return readScenario(readFile(name), name)
  const known = join(resourcesFolder(), 'scenarios', `${basename(name, '.yaml')}.yaml`)
  if (!/[/\\]/.test(name) && existsSync(known))
    return readScenario(readFile(known), name.endsWith('.yaml') ? name : `${name}.yaml`)
  throw new ScenarioError(`${name}: no such file, and not in the gallery (${galleryNames().join(', ')})`)
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ScenarioError(
      `${path}: ${(error as NodeJS.ErrnoException).code === 'EISDIR' ? 'a folder, not a scenario' : (error as Error).message}`,
    )
  }
}

/** What opens when nothing is asked for. */
export const DEFAULT_SCENARIO = 'calm-desktop'

export function defaultScenario(): ScenarioSource {
  return findScenario(DEFAULT_SCENARIO)
}
