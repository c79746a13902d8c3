/** The source files, and what they import. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

export interface Source {
  /** From the project's root: `src-main/kernel/mm/slub.ts`. */
  readonly path: string
  readonly text: string
  /** The text without comments. */
  readonly code: string
  readonly imports: readonly Import[]
}
export interface Import {
  /** A project path without its ending (`src-main/kernel/lib/list`), or a package's name. */
  readonly of: string
  readonly isType: boolean
}

export function sourcesIn(...folders: string[]): Source[] {
  return folders.flatMap(filesIn).map(readSource)
}

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|svelte|mjs)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
  return { path, text, code, imports: importsOf(path, code) }
}

function importsOf(path: string, code: string): Import[] {
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s)?([^'"`;]*?from\s*)?['"]([^'"]+)['"]/gm)
  const calls = code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)
  return [
    ...[...statements].map(([, type, names, of]) => ({
      of: target(path, of!),
      isType: type !== undefined || onlyTypes(names),
    })),
    ...[...calls].map(([, of]) => ({ of: target(path, of!), isType: false })),
  ]
}

/** `import { type A, type B } from`: nothing is left of it when it runs. */
function onlyTypes(names: string | undefined): boolean {
  const list = /^\s*\{([^}]*)\}/.exec(names ?? '')?.[1]
  const words = list?.split(',').map((name) => name.trim()).filter((name) => name !== '') // prettier-ignore
  return words !== undefined && words.length > 0 && words.every((name) => name.startsWith('type '))
}

function target(path: string, of: string): string {
  const plain = of.replace(/\?.*$/, '').replace(/\.(ts|js)$/, '')
  if (plain.startsWith('@shared/')) return plain.replace('@shared/', 'src-shared/')
  return plain.startsWith('.') ? relative(root, resolve(root, dirname(path), plain)) : plain
}
