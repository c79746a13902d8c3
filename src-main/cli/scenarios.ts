/** `memscope scenarios`: the gallery. */
import type { Call } from '../cli'
import { gallery } from '../engine/scenarios'

export function run({ options }: Call): Promise<number> {
  const list = gallery()
  if (options['json'] === true) {
    const plain = list.map(({ file, scenario: s }) => ({ name: s.name, file, title: s.title, about: s.about, watch: s.watch, untilMs: s.until, ram: s.machine.ram, cpus: s.machine.cpus, seed: s.seed })) // prettier-ignore
    process.stdout.write(`${JSON.stringify(plain)}\n`)
  } else {
    const width = Math.max(...list.map(({ scenario }) => scenario.name.length))
    for (const { scenario } of list) process.stdout.write(`${scenario.name.padEnd(width)}  ${scenario.title}\n`)
  }
  return Promise.resolve(0)
}
