/** Where an export goes, from the window and from the command line alike. */
import { expect, test } from 'vitest'
import { endingMismatch, exportPath } from '@shared/exports'
import { EXPORT_FORMATS } from '@shared/protocol'

test('a neighbour of the recording, that its own format is fine with', () => {
  const paths = (shape: 'file' | 'tables'): string[] =>
    EXPORT_FORMATS.map((format) => exportPath('/d/a.memscope', format, shape))
  const [rest, own] = [['/d/a.html', '/d/a-copy.memscope'], '/d/a.json']
  expect(paths('file')).toEqual(['/d/a.csv', own, '/d/a.parquet', ...rest])
  expect(paths('tables')).toEqual(['/d/a-csv', own, '/d/a-parquet', ...rest])
  for (const shape of ['file', 'tables'] as const)
    paths(shape).forEach((path, i) => expect(endingMismatch(path, EXPORT_FORMATS[i]!)).toBeNull())
})

test('an ending of another format is refused, any other is not', () => {
  expect(endingMismatch('a.json', 'csv')).toMatch(/that of json: name it \.csv/)
  expect(endingMismatch('a.csv.gz', 'json')).toBeNull()
  expect(endingMismatch('folder', 'parquet')).toBeNull()
})
