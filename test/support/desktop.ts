/** The real window under a display of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { _electron, type ElectronApplication } from 'playwright-core'
import { root } from './sources'

/** The runtime that `npm test` found. */
export const electronPath = process.env['MEMSCOPE_TEST_ELECTRON'] ?? process.env['ELECTRON_EXEC_PATH']

export interface Display {
  readonly name: string
  close(): void
}

/** The display there is, or a virtual one. */
export async function openDisplay(): Promise<Display> {
  const given = process.env['DISPLAY']
  if (given !== undefined && given !== '') return { name: given, close: () => undefined }
  const args = ['-displayfd', '1', '-screen', '0', '1600x1000x24', '-nolisten', 'tcp']
  const server = spawn('Xvfb', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const number = await firstLine(server)
  return { name: `:${number}`, close: () => void server.kill() }
}

export function launchDesktop(display: string, userData: string, ...words: string[]): Promise<ElectronApplication> {
  return _electron.launch({
    executablePath: electronPath!,
    args: [root, '--no-sandbox', '--disable-gpu', `--user-data-dir=${userData}`, ...words],
    env: { ...(process.env as Record<string, string>), DISPLAY: display },
    timeout: 60_000,
  })
}

export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`ended with status ${code} before it said anything`)))
    child.stdout!.on('data', (data: Buffer) => resolve(data.toString().trim()))
  })
}

/** The processes whose command line holds `words` (Linux). */
export function processesWith(words: string): string[] {
  if (!existsSync('/proc/self/cmdline')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((line) => line.includes(words))
}
