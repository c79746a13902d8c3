/**
 * `npm test`: everything there is to check, in under ten minutes on two cores. Ends with the counts.
 * `npm test -- test/mm` builds and runs those tests only; `--project node` and other words go to vitest as well.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBrowser } from './browser.mjs'
import { runChecks } from './checks.mjs'
import { fetchElectron, fetchElectronFromRegistry, findElectron } from './electron.mjs'
import { build, node, root } from './project.mjs'

const chosen = process.argv.slice(2)
const started = Date.now()
const browser = ensureBrowser()
if (browser === null) process.exit(1)
if (chosen.length === 0) await ensureElectron()

console.log('building…')
if (!build()) {
  console.log('checks: 0 passed, 1 failed')
  process.exit(1)
}
const checks = chosen.length === 0 ? await runChecks() : { passed: 0, failed: 0 }
const realtools = chosen.length > 0 || runRealtools()
const tests = runTests()
console.log(`took ${Math.round((Date.now() - started) / 1000)} s`)
if (!realtools) console.log('real tools show other figures than the shell: see above')
if (chosen.length === 0) console.log(`checks: ${checks.passed} passed, ${checks.failed} failed`)
console.log(
  `tests: ${tests.passed} passed, ${tests.failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}`,
)
process.exit(checks.failed + tests.failed === 0 && realtools && tests.ran ? 0 : 1)

/** The tests of the window need a runtime; without one they are skipped, and say so. */
async function ensureElectron() {
  if (findElectron() !== null) return
  if ((await fetchElectron()) === null) fetchElectronFromRegistry()
}

/** Unmodified Linux tools on the simulated machine; what is not installed is skipped, and says so. */
function runRealtools() {
  return spawnSync(node, [join(root, 'src-main/bin/realtools.mjs')], { cwd: root, stdio: 'inherit' }).status === 0
}

function runTests() {
  const file = join(root, 'node_modules/.cache/tests.json')
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  rmSync(file, { force: true })
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...chosen]
  const env = { CONFORMANCE_BRIEF: '1', ...process.env, CHROMIUM: browser, ...electronEnvironment() }
  const { status } = spawnSync(node, [vitest, ...args], { cwd: root, stdio: 'inherit', env })
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, ran: false }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  // A file that can't be loaded has no tests to fail.
  const broken = report.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0).length
  const failed = report.numFailedTests + broken
  return {
    passed: report.numPassedTests,
    // Errors outside of tests fail the run, too.
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    ran: true,
  }
}

function electronEnvironment() {
  const path = findElectron()
  return path === null ? {} : { MEMSCOPE_TEST_ELECTRON: path }
}
