/** A small machine on which a leak meets the OOM killer within seconds. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readScenario } from '../../src-main/engine/scenarios'

export const SMALL_YAML = `memscope: scenario/1
title: A small leak
seed: 5
machine: { ram: 128MiB, swap: [{ size: 32MiB }] }
base: none
processes:
  - { program: memhog, name: steady, params: { size: 16MiB } }
  - { program: leak, at: 1s, params: { rate: 48MiB/s } }
until: 8s
expect:
  - { text: the leak is killed, event: oom_kill, name: leaky-service }
`

export const smallScenario = () => readScenario(SMALL_YAML, 'small.yaml')

/** The same as a file of the host. */
export function smallScenarioFile(): string {
  const file = join(mkdtempSync(join(tmpdir(), 'memscope-scenario-')), 'small.yaml')
  writeFileSync(file, SMALL_YAML)
  return file
}
