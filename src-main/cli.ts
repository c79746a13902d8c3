/**
 * The map of the command line. Each command lives in `cli/<name>.ts` and is loaded when it is called:
 * `run(args, options)` gets what stands here, does its work and resolves to the exit status (nothing means 0).
 */
import { Command } from 'commander'
import { version } from '../package.json'
import { report } from './cli/errors'

/** What a command gets: its operands, its options by their long names, and the words after `--`. */
export interface Call {
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  readonly rest: readonly string[]
}
export interface CommandModule {
  readonly run: (call: Call) => Promise<number | void>
}

const modules = import.meta.glob<CommandModule>('./cli/{run,exec,procfs,lab,replay,record,scenarios,serve,app}.ts')

// Who reads has seen enough, as in `memscope lab … | head`: the end that SIGPIPE would have made.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(128 + 13)
})

const [words, rest] = splitAtDashes(process.argv.slice(2))
const program = new Command('memscope')
  .description('A system memory inspector over a simulated Linux 6.1 kernel.')
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`memscope: ${firstLine(text)}\n`) })

define('run SCENARIO', 'run a machine without a window and sum up what happened')
  ?.option('--for <duration>', 'simulated time to run, e.g. 60s')
  .option('--seed <n>', 'seed of the machine')
  .option('--speed <max|n>', 'how fast simulated time passes', 'max')
  .option('--record <file>', 'keep a recording')
  .option('--verify', 'check every invariant after every step')
  .option('--json', 'print one object')
define('exec [SCENARIO]', "run shell commands inside the machine: exec --at 30s -- 'free -h'")
  ?.option('--at <duration>', 'simulated time of the commands', '0s')
  .option('--still', 'time stands still while they run')
  .option('--seed <n>', 'seed of the machine')
define('procfs [SCENARIO]', 'write the simulated /proc and /sys as files, for real tools')
  ?.option('--at <duration>', 'simulated time of the files', '0s')
  .requiredOption('--out <dir>', 'where to write proc/ and sys/')
  .option('--seed <n>', 'seed of the machine')
  .option('--follow', 'go on and keep the files up to date')
define('lab PROGRAM', 'run a lab program: a line of counters for each step')?.option('--json', 'one object a step')
define('replay FILE', "the shell on a recording: replay FILE --at 95s -- 'free -h'")
  ?.option('--at <duration>', 'simulated time to look at', '0s')
  .option('--branch', 'continue live from there')
  .option('--record <file>', 'keep a recording of the branch')
  .option('--for <duration>', 'how long a branch runs', '60s')
define('record ACTION [FILE] [OUT]', 'what a recording holds: list | info | verify | export')
  ?.option('--format <csv|json|parquet|html|memscope>', 'of an export', 'csv')
  .option('--json', 'print one object')
define('scenarios', 'the gallery')?.option('--json', 'print one object')
define('serve [SCENARIO]', 'serve the app to a browser and print its address')
  ?.option('--port <n>', 'port to listen on; 0 chooses one', '0')
  .option('--host <addr>', 'address to listen on', '127.0.0.1')
  .option('--seed <n>', 'seed of the machine')
  .option('--open', 'open the address in the browser')
define('app [FILE]', 'open the desktop app, or serve it where there is no display')?.option(
  '--attach <url>',
  'show the engine that `memscope serve` printed the address of',
)

program.parseAsync(words, { from: 'user' }).catch((error: unknown) => {
  process.exit(report(error))
})

/** Adds a command if its module is there. */
function define(usage: string, description: string): Command | undefined {
  const load = modules[`./cli/${usage.split(' ', 1)[0]}.ts`]
  if (load === undefined) return undefined
  return program
    .command(usageOf(usage), {})
    .description(description)
    .action(async (...given: unknown[]) => {
      const command = given.at(-1) as Command
      const { run } = await load()
      process.exitCode = (await run({ args: command.args, options: command.opts(), rest })) ?? 0
    })
}

/** `run SCENARIO` reads well in the map; commander wants `run <SCENARIO>`. */
function usageOf(usage: string): string {
  return usage.replace(/ ([A-Z]+)/g, ' <$1>')
}

function splitAtDashes(argv: readonly string[]): [string[], string[]] {
  const at = argv.indexOf('--')
  return at < 0 ? [[...argv], []] : [argv.slice(0, at), argv.slice(at + 1)]
}

function firstLine(text: string): string {
  return text.replace(/^error: /, '').split('\n', 1)[0] ?? ''
}
