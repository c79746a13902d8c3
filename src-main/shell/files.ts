/** cat, tee and rmdir (coreutils): just-bash's own take every error for a file that is not there, and no cgroup for empty. */
import { defineCommand, type CommandContext } from 'just-bash'
import { ERRNO_TEXT } from './inside'
import { getopt, UsageError } from './options'

interface Result {
  stdout: string
  stderr: string
  exitCode: number
}
type Run = (args: readonly string[], ctx: CommandContext) => Promise<Result>

const CAT = {
  'show-all': 'A', 'number-nonblank': 'b', 'show-ends': 'E', number: 'n', 'squeeze-blank': 's', 'show-tabs': 'T', 'show-nonprinting': 'v',
} // prettier-ignore

export const FILE_COMMANDS = [command('cat', cat), command('tee', tee), command('rmdir', rmdir)]

function command(name: string, run: Run): ReturnType<typeof defineCommand> {
  return defineCommand(
    name,
    async (args, ctx) => {
      try {
        return await run(args, ctx)
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        return { stdout: '', stderr: `${error.message}\nTry '${name} --help' for more information.\n`, exitCode: 1 }
      }
    },
    { trusted: true },
  )
}

async function cat(args: readonly string[], ctx: CommandContext): Promise<Result> {
  const { flags, rest } = getopt('cat', args, 'AbeEnstTuv', CAT)
  const result = { stdout: '', stderr: '', exitCode: 0 }
  for (const name of rest.length === 0 ? ['-'] : rest) {
    try {
      result.stdout += name === '-' ? (ctx.stdin as unknown as string) : await read(name, ctx)
    } catch (error) {
      result.stderr += `cat: ${name}: ${textOf(error)}\n`
      result.exitCode = 1
    }
  }
  if (flags.size > 0) result.stdout = shown(result.stdout, flags)
  return result
}

async function read(name: string, { fs, cwd }: CommandContext): Promise<string> {
  const path = fs.resolvePath(cwd, name)
  if ((await fs.stat(path)).isDirectory) throw new Error('EISDIR: ')
  return fs.readFile(path)
}

function shown(text: string, flags: ReadonlySet<string>): string {
  const has = (...letters: string[]): boolean => letters.some((letter) => flags.has(letter))
  const isWhole = !text.endsWith('\n')
  const lines = (isWhole ? text : text.slice(0, -1)).split('\n')
  const kept = has('s') ? lines.filter((line, i) => line !== '' || lines[i - 1] !== '') : lines
  let number = 0
  const out = kept.map((line) => {
    const isCounted = has('b') ? line !== '' : has('n')
    const tabs = has('A', 't', 'T') ? line.replaceAll('\t', '^I') : line
    // eslint-disable-next-line no-control-regex
    const text = has('A', 'e', 't', 'v') ? tabs.replace(/[\x00-\x08\x0b-\x1f]/g, (c) => `^${String.fromCharCode(c.charCodeAt(0) + 64)}`) : tabs // prettier-ignore
    return `${isCounted ? `${String(++number).padStart(6)}\t` : ''}${text}${has('A', 'e', 'E') ? '$' : ''}`
  })
  return out.join('\n') + (isWhole ? '' : '\n')
}

async function tee(args: readonly string[], ctx: CommandContext): Promise<Result> {
  const { flags, rest } = getopt('tee', args, 'aip', { append: 'a', 'ignore-interrupts': 'i' })
  const text = ctx.stdin as unknown as string
  const result = { stdout: text, stderr: '', exitCode: 0 }
  for (const name of rest) {
    const path = ctx.fs.resolvePath(ctx.cwd, name)
    try {
      await (flags.has('a') ? ctx.fs.appendFile(path, text) : ctx.fs.writeFile(path, text))
    } catch (error) {
      result.stderr += `tee: ${name}: ${textOf(error)}\n`
      result.exitCode = 1
    }
  }
  return result
}

/** A cgroup has its files to the end: under /sys the kernel says whether a folder may go. */
async function rmdir(args: readonly string[], ctx: CommandContext): Promise<Result> {
  const { flags, rest } = getopt('rmdir', args, 'pv', { parents: 'p', verbose: 'v' })
  const result = { stdout: '', stderr: '', exitCode: 0 }
  if (rest.length === 0) throw new UsageError('rmdir: missing operand')
  const names = rest.flatMap((name) => (flags.has('p') ? parents(name) : [name]))
  for (const name of names) {
    if (flags.has('v')) result.stdout += `rmdir: removing directory, '${name}'\n`
    try {
      await remove(ctx.fs.resolvePath(ctx.cwd, name), ctx)
    } catch (error) {
      result.stderr += `rmdir: failed to remove '${name}': ${textOf(error)}\n`
      result.exitCode = 1
    }
  }
  return result
}
/** `a/b/c`, `a/b`, `a`. */
function parents(name: string): string[] {
  const parts = name.replace(/\/+$/, '').split('/')
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('/')).filter((path) => path !== '')
}
async function remove(path: string, { fs }: CommandContext): Promise<void> {
  if (!(await fs.stat(path)).isDirectory) throw new Error('ENOTDIR: ')
  if (!/^\/(proc|sys)\//.test(path) && (await fs.readdir(path)).length > 0) throw new Error('ENOTEMPTY: ')
  await fs.rm(path, { recursive: true })
}

/** The words of an errno that an error's text begins with. */
function textOf(error: unknown): string {
  const code = /^(E[A-Z]+):/.exec((error as Error).message)?.[1] ?? 'ENOENT'
  return ERRNO_TEXT[code] ?? code
}
