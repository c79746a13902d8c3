/** What the commands say of themselves: `--help` of the tools that ours stand for, word by word. */

const TEXTS = import.meta.glob<string>('./usage/*.txt', { query: '?raw', import: 'default', eager: true })
const VERSIONS = { procps: 'procps-ng 4.0.2', 'util-linux': 'util-linux 2.38.1' } as const

/** The package that a command is of: they differ in what they print after an option that is not one. */
export type Suite = keyof typeof VERSIONS

export function helpOf(name: string): string {
  return TEXTS[`./usage/${name}.txt`] ?? ''
}

export function versionOf(name: string, suite: Suite): string {
  return `${name} from ${VERSIONS[suite]}\n`
}

/** What follows the complaint. */
export function afterComplaint(name: string, suite: Suite | undefined): string {
  if (suite === 'procps') return helpOf(name)
  return suite === undefined ? '' : `Try '${name} --help' for more information.\n`
}
