/** A shell inside the machine: pipes, redirections, variables and loops come from just-bash, the commands from `tools/`. */
import { Bash, defineCommand } from 'just-bash'
import { FILE_COMMANDS } from './files'
import { machineFs } from './fs'
import { Errno, ERRNO_TEXT, type Inside, type Io, type Tool } from './inside'
import { afterComplaint, helpOf, versionOf } from './help'
import { HelpAsked, OptionError, UsageError } from './options'
import { SHELL_COMMANDS } from './commandNames'
import { openRefusals } from './refusals'
import { openSpecials } from './specials'
import { TOOLS } from './tools'

export interface Output {
  readonly stdout: string
  readonly stderr: string
  readonly status: number
}
export interface Shell {
  /** Runs a script; what waits in it lets simulated time pass. */
  exec(script: string, options?: { signal?: AbortSignal; cols?: number; rows?: number }): Promise<Output>
  cwd(): string
  readonly inside: Inside
}

export function openShell(inside: Inside): Shell {
  let size = { cols: 80, rows: 24 }
  const run = async (script: string, signal?: AbortSignal): Promise<Output> => {
    refusals.forget()
    const options = { ...(signal === undefined ? {} : { signal }), cwd, env: kept }
    const { stdout, stderr, exitCode, env } = await bash.exec(script, options).catch(asRefusal)
    cwd = env['PWD'] ?? cwd
    if (env['PWD'] !== undefined) kept = env
    return { stdout, stderr, status: exitCode }
  }
  let cwd = '/root'
  let kept: Record<string, string> = {
    HOME: '/root',
    USER: 'root',
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    PWD: '/root',
  }
  const refusals = openRefusals()
  const specials = openSpecials(inside)
  const bash = new Bash({
    fs: machineFs(inside, refusals),
    cwd,
    commands: [...SHELL_COMMANDS],
    customCommands: [
      refusals.command,
      specials.command,
      ...FILE_COMMANDS,
      ...[...TOOLS.values()].map((tool) =>
        defineCommand(
          tool.name,
          async (args, ctx) => {
            const out: string[] = []
            const err: string[] = []
            const status = await runTool(tool, args, {
              inside,
              out: (text) => void out.push(text),
              err: (text) => void err.push(text),
              stdin: ctx.stdin as unknown as string,
              ...size,
              tty: false,
              ...(ctx.signal === undefined ? {} : { signal: ctx.signal }),
              run: async (line) => {
                const result = await ctx.exec!(line, { cwd: ctx.cwd })
                return { stdout: result.stdout, stderr: result.stderr, status: result.exitCode }
              },
            })
            return { stdout: out.join(''), stderr: err.join(''), exitCode: status }
          },
          { trusted: true },
        ),
      ),
    ],
    sleep: (ms) => inside.sleep(ms),
    defenseInDepth: false,
    executionLimitProfile: 'normal',
    processInfo: { pid: 1, ppid: 0, uid: 0, gid: 0 },
  })
  bash.registerTransformPlugin(refusals.plugin)
  bash.registerTransformPlugin(specials.plugin)
  return {
    inside,
    cwd: () => cwd,
    exec(script, options = {}) {
      size = { cols: options.cols ?? 80, rows: options.rows ?? 24 }
      return run(script, options.signal)
    },
  }
}

/** A write that the kernel refuses ends the script, with bash's words. */
function asRefusal(error: unknown): { stdout: string; stderr: string; exitCode: number; env: Record<string, string> } {
  const [, code, path] = /^(E[A-Z]+): .*, '(.*)'$/s.exec((error as Error).message) ?? []
  if (code === undefined) throw error
  return { stdout: '', stderr: `bash: ${path}: ${ERRNO_TEXT[code] ?? code}\n`, exitCode: 1, env: {} }
}

/** Runs a tool; what a user or the kernel did wrong becomes its words and status. */
export async function runTool(tool: Tool, args: readonly string[], io: Io): Promise<number> {
  try {
    return await tool.run(args, io)
  } catch (error) {
    if (error instanceof HelpAsked) {
      io.out(error.what === 'help' ? helpOf(tool.name) : versionOf(tool.name, tool.suite ?? 'procps'))
      return 0
    }
    if (error instanceof Errno && error.code === 'EINTR') return 130
    if (!(error instanceof UsageError) && !(error instanceof Errno)) throw error
    if (error.message !== '') io.err(`${hasName(tool, error.message) ? '' : `${tool.name}: `}${error.message}\n`)
    if (error instanceof OptionError) io.err(afterComplaint(tool.name, tool.suite))
    return error instanceof OptionError
      ? (error.special ?? tool.usageStatus ?? 1)
      : error instanceof UsageError
        ? error.status
        : 1
  }
}

function hasName(tool: Tool, line: string): boolean {
  return line.startsWith(`${tool.name}: `) || line.startsWith('bash: ') || line.startsWith('error: ')
}
