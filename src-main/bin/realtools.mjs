/**
 * `npm run realtools`: unmodified Linux tools on the simulated machine. Exports /proc and /sys of two machines at an
 * instant, puts them in the place of the host's, runs the tools, and compares: procps-ng and smem with our own shell to
 * the byte, monitors by the totals that they show. Ends with a table; exits with 1 where something differs.
 *
 *   --install   installs missing packages with apt-get (as root; in CI always)
 *   --verbose   prints every difference
 *   --picture FILE.png   photographs htop on a running machine instead
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildIfStale, node, root } from './project.mjs'
import { install, installed, PACKAGES, PROCPS, upstream } from './realtools/debian.mjs'
import { batch, differences, EXACT, SMEM, unbatch, withoutClock } from './realtools/exact.mjs'
import { factsOf, QUESTIONS } from './realtools/facts.mjs'
import { MONITORS } from './realtools/monitors.mjs'
import { isInside, mountTmpfs, namespaceArgs, reenter, runIn } from './realtools/sandbox.mjs'

const SCENARIOS = [
  { name: 'calm-desktop', source: 'calm-desktop', at: '20s' },
  { name: 'crowded', source: join(root, 'test/realtools/crowded.yaml'), at: '30s' },
]
/** Tools that run at a time. */
const LANES = 3
const words = process.argv.slice(2)
const isCi = process.env.CI === 'true'
const isVerbose = words.includes('--verbose')

process.exitCode = await main()

async function main() {
  if (process.platform !== 'linux') return skip('real tools run on Linux only')
  if (!isInside) {
    if (!buildIfStale()) return 1
    const names = Object.keys(PACKAGES)
    const missing =
      isCi || words.includes('--install') ? install(names) : names.filter((name) => installed(name) === null)
    if (missing.length === names.length) return skip('none of the tools is installed (npm run realtools -- --install)')
    if (missing.length > 0)
      console.log(`not installed, so not compared: ${missing.join(', ')} (npm run realtools -- --install)`)
    const namespace = namespaceArgs()
    if (namespace !== null) return reenter(namespace)
    console.log('no mount namespace is to be had here: only tools that can be told where /proc is are run')
  }
  const started = Date.now()
  const dir = mkdtempSync(join(tmpdir(), 'memscope-realtools-'))
  const rows = []
  try {
    if (isInside && !mountTmpfs(dir)) return 1
    if (words.includes('--picture')) return await picture(dir)
    for (const scenario of SCENARIOS) rows.push(...(await compareAll(scenario, join(dir, scenario.name))))
  } finally {
    if (isInside) spawnSync('umount', [dir])
    rmSync(dir, { recursive: true, force: true })
  }
  return report(rows, started)
}

function skip(why) {
  console.log(`realtools: skipped: ${why}`)
  return 0
}

async function picture(dir) {
  const { photograph } = await import('./realtools/picture.mjs')
  const [passwd, group] = ['passwd', 'group'].map((name) => memscope('exec', '--', `cat /etc/${name}`))
  await photograph(dir, words[words.indexOf('--picture') + 1], { passwd, group })
  return 0
}

