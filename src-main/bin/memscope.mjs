#!/usr/bin/env node
/** `memscope …`: the built command line under the project's own Node, built first when that is needed. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { buildIfStale, node, root } from './project.mjs'

if (!buildIfStale()) {
  console.error('memscope: the build failed')
  process.exit(1)
}
const cli = join(root, 'out/main/cli.js')
const child = spawn(node, ['--enable-source-maps', cli, ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128 + 15)))
