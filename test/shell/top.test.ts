/** The summary of top by the keys t and m: figures, bars, blocks, nothing, as top of procps-ng 4.0.2 on 80 columns. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { frame, lookAt, type View } from '../../src-main/shell/tools/top/frame'
import { BARS, BLOCKS, graph } from '../../src-main/shell/tools/top/graph'
import { pressed, type State } from '../../src-main/shell/tools/top/keys'
import type { Io } from '../../src-main/shell/inside'
import { insideFolder } from '../support/procDir'

const inside = insideFolder(join(import.meta.dirname, '../golden/procps/loaded'))
const plain = (text: string): string => text.replaceAll(/\x1b\[\d*m/g, '') // eslint-disable-line no-control-regex

function viewOf(change: Partial<View>): View {
  return {
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
    pids: null,
    filters: [],
    located: '',
    from: 0,
    max: Infinity,
    ...change,
  }
}
const stateOf = (view: View): State => ({ view, delay: 3, help: null, note: '', noteRow: 5, lines: () => tasks(view) })
/** The lines of the tasks, without scrolling. */
function tasks(view: View): string[] {
  const look = lookAt(inside)
  const lines = frame(inside, look, look, { ...view, from: 0 }, 120)
  return lines.slice(lines.indexOf('') + 2)
}

/** The summary of an idle moment after some keys. */
async function summaryAfter(keys: string): Promise<string[]> {
  const view = viewOf({ pids: [1] })
  const state = stateOf(view)
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

describe('filters and the search', () => {
  const press = async (state: State, key: string, answer: string): Promise<string> => {
    await pressed(key, () => Promise.resolve(answer), state, { inside } as unknown as Io)
    return state.note
  }
  const pids = (view: View): string[] => tasks(view).map((line) => line.trim().split(' ')[0]!)

  test('o keeps tasks by what a column shows, O minds the case, both may be turned round; = shows all', async () => {
    const view = viewOf({ sort: 'PID', reversed: true })
    const state = stateOf(view)
    const all = pids(view)
    const name = tasks(view)[0]!.trim().split(/\s+/).at(-1)!
    await press(state, 'o', `command=${name.toUpperCase()}`)
    const named = pids(view)
    expect(named).toContain('1')
    expect(named.length).toBeLessThan(all.length)
    await press(state, 'O', `COMMAND=${name.toUpperCase()}`)
    expect(pids(view)).toEqual([])
    await press(state, '=', '')
    expect(pids(view)).toEqual(all)
    await press(state, 'o', `!COMMAND=${name}`)
    await press(state, 'o', 'PID<100')
    expect(pids(view)).toEqual(all.filter((pid) => Number(pid) < 100 && !named.includes(pid)))
    expect(await press(state, '\x0f', '')).toContain(`'!COMMAND=${name}' + 'PID<100'`)
  })

  test('o says what is wrong with a filter', async () => {
    const state = stateOf(viewOf({}))
    expect(await press(state, 'o', 'COMMAND')).toContain("'COMMAND' filter delimiter is missing")
    expect(await press(state, 'o', 'COLOUR=red')).toContain("unrecognized field name 'COLOUR'")
    expect(await press(state, 'o', 'PID=')).toContain("'PID=' filter value is missing")
    expect(state.view.filters).toEqual([])
  })

  test('L scrolls to a task, & to the next, and says when there is none', async () => {
    const view = viewOf({ sort: 'PID', reversed: true })
    const state = stateOf(view)
    expect(await press(state, '&', '')).toContain('inactive')
    const found = tasks(view).flatMap((line, i) => (line.includes('root') ? [i] : []))
    await press(state, 'L', 'root')
    expect(view.from).toBe(found[0])
    await press(state, '&', '')
    expect(view.from).toBe(found[1])
    expect(await press(state, 'L', 'no-such-task')).toContain('no matches: "no-such-task"')
    expect(view.from).toBe(found[1])
  })
})