function memscope(...args) {
  const { status, stdout, stderr } = spawnSync(node, [join(root, 'out/main/cli.js'), ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (stderr !== '') throw new Error(`memscope ${args.join(' ')}: ${status} ${stderr}`)
  return stdout
}

/** All that can be compared on one machine, as rows of the table. */
async function compareAll({ name, source, at }, dir) {
  mkdirSync(dir)
  memscope('procfs', source, '--at', at, '--out', dir)
  const pid = memscope('exec', source, '--at', at, '--', 'ps -eo pid= --sort -rss | head -1').trim()
  const templates = [...EXACT, ...SMEM]
  const commands = templates.map((c) => c.replace('PID', pid))
  const asked = [...QUESTIONS, 'cat /etc/passwd', 'cat /etc/group', ...commands]
  const answers = unbatch(memscope('exec', source, '--at', at, '--still', '--', batch(asked)), asked)
  const [passwd, group] = answers.splice(QUESTIONS.length, 2)
  if (passwd.status === 0) writeFileSync(join(dir, 'passwd'), passwd.output)
  if (group.status === 0) writeFileSync(join(dir, 'group'), group.output)
  const facts = factsOf(answers.splice(0, QUESTIONS.length))
  const monitors = Promise.all(MONITORS.map((monitor) => lookAt(monitor, dir, facts, name)))
  const exact = await inLanes(answers, (answer) => compareOne(answer, dir, name))
  for (const [i, row] of exact.entries()) row.template = templates[i]
  return [...exact, ...(await monitors)]
}

/** A few at a time, in order. */
async function inLanes(items, one) {
  const results = []
  let next = 0
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await one(items[i])
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return results
}

/** Our shell's output of a command against the real tool's. */
async function compareOne({ command, output, status }, dir, machine) {
  const tool = command.split(' ')[0]
  const of = command.startsWith('smem') ? 'smem' : 'procps'
  const version = installed(of)
  const row = {
    machine,
    tool,
    version: version === null ? '' : `${of} ${upstream(version)}`,
    command,
    lines: 0,
    differences: 0,
  }
  if (!isInside) return { ...row, skipped: 'needs a mount namespace' }
  if (version === null) return { ...row, skipped: 'not installed' }
  if (of === 'procps' && upstream(version) !== PROCPS) return { ...row, skipped: `is not ${PROCPS}` }
  const real = await runIn(dir, `exec ${command} 2>&1`)
  const [theirs, ours] = [withoutClock(command, real.stdout), withoutClock(command, output)]
  const found = differences(theirs, ours)
  if (real.status !== status) found.push([`exit status ${real.status}`, `exit status ${status}`])
  return {
    ...row,
    lines: theirs.split('\n').length - (theirs.endsWith('\n') ? 1 : 0) + 1,
    differences: found.length,
    found,
  }
}

/** A monitor's figures against the machine's. */
async function lookAt(monitor, dir, facts, machine) {
  const version = installed(monitor.package)
  const row = {
    machine,
    tool: monitor.name,
    version: version === null ? '' : upstream(version),
    command: '(totals)',
    lines: 0,
    differences: 0,
  }
  if (version === null) return { ...row, skipped: 'not installed' }
  if (monitor.needsNamespace && !isInside) return { ...row, skipped: 'needs a mount namespace' }
  const figures = await monitor.look(dir, facts)
  const wrong = figures.filter((f) => !f.isRight)
  return {
    ...row,
    lines: figures.length,
    differences: wrong.length,
    found: wrong.map((f) => [`${f.name}: ${f.shown}`, `${f.name}: ${f.right}`]),
  }
}

function report(rows, started) {
  for (const row of rows) {
    for (const [real, ours] of (row.found ?? []).slice(0, isVerbose ? Infinity : 6))
      console.log(
        `${row.machine}: ${row.command === '(totals)' ? row.tool : row.command}\n  real: ${real}\n  ours: ${ours}`,
      )
  }
  console.log(table(rows))
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0)
  const failed = rows.filter((row) => row.differences > 0).length
  const skipped = rows.filter((row) => row.skipped !== undefined).length
  console.log(
    `${sum((row) => row.lines)} lines compared, ${sum((row) => row.differences)} differences (${((Date.now() - started) / 1000).toFixed(1)} s)`,
  )
  console.log(
    `realtools: ${rows.length - failed - skipped} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  )
  return failed === 0 ? 0 : 1
}

/** A row for each command, the machines' figures beside each other. */
function table(rows) {
  const byCommand = new Map()
  for (const row of rows) {
    const key = row.template ?? row.tool
    byCommand.set(key, [...(byCommand.get(key) ?? []), row])
  }
  const lines = [['tool', 'version', ...SCENARIOS.flatMap(({ name }) => [`${name}: lines`, 'differences'])]]
  for (const [command, all] of byCommand) {
    const cells = SCENARIOS.flatMap(({ name }) => {
      const row = all.find((r) => r.machine === name)
      return row === undefined
        ? ['', '']
        : row.skipped === undefined
          ? [String(row.lines), String(row.differences)]
          : ['-', row.skipped]
    })
    lines.push([command, all[0].version, ...cells])
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)))
  return lines
    .map((l) =>
      l
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
