/** Syntax trees of just-bash, changed before they run. */
import { parse, type CommandNode, type ScriptNode, type SimpleCommandNode } from 'just-bash'

/** A copy of a tree in which `change` has seen each node, those inside it first. */
export function rewritten(node: unknown, change: (node: Record<string, unknown>) => unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => rewritten(item, change))
  if (typeof node !== 'object' || node === null) return node
  return change(Object.fromEntries(Object.entries(node).map(([key, value]) => [key, rewritten(value, change)])))
}

export function firstCommand(script: ScriptNode): CommandNode {
  return script.statements[0]!.pipelines[0]!.commands[0]!
}
/** `$(SCRIPT)`, after `change` has had the first command of it. */
export function substitution(script: string, change: (command: SimpleCommandNode) => void = () => undefined): unknown {
  const body = parse(script)
  change(firstCommand(body) as SimpleCommandNode)
  return { type: 'CommandSubstitution', body, legacy: false }
}
