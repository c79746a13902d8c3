/**
 * Redirections that the kernel refuses (`echo abc > /proc/sys/vm/swappiness`). just-bash gives a script up when a file
 * can't be written; here the file system keeps the refusal, and each command that writes to a file is followed by a
 * word of ours that says it, in bash's words, and sets the status. The script goes on, as in bash.
 */
import { defineCommand, parse, type ScriptNode, type SimpleCommandNode, type StatementNode } from 'just-bash'
import { ERRNO_TEXT } from './inside'
import { firstCommand, rewritten } from './syntax'

/** The word; nobody types it. */
const SAY = '__refused'
const WRITES = new Set(['>', '>>', '>|', '&>', '&>>'])
const BUILTINS = new Set(['echo', 'printf', 'pwd', 'kill', 'help', 'type', 'set', 'export'])

export interface Refusals {
  /** Keeps a refusal of a write; what was opened but is not there is one of the redirection itself. */
  refuse(path: string, code: string, isOpen: boolean): void
  /** Files that a redirection has opened: what it writes to them is not to fail, but to be kept. */
  readonly opened: Set<string>
  forget(): void
  readonly command: ReturnType<typeof defineCommand>
  readonly plugin: { name: string; transform(context: { ast: ScriptNode }): { ast: ScriptNode } }
}

export function openRefusals(): Refusals {
  let kept: { path: string; code: string; isOpen: boolean } | null = null
  const opened = new Set<string>()
  const forget = (): void => {
    kept = null
    opened.clear()
  }
  return {
    opened,
    forget,
    refuse(path, code, isOpen) {
      kept ??= { path, code, isOpen }
    },
    command: defineCommand(
      SAY,
      (args) => {
        const [status = '0', name = ''] = args
        const refused = kept
        forget()
        if (refused === null) return Promise.resolve({ stdout: '', stderr: '', exitCode: Number(status) })
        const text = ERRNO_TEXT[refused.code] ?? refused.code
        const who = BUILTINS.has(name) ? `bash: ${name}` : name
        const stderr =
          refused.isOpen || name === '' ? `bash: ${refused.path}: ${text}\n` : `${who}: write error: ${text}\n`
        return Promise.resolve({ stdout: '', stderr, exitCode: 1 })
      },
      { trusted: true },
    ),
    plugin: { name: 'refusals', transform: ({ ast }) => ({ ast: rewritten(ast, wrapped) as ScriptNode }) },
  }
}

/** Each simple command with a redirection to a file stands in a group with the word after it. */
function wrapped(node: Record<string, unknown>): unknown {
  return isWriting(node) ? groupOf(node as unknown as SimpleCommandNode) : node
}

function isWriting(node: Record<string, unknown>): boolean {
  if (node['type'] !== 'SimpleCommand') return false
  return (node as unknown as SimpleCommandNode).redirections.some((r) => WRITES.has(r.operator))
}

/** `{ COMMAND; __refused $? NAME; }` */
function groupOf(command: SimpleCommandNode): unknown {
  const [part] = command.name?.parts ?? []
  const name = part?.type === 'Literal' && /^[\w./-]+$/.test(part.value) ? part.value.replace(/^.*\//, '') : ''
  const template = parse(`{ :; ${SAY} $? ${name}; }`)
  const group = firstCommand(template) as unknown as { body: StatementNode[] }
  const [first] = group.body
  return { ...group, body: [{ ...first!, pipelines: [{ ...first!.pipelines[0]!, commands: [command] }] }, ...group.body.slice(1)] } // prettier-ignore
}
