/** The summary of top by the keys t and m: figures, bars, blocks, nothing, as top of procps-ng 4.0.2 on 80 columns. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { frame, lookAt, type View } from '../../src-main/shell/tools/top/frame'
import { BARS, BLOCKS, graph } from '../../src-main/shell/tools/top/graph'
import { pressed, type State } from '../../src-main/shell/tools/top/keys'
import type { Io } from '../../src-main/shell/inside'
import { insideFolder } from '../support/procDir'

const inside = insideFolder(join(import.meta.dirname, '../golden/procps/loaded'))
const plain = (text: string): string => text.replaceAll(/\x1b\[\d*m/g, '') // eslint-disable-line no-control-regex

/** The summary of an idle moment after some keys. */
async function summaryAfter(keys: string): Promise<string[]> {
  const view: View = {
    sort: '%CPU',
    reversed: false,
    summaryScale: 1,
    taskScale: 0,
    commandLines: false,
    eachCpu: false,
    cpuMode: 0,
    memoryMode: 0,
    idle: true,
    user: null,
    pids: [1],
    from: 0,
    max: Infinity,
  }
  const state: State = { view, delay: 3, help: null, note: '', noteRow: 5 }
  for (const key of keys) await pressed(key, () => Promise.resolve(null), state, { inside } as unknown as Io)
  expect(state.note).toBe('')
  const look = lookAt(inside)
  const lines = frame(inside, look, look, view, 81)
  return lines.slice(0, lines.indexOf('')).map(plain)
}

test('t goes through figures, bars, blocks and nothing, which hides the tasks too', async () => {
  const graph = `%Cpu(s):   0.0/0.0     0[${' '.repeat(53)}] `
  const [figures, bars, blocks, nothing] = await Promise.all(['', 't', 'tt', 'ttt'].map(summaryAfter))
  expect(figures![2]).toMatch(/^%Cpu\(s\): {2}0\.0 us,/)
  expect([bars![2], blocks![2]]).toEqual([graph, graph])
  expect(nothing!.map((line) => line.slice(0, 8))).toEqual([expect.stringMatching(/^top - /), 'MiB Mem ', 'MiB Swap'])
  expect(await summaryAfter('tttt')).toEqual(figures)
})

test('m does so with memory; both parts of the graph stand for what is in use', async () => {
  const bars = await summaryAfter('m')
  expect(bars[3]).toMatch(/^MiB Mem : *\d+\.\d\/[\d.]+ +\[\|+ *\] $/)
  expect(bars.slice(3).map((line) => line.length)).toEqual([80, 80])
  expect(await summaryAfter('mmm')).toHaveLength(3)
  expect(await summaryAfter('mmmt')).toHaveLength(3)
  expect(await summaryAfter('mmmttt')).toHaveLength(1)
})

test('a graph has a length of the screen, at most 100, and rounds each part', () => {
  // Seen of the real one: 94.4 and 5.1 are 50 and 3 bars of 53; 91.3 and 8.1 are 48 and 4 blocks.
  const shown = (one: number, two: number, mode: number, cols = 80): string => graph(100, one, two, mode, cols).text
  expect(shown(94.4, 5.1, BARS)).toBe(`[\x1b[1m${'|'.repeat(50)}\x1b[0m${'|'.repeat(3)}\x1b[0m] `)
  expect(shown(91.3, 8.1, BLOCKS)).toBe(`[\x1b[7m${' '.repeat(48)}\x1b[0m\x1b[7m${' '.repeat(4)}\x1b[0m ] `)
  expect(plain(shown(17.9, 0, BARS, 200))).toBe(`[${'|'.repeat(18)}${' '.repeat(82)}] `)
  expect(plain(shown(100, 0, BARS, 60))).toHaveLength(36)
})
