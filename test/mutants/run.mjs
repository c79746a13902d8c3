/**
 * `npm run mutants [WORD]`: breaks the kernel by hand, one line a run, and sees whether the tests notice. WORD chooses
 * mutants by their module. Prints a line a mutant and the counts; exit 1 when one survives or no longer applies. A mutant
 * is caught by an assertion: one that only makes a test run out of time has `hung`, and wants a test of its own.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { MUTANTS } from './mutants.mjs'
import { node, root } from '../../src-main/bin/project.mjs'

/** Generous: a busy machine must not look like a mutant that hangs. */
const [TEST_LIMIT_MS, LIMIT_MS] = [240_000, 300_000]
const word = process.argv[2] ?? ''
const queue = MUTANTS.map((mutant, index) => ({ ...mutant, index })).filter((m) => m.module.includes(word))
if (queue.length === 0) {
  console.error(`no module named "${word}"; there are ${[...new Set(MUTANTS.map((m) => m.module))].join(', ')}`)
  process.exit(2)
}

// A test that fails anyway catches nothing.
const tests = [...new Set(queue.flatMap((m) => m.tests))]
if ((await run({ index: -1, tests })) !== 'survived') {
  console.error(`without any mistake these fail already: ${tests.join(' ')}`)
  process.exit(1)
}

const counts = { caught: 0, hung: 0, survived: 0, stale: 0 }
await Promise.all(Array.from({ length: availableParallelism() }, worker))
const { caught, hung, survived, stale } = counts
console.log(`mutants: ${caught} caught, ${hung} hung, ${survived} survived, ${stale} no longer apply`)
process.exit(hung + survived + stale === 0 ? 0 : 1)

async function worker() {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const began = Date.now()
    const verdict = applies(mutant) ? await run(mutant) : 'stale'
    counts[verdict]++
    const seconds = `${Math.round((Date.now() - began) / 1000)} s`
    console.log(
      `${verdict.padEnd(8)} ${seconds.padStart(5)}  ${mutant.module.padEnd(14)} ${mutant.what} (${mutant.file})`,
    )
  }
}

function applies({ file, from }) {
  return readFileSync(join(root, 'src-main/kernel', file), 'utf8').split(from).length === 2
}

function run({ index, tests }) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = [
    vitest,
    'run',
    '--project',
    'node',
    '--bail=1',
    '--reporter=dot',
    `--testTimeout=${TEST_LIMIT_MS}`,
    ...tests,
  ]
  const env = { ...process.env, MUTANT: String(index) }
  const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer)
      if (code === null || / timed out in \d+/.test(output)) resolve('hung')
      else resolve(code === 0 ? 'survived' : 'caught')
    })
  })
}
