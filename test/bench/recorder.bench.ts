/** What a sample costs to record: bytes and time for 300 and 1,000 processes, and the time of a seek. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recorderHere } from '../../src-main/recorder/recorder'
import { FAKE_META, fakeSample } from '../support/fakeSample'

const SAMPLES = 600

async function samples_of(processes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'memscope-bench-'))
  const recorder = recorderHere()
  await recorder.ask('record', { file: join(folder, 'bench.memscope'), meta: FAKE_META, keep: false })
  const samples = Array.from({ length: SAMPLES }, (_, i) => fakeSample(i, processes))
  const began = performance.now()
  for (let i = 0; i < SAMPLES; i++) {
    recorder.put({ put: 'sample', data: samples[i]! })
    if (i % 2 === 1) await recorder.ask('commit', undefined)
  }
  const perSample = (performance.now() - began) / SAMPLES
  const seekBegan = performance.now()
  for (let i = 0; i < 50; i++) await recorder.ask('sampleAt', { of: 'written', ms: ((i * 7919) % SAMPLES) * 500 })
  const perSeek = (performance.now() - seekBegan) / 50
  await recorder.ask('finish', undefined)
  const { bytes } = await recorder.ask('open', { file: join(folder, 'bench.memscope') })
  await recorder.stop()
  rmSync(folder, { recursive: true })
  console.log(
    `${processes} processes: ${perSample.toFixed(2)} ms and ${(bytes / SAMPLES / 1000).toFixed(1)} kB a sample, seek ${perSeek.toFixed(2)} ms`,
  )
  assert(perSeek < 50)
}

for (const processes of [300, 1000]) await samples_of(processes)
