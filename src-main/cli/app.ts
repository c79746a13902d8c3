/** `memscope app`: what `npm start` does. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Call } from '../cli'

export function run({ args, options }: Call): Promise<number> {
  const root = join(import.meta.dirname, import.meta.dirname.endsWith('chunks') ? '../../..' : '../..')
  const attach = typeof options['attach'] === 'string' ? ['--attach', options['attach']] : []
  const child = spawn(process.execPath, [join(root, 'src-main/bin/start.mjs'), ...attach, ...args], {
    stdio: 'inherit',
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
