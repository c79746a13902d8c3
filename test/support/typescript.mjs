/** Lets plain Node run the project's TypeScript: for tests that need a process of their own. */
import { registerHooks } from 'node:module'
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { resolve as join } from 'node:path'

const root = join(import.meta.dirname, '../..')
registerHooks({
  resolve(specifier, context, next) {
    const local = specifier.startsWith('@shared/')
      ? pathToFileURL(join(root, 'src-shared', specifier.slice(8))).href
      : specifier
    if (!/^(\.|file:)/.test(local) || /\.\w+$/.test(local)) return next(local, context)
    const path = fileURLToPath(new URL(local, context.parentURL))
    const found = [`${path}.ts`, join(path, 'index.ts')].find((candidate) => existsSync(candidate))
    return next(found === undefined ? local : pathToFileURL(found).href, context)
  },
})
