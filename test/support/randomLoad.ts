/**
 * Random operations on a machine and, beside it, on a naive model. Halfway a snapshot is restored into a second machine,
 * and both go on: they must agree with their models, and with each other to the last bit.
 *
 * `npm run fuzz` runs the same loads with many more seeds.
 */
import { expect, test } from 'vitest'
import type { Kernel } from '../../src-main/kernel/kernel'
import { hash, restore, snapshot } from '../../src-main/kernel/snapshot'

export interface World<Model> {
  readonly k: Kernel
  /** Plain data: it is cloned with the machine. */
  readonly model: Model
  /** Where the random numbers are. */
  seed: number
}

export interface Load<Model> {
  readonly operations: number
  /** Operations from one check to the next. */
  readonly every: number
  open(seed: number): { k: Kernel; model: Model }
  operate(w: World<Model>): void
  /** Compares the machine with the model, and verifies its books. */
  check(w: World<Model>): void
}

/** A random number below n (xorshift). */
export function below(w: { seed: number }, n: number): number {
  let x = w.seed
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  w.seed = x
  return (x >>> 0) % n
}
export function pick<T>(w: { seed: number }, list: readonly T[]): T {
  return list[below(w, list.length)]!
}

const SEEDS = import.meta.env.MODE === 'soak' ? 40 : 3

export function testLoad<Model>(name: string, load: Load<Model>): void {
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1)
  test.each(seeds)(`${name}, and goes on from a snapshot (seed %i)`, (seed) => {
    const w: World<Model> = { ...load.open(seed), seed: seed * 104_729 }
    const half = load.operations >> 1
    run(load, w, half)
    const copy = twin(w)
    expect(hash(copy.k)).toBe(hash(w.k))
    run(load, w, half)
    run(load, copy, half)
    expect(copy.seed).toBe(w.seed)
    expect(hash(copy.k)).toBe(hash(w.k))
  })
}

function run<Model>(load: Load<Model>, w: World<Model>, operations: number): void {
  for (let i = 1; i <= operations; i++) {
    load.operate(w)
    if (i % load.every === 0 || i === operations) load.check(w)
  }
}
function twin<Model>(w: World<Model>): World<Model> {
  return { k: restore(structuredClone(snapshot(w.k))), model: structuredClone(w.model), seed: w.seed }
}
