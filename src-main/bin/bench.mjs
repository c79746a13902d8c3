/**
 * `npm run bench [WORD]`: bundles test/bench/*.bench.ts as the app is bundled, and runs them one after the other; WORD
 * chooses by file name. Not under the test runner: there every use of an imported name is a call, and the loops of the
 * kernel are up to ten times slower than in the app.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'vite'
import { node, root } from './project.mjs'

const word = process.argv[2] ?? ''
const outDir = join(root, 'node_modules/.cache/bench')
const files = readdirSync(join(root, 'test/bench')).filter((name) => name.endsWith('.bench.ts') && name.includes(word))
if (files.length === 0) {
  console.error(`no benchmark named "${word}"`)
  process.exit(2)
}

await build({
  root,
  configFile: false,
  logLevel: 'warn',
  resolve: { alias: { '@shared': resolve(root, 'src-shared') } },
  build: {
    ssr: true,
    outDir,
    emptyOutDir: true,
    target: 'node20.18',
    rolldownOptions: {
      input: Object.fromEntries(files.map((name) => [name.replace('.bench.ts', ''), join(root, 'test/bench', name)])),
      output: { entryFileNames: '[name].mjs' },
      checks: { pluginTimings: false },
    },
  },
})
let failed = false
for (const name of files) {
  const { status } = spawnSync(node, [join(outDir, name.replace('.bench.ts', '.mjs'))], { stdio: 'inherit' })
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
