import { resolve } from 'node:path'
import { defineConfig } from 'electron-vite'
import { svelte } from '@sveltejs/vite-plugin-svelte'

const root = import.meta.dirname
const alias = { '@shared': resolve(root, 'src-shared') }
/** How long a plugin took is nobody's fault. */
const checks = { pluginTimings: false }

export default defineConfig({
  main: {
    resolve: { alias },
    build: {
      outDir: 'out/main',
      target: 'node20.18',
      sourcemap: true,
      externalizeDeps: true,
      rolldownOptions: {
        checks,
        input: { index: resolve(root, 'src-main/index.ts'), cli: resolve(root, 'src-main/cli.ts') },
      },
    },
  },
  // The preload is sandboxed: CommonJS, and everything but `electron` bundled into it.
  preload: {
    resolve: { alias },
    build: {
      outDir: 'out/preload',
      target: 'node20.18',
      externalizeDeps: false,
      rolldownOptions: {
        checks,
        input: { index: resolve(root, 'src-main/preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: resolve(root, 'src-renderer'),
    base: './',
    publicDir: false,
    plugins: [svelte({ configFile: resolve(root, 'svelte.config.js') })],
    resolve: { alias },
    build: {
      outDir: resolve(root, 'out/renderer'),
      target: 'chrome130',
      chunkSizeWarningLimit: 4000,
      rolldownOptions: { checks, input: { index: resolve(root, 'src-renderer/index.html') } },
    },
  },
})
