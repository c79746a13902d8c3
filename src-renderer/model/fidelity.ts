/** What of Linux is modelled, and how well: the kernel's own table, sorted into three words. */
import type { Mechanism } from '@shared/fidelity'

export type Grade = 'exact' | 'approximate' | 'not modelled'

/** The word for a mechanism: the table's own, else by whether something is kept and something simplified. */
export function gradeOf(m: Mechanism): Grade {
  if (m.result === 'not modelled') return m.result
  const nothing = (text: string): boolean => /^\s*(|-|–|none|nothing)\s*\.?$/i.test(text)
  if (nothing(m.kept)) return 'not modelled'
  return nothing(m.simplified) ? 'exact' : 'approximate'
}

export function mechanismsOf(value: unknown): Mechanism[] {
  const list: unknown = typeof value === 'string' ? JSON.parse(value) : value
  if (!Array.isArray(list)) throw new Error('the fidelity table is no list')
  return list.map((row: Partial<Mechanism>) => ({
    mechanism: row.mechanism ?? '',
    linux: row.linux ?? '',
    kept: row.kept ?? '',
    simplified: row.simplified ?? '',
    test: row.test ?? '',
    result: row.result ?? '',
  }))
}
