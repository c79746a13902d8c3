/** One mistake: `from` stands once in `file` (seen from src-main/kernel) and becomes `to`; `tests` are to notice. */
export interface Mutant {
  readonly module: string
  readonly what: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly tests: readonly string[]
}
export declare const MUTANTS: readonly Mutant[]
