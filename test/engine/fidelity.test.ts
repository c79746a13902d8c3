import { expect, test } from 'vitest'
import { fidelityRows } from '../../src-main/engine/fidelity'

test('every row of the model table is shown, and what is not modelled says so', () => {
  const rows = fidelityRows()
  expect(rows.length).toBeGreaterThan(45)
  expect(rows.find((r) => r.mechanism === 'Buddy system')).toMatchObject({
    result: '',
    linux: expect.stringContaining('__free_one_page') as string,
  })
  expect(rows.find((r) => r.mechanism.startsWith('KSM'))?.result).toBe('not modelled')
  expect(rows.every((r) => r.mechanism !== '' && r.mechanism !== 'Mechanism')).toBe(true)
})
