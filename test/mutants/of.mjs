/**
 * The mutants of a module, of which each is caught by the same tests: what goes wrong, the file, and its text before and after.
 *
 * @param {string} module
 * @param {readonly string[]} tests
 * @param {readonly (readonly [what: string, file: string, from: string, to: string])[]} rows
 */
export function of(module, tests, rows) {
  return rows.map(([what, file, from, to]) => ({ module, what, file, from, to, tests }))
}
