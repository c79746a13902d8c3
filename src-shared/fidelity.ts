/** One row of the model table as the Fidelity view shows it. */
export interface Mechanism {
  readonly mechanism: string
  readonly linux: string
  readonly kept: string
  readonly simplified: string
  readonly test: string
  readonly result: string
}
