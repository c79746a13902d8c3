/**
 * `npm run measure -- [FAMILY/ID…] [--kernel DIR] [--seconds N]`: runs experiments on a real Linux 6.1 and keeps what they
 * measured beside them, for the suite of conformance. Without an ID: those that have not been measured yet.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { experimentIds, folderOf } from './experiments.mjs'
import { bootArgs, measure, missing, readMachine } from './machine.mjs'
import { experiment, rawOf, sections } from './results.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: join(homedir(), '.cache/memscope/kernel') },
    seconds: { type: 'string', default: '900' },
  },
})
const known = experimentIds()
const ids =
  positionals.length > 0 ? positionals : known.filter((id) => !existsSync(join(folderOf(id), 'measured.json.gz')))
const unknown = ids.find((id) => !known.includes(id))
const wrong = unknown === undefined ? missing(values.kernel) : `no experiment ${unknown}; there are ${known.join(', ')}`
if (wrong !== null) {
  console.error(`measure: ${wrong}`)
  process.exit(2)
}
for (const id of ids) console.log(`${id.padEnd(40)} ${run(id)}`)

function run(id) {
  const folder = folderOf(id)
  const machine = readMachine(folder)
  const work = mkdtempSync(join(tmpdir(), 'memscope-measure-'))
  try {
    const printed = measure({ folder, machine, kernel: values.kernel, work, seconds: Number(values.seconds) })
    const raw = sections(printed.results)
    const about = { mem: machine.mem, swap: parseInt(machine.swap ?? '0'), args: bootArgs(machine) }
    const result = experiment(id, about, raw, printed.console)
    writeFileSync(join(folder, 'measured.json.gz'), gzipSync(JSON.stringify(result)))
    writeFileSync(join(folder, 'measured.raw.json.gz'), gzipSync(JSON.stringify(rawOf(raw, printed.console))))
    return `${result.steps.length} steps${result.outcome === undefined ? '' : `, ${result.outcome}`}`
  } finally {
    rmSync(work, { recursive: true })
  }
}
