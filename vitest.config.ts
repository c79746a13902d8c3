import { existsSync, readdirSync } from 'node:fs'
import { basename, posix, resolve } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { MUTANTS } from './test/mutants/mutants.mjs'

const root = import.meta.dirname
const alias = { '@shared': resolve(root, 'src-shared') }

/** electron-vite's `import path from './x?modulePath'`: in tests, the path of that module as it was built. */
const builtModulePath = {
  name: 'built-module-path',
  enforce: 'pre' as const,
  resolveId: (id: string) => (id.endsWith('?modulePath') ? `\0${basename(id)}` : null),
  load(id: string) {
    const name = /^\0(.*)\?modulePath$/.exec(id)?.[1]
    if (name === undefined) return null
    const chunks = resolve(root, 'out/main/chunks')
    const built = existsSync(chunks) ? readdirSync(chunks) : []
    const file = built.find((f) => f.startsWith(`${name}-`) && f.endsWith('.js')) ?? `${name}.js (run npm run build)`
    return `export default ${JSON.stringify(resolve(chunks, file))}`
  },
}

/** With MUTANT=n, the n-th mistake of test/mutants is made in the sources while they are loaded (`npm run mutants`). */
const mutant = MUTANTS[Number(process.env['MUTANT'] ?? -1)]
const mutantFile = mutant === undefined ? '' : posix.join('/src-main/kernel', mutant.file)
const makeMutant = {
  // The name is a part of the key under which vitest keeps what it has loaded.
  name: `mutant ${process.env['MUTANT'] ?? 'none'}`,
  enforce: 'pre' as const,
  transform(code: string, id: string) {
    if (mutant === undefined || !id.endsWith(mutantFile)) return null
    return code.replace(mutant.from, () => mutant.to)
  },
}

/** The suite of conformance is one file of two minutes: begun last, it would leave a core idle while it ends. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = (file: TestSpecification) => Number(file.project.name === 'conformance')
    return (await super.sort(files)).sort((a, b) => isLong(b) - isLong(a))
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['src-main/**/*.ts', 'src-shared/**/*.ts', 'src-renderer/**/*.{ts,svelte}'],
      reporter: ['text', 'json-summary'],
    },
    projects: [
      {
        resolve: { alias },
        plugins: [makeMutant, builtModulePath, svelte({ configFile: resolve(root, 'svelte.config.js') })],
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**', 'test/e2e/**', 'test/conformance/**'],
          testTimeout: 60_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'conformance',
          environment: 'node',
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'e2e',
          environment: 'node',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        resolve: { alias },
        plugins: [svelte({ configFile: resolve(root, 'svelte.config.js') })],
        test: {
          name: 'chromium',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 30_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
                args: [
                  '--no-sandbox',
                  '--disable-gpu',
                  '--disable-quic',
                  '--no-first-run',
                  '--disable-background-networking',
                  '--disable-component-update',
                  '--disable-sync',
                ],
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
