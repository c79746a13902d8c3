/** The command line as it is built: how it fails. What each command does is tested with that command. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../support/sources'

function memscope(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'out/main/cli.js'), ...words], { encoding: 'utf8' })
}

describe('the command line', () => {
  test('says which version it is', () => {
    expect(memscope('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    })
  })

  test('names its commands', () => {
    const { status, stdout } = memscope('--help')
    expect(status).toBe(0)
    for (const name of ['run', 'exec', 'procfs', 'lab', 'replay', 'record', 'scenarios', 'serve', 'app']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'))
    }
  })

  test.each([
    ['frobnicate'],
    ['serve', '--port', 'x'],
    ['serve', '--prot', '1'],
    ['run'],
    ['run', 'no-such-scenario'],
    ['exec', '--at', 'soon', '--', 'free'],
    ['lab', '/no/such/program.yaml'],
    ['replay', '/no/such/file.memscope', '--at', '1s', '--', 'free'],
  ])('answers wrong input with one line and status 2: %s', (...words) => {
    const { status, stdout, stderr } = memscope(...words)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^memscope: .+\n$/)
  })

  test('ends without a word when its reader has seen enough', () => {
    const cli = `'${process.execPath}' '${join(root, 'out/main/cli.js')}'`
    // A reader that is gone before anything is written.
    const { stderr, stdout } = spawnSync('sh', ['-c', `{ sleep 0.3; ${cli} scenarios; echo $? >&2; } | true`], {
      encoding: 'utf8',
    })
    expect({ stderr, stdout }).toEqual({ stderr: '141\n', stdout: '' })
  })
})
