/** The checks that are not tests: format, lint, types. Two at a time; each says how long it took. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { node, root } from './project.mjs'

const bin = (path) => join(root, 'node_modules', path)
const cache = (name) => bin(`.cache/${name}`)
const tsc = bin('typescript/bin/tsc')

const CHECKS = [
  ['lint', bin('eslint/bin/eslint.js'), '.', '--max-warnings=0', '--cache', '--cache-location', cache('eslint')],
  ['types: page', bin('svelte-check/bin/svelte-check'), '--tsconfig', './tsconfig.web.json', '--fail-on-warnings'],
  ['types: node', tsc, '-p', 'tsconfig.node.json'],
  ['types: kernel', tsc, '-p', 'tsconfig.kernel.json'],
  [
    'format',
    bin('prettier/bin/prettier.cjs'),
    '--check',
    '--cache',
    '--cache-location',
    cache('prettier.json'),
    '--log-level=warn',
    '.',
  ],
]

/** Runs all; returns how many passed and how many failed. */
export async function runChecks() {
  mkdirSync(bin('.cache'), { recursive: true })
  const queue = CHECKS.filter(([name]) => name !== 'types: page' || existsSync(join(root, 'src-renderer')))
  const results = []
  const lane = async () => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) results.push(await run(...check))
  }
  await Promise.all([lane(), lane()])
  return { passed: results.filter(Boolean).length, failed: results.filter((ok) => !ok).length }
}

function run(name, script, ...args) {
  const started = Date.now()
  const child = spawn(node, [script, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout.on('data', (data) => (text += data))
  child.stderr.on('data', (data) => (text += data))
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      console.log(`${code === 0 ? '✓' : '✗'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
      if (code !== 0) console.log(text.trimEnd())
      resolve(code === 0)
    })
  })
}

if (process.argv[1] === import.meta.filename) {
  const { failed } = await runChecks()
  process.exitCode = failed === 0 ? 0 : 1
}
