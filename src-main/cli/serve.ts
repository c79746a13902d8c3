/** `memscope serve`: the app in a browser. */
import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Call } from '../cli'
import { startEngine } from '../engine/client'
import { serve } from '../serve/server'
import { InputError } from './errors'

export async function run({ args, options }: Call): Promise<number> {
  const scenario = args[0]
  const port = wholeNumber('--port', options['port'], 65535)
  const engine = startEngine({
    host: 'serve',
    userData:
      process.env['MEMSCOPE_DATA'] ?? join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local/share'), 'memscope'),
    ...(scenario === undefined ? {} : { scenario }),
    ...(options['seed'] === undefined ? {} : { seed: wholeNumber('--seed', options['seed'], 2 ** 32 - 1) }),
  })
  const server = await serve(engine, {
    root: join(import.meta.dirname, rendererFrom(import.meta.dirname)),
    host: String(options['host']),
    port,
  })
  console.log(server.address)
  if (options['open'] === true) openInBrowser(server.address)

  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  await server.close()
  await engine.stop()
  return 0
}

/** From out/main or out/main/chunks to out/renderer. */
function rendererFrom(here: string): string {
  return here.endsWith('chunks') ? '../../renderer' : '../renderer'
}

export function wholeNumber(name: string, text: unknown, max: number): number {
  const value = Number(text)
  if (typeof text === 'string' && /^\d+$/.test(text) && value <= max) return value
  throw new InputError(`${name}: expected a whole number from 0 to ${max}, got "${String(text)}"`)
}

function openInBrowser(address: string): void {
  const opener = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open'
  const child = spawn(opener, [address], { stdio: 'ignore', detached: true })
  child.on('error', () => console.error(`memscope: ${opener} is not there; open the address yourself`))
  child.unref()
}
