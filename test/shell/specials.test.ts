/** $RANDOM and $SECONDS are the machine's: its boot and its clock say what they are. */
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openShell } from '../../src-main/shell/shell'
import { insideFolder } from '../support/procDir'

function shell(boot_id = '8f2f0a3c-0001', now = 5000) {
  const root = mkdtempSync(join(tmpdir(), 'memscope-shell-'))
  cpSync(join(import.meta.dirname, '../golden/procps/loaded/proc'), join(root, 'proc'), { recursive: true })
  mkdirSync(join(root, 'proc/sys/kernel/random'), { recursive: true })
  writeFileSync(join(root, 'proc/sys/kernel/random/boot_id'), `${boot_id}\n`)
  const opened = openShell(insideFolder(root, now))
  return async (line: string) => (await opened.exec(line)).stdout
}

test('a seed gives the numbers of bash', async () => {
  const run = shell()
  // bash 5.2.15: RANDOM=42; echo $RANDOM $RANDOM $RANDOM
  expect(await run('RANDOM=42; echo $RANDOM $RANDOM $RANDOM')).toBe('17772 26794 1435\n')
  expect(await run('RANDOM=42; echo "$((RANDOM % 100)) ${RANDOM}" ${RANDOM:0:2} ${#RANDOM}')).toMatch(
    /^72 26794 14 \d\n$/,
  )
  expect(await run('RANDOM=42; x=$RANDOM; (( y = RANDOM + 1 )); [[ $RANDOM -eq 1435 ]] && echo $x $y')).toBe(
    '17772 26795\n',
  )
})

test('without one they come from the boot and the time of opening, and no two are alike', async () => {
  const script = 'for i in 1 2 3 4; do echo $RANDOM; done; sleep 1; echo $(( RANDOM ))'
  const numbers = await shell()(script)
  expect(new Set(numbers.trim().split('\n')).size).toBe(5)
  expect(await shell()(script)).toBe(numbers)
  expect(await shell('8f2f0a3c-0002')(script)).not.toBe(numbers)
  expect(await shell(undefined, 6000)(script)).not.toBe(numbers)
})

test('seconds are simulated ones since the shell was opened, or since they were set', async () => {
  const run = shell()
  expect(await run('echo $SECONDS; sleep 7; echo $SECONDS $((SECONDS * 2))')).toBe('0\n7 14\n')
  expect(await run('SECONDS=100; sleep 2.5; echo "$SECONDS"')).toBe('102\n')
  expect(await run('n=3; SECONDS=$n; echo $SECONDS')).toBe('3\n')
})

test('what else a script does with variables is as before', async () => {
  const run = shell()
  expect(
    await run('SECONDSX=1; R=RANDOM; echo $SECONDSX $R \'$RANDOM\' "\\$SECONDS"; (( z = 2 * 3 )); echo $z ${z:-1} $?'),
  ).toBe('1 RANDOM $RANDOM $SECONDS\n6 6 0\n')
})
