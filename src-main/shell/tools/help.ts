/** help: the commands of the machine, and those of the shell. */
import { SHELL_COMMANDS } from '../commandNames'
import type { Tool } from '../inside'

/** `tools` are the commands that it tells of. */
export function helpOn(tools: () => Iterable<Tool>): Tool {
  return {
    name: 'help',
    about: 'this list',
    run(_args, io) {
      io.out('Commands of the machine (most know --help):\n\n')
      for (const { name, about } of tools()) io.out(`  ${name.padEnd(10)} ${about}\n`)
      io.out('\nCommands and syntax of bash: pipes, redirections, variables, if, for, while, functions, and\n\n')
      io.out(`${wrapped(SHELL_COMMANDS, io.cols - 4)}\n`)
      io.out(
        '\nKeys: Tab completes commands, paths, PIDs and sysctls; Up, Down and Ctrl-R go through what was entered;\n',
      )
      io.out('Ctrl-C ends a command, Ctrl-L clears the screen.\n')
      return 0
    },
  }
}

function wrapped(words: readonly string[], width: number): string {
  const lines = ['']
  for (const word of words) {
    if (lines.at(-1)!.length + word.length + 1 > Math.max(20, width)) lines.push('')
    lines[lines.length - 1] += ` ${word}`
  }
  return lines.map((line) => ` ${line}`).join('\n')
}
