/** The lists and forms over a machine that is played: keys, what is drawn, what is sent. */
import { page, userEvent } from 'vitest/browser'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { render } from 'vitest-browser-svelte'
import axe from 'axe-core'
import '../../src-renderer/tokens.css'
import '../../src-renderer/app.css'
import App from '../../src-renderer/App.svelte'
import { fakeBridge, fakeSample, type FakeBridge } from '../support/fakeBridge'

async function open(view: string): Promise<FakeBridge> {
  localStorage.setItem('memscope.view', view)
  const bridge = fakeBridge({ startMs: 60_000 })
  bridge.answer('readFile', 'root:x:0:0::/:\nmira:x:1000:1000::/:\n')
  bridge.answer('scenarios', [
    {
      name: 'leak-twice',
      title: 'Leak, twice',
      about: 'A leak.',
      ramBytes: 2 ** 30,
      cpus: 2,
      durationMs: 90_000,
      builtin: true,
    },
  ])
  bridge.answer('programs', [
    {
      name: 'leak',
      comm: 'leak',
      about: 'Leaks.',
      params: { rate: { type: 'rate', default: 24 * 2 ** 20, about: 'how fast' } },
    },
  ])
  bridge.answer('sysctls', [
    {
      name: 'vm.swappiness',
      value: '60',
      default: 60,
      min: 0,
      max: 200,
      writable: true,
      help: 'Weight of anonymous pages',
    },
  ])
  await render(App, { bridge })
  await expect.element(page.getByTestId(`view-${view}`)).toBeVisible()
  bridge.play(61_000)
  return bridge
}
const pidsShown = (): string[] =>
  [...document.querySelectorAll<HTMLElement>('[data-testid=process-list] tr[data-row]')].map(
    (row) => row.dataset['key']!.split('@')[0]!,
  )
const textOf = (testid: string): string => document.querySelector(`[data-testid=${testid}]`)?.textContent ?? ''
const asked = (bridge: FakeBridge, type: string): unknown[] => bridge.asked.filter((command) => command.type === type)
const press = (keys: string): Promise<void> => userEvent.keyboard(keys)

beforeEach(async () => {
  localStorage.clear()
  await page.viewport(1280, 800)
})

describe('the process list', () => {
  test('is a tree with sums, names users and turns flat with F5', async () => {
    await open('processes')
    await expect.element(page.getByRole('treegrid')).toBeVisible()
    await expect.poll(() => pidsShown().slice(0, 2)).toEqual(['1', '520'])
    await expect.element(page.getByRole('gridcell', { name: 'mira' }).first()).toBeVisible()
    await press('{F5}')
    await expect.element(page.getByRole('grid', { name: 'Processes' })).toBeVisible()
  })
  test('filters, and says so when nothing matches', async () => {
    await open('processes')
    await page.getByLabelText('Filter').fill('user:mira')
    await expect.poll(() => pidsShown()).toEqual(['1', '710', '1204', '951'])
    await page.getByLabelText('Filter').fill('nothing-like-that')
    await expect.element(page.getByText('No process matches')).toBeVisible()
  })
  test('tags with Space and sends a signal bound to PID and start time', async () => {
    const bridge = await open('processes')
    await expect.poll(() => pidsShown()).toContain('1204')
    document.querySelector<HTMLElement>('tr[data-key^="1204@"]')!.click()
    document.querySelector<HTMLElement>('[data-testid=process-list] table')!.focus()
    await press(' ')
    await expect.element(page.getByText(/1 tagged/)).toBeVisible()
    await press('{F9}')
    await expect.poll(() => document.querySelector('[role=menu]')?.textContent).toMatch(/1204 leakd/)
    await press('{ArrowDown}{Enter}')
    await expect.poll(() => asked(bridge, 'kill')).toEqual([{ type: 'kill', pid: 1204, start_ns: 55_000e6, signal: 9 }])
  })
  test('moves the selection with the arrows and opens a process with Enter', async () => {
    const bridge = await open('processes')
    await expect.poll(() => pidsShown().length).toBeGreaterThan(5)
    document.querySelector<HTMLElement>('[data-testid=process-list] table')!.focus()
    await press('{ArrowDown}{ArrowDown}')
    expect(document.querySelector('tr.sel')?.getAttribute('data-row')).toBe('1')
    await press('{Enter}')
    await expect.element(page.getByTestId('process')).toBeVisible()
    await expect
      .poll(() => asked(bridge, 'watch'))
      .toContainEqual(expect.objectContaining({ what: { kind: 'process', pid: 520 } }))
  })
  test('changes oom_score_adj by F8', async () => {
    const bridge = await open('processes')
    await expect.poll(() => pidsShown()).toContain('520')
    document.querySelector<HTMLElement>('tr[data-key^="520@"]')!.click()
    await press('{F8}')
    await expect.poll(() => asked(bridge, 'setOomScoreAdj')).toEqual([expect.objectContaining({ pid: 520, value: 10 })])
  })
})

test('Memory explains the selected line and shows the free areas', async () => {
  await open('memory')
  await expect.poll(() => textOf('explain')).toMatch(/totalreserve_pages/)
  await expect.poll(() => textOf('free-areas')).toMatch(/Unusable index/)
})

describe('the page map', () => {
  const openMap = async (): Promise<FakeBridge> => {
    const bridge = await open('memory')
    await page.getByRole('tab', { name: 'Page map' }).click()
    await expect.poll(() => textOf('map-legend')).toMatch(/MemFree 145,760/)
    return bridge
  }

  test('counts the frames by use and by owner, and has nothing that axe finds', async () => {
    await openMap()
    expect(textOf('map-legend')).toMatch(/Active\(anon\) 100,000/)
    await page.getByRole('button', { name: 'Owner', exact: true }).click()
    await expect.poll(() => textOf('map-legend')).toMatch(/leakd 1204 100,000/)
    await page.getByRole('button', { name: 'Age', exact: true }).click()
    await expect.poll(() => textOf('map-legend')).toMatch(/Anonymous, newest 50,000.*Anonymous, goes next 50,000/)
    const { violations } = await axe.run('[data-testid=view-memory]')
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`)).toEqual([])
  })

  test('goes to a frame by its number, moves by keys, and from the frame to the address that maps it', async () => {
    const bridge = await openMap()
    await userEvent.fill(page.getByTestId('go-pfn'), '0x4000')
    await press('{Enter}')
    await expect.poll(() => textOf('frame')).toMatch(/anonymous, active/)
    ;(document.querySelector('[data-testid=page-map]') as HTMLElement).focus()
    await press('{ArrowUp}')
    await expect.poll(() => textOf('frame')).toMatch(/by none/)
    await press('{ArrowDown}{ArrowRight}')
    await page.getByRole('button', { name: /leakd 1204 0x55d0c4b28000/ }).click()
    await expect.element(page.getByTestId('view-process')).toBeVisible()
    await expect
      .poll(() => asked(bridge, 'watch'))
      .toContainEqual(expect.objectContaining({ what: { kind: 'process', pid: 1204, address: 0x55d0_c4b2_8000 } }))
  })

  test('paints the frames in the colours of their tokens', async () => {
    await openMap()
    const canvas = document.querySelector<HTMLCanvasElement>('[data-testid=page-map] canvas')!
    const pixel = (x: number, y: number): number[] => [...canvas.getContext('2d')!.getImageData(x, y, 1, 1).data]
    const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
    const hex = (rgba: number[]): string =>
      `#${rgba
        .slice(0, 3)
        .map((v) => v.toString(16).padStart(2, '0'))
        .join('')}`
    await expect.poll(() => hex(pixel(0, 0))).toBe(token('--mem-other'))
    expect(hex(pixel(0, canvas.height - 1))).toBe(token('--mem-free'))
  })
})

test('the fault log says what each fault did, and leads to its address and its frame', async () => {
  const bridge = await open('processes')
  const row = (): HTMLElement | null => document.querySelector('[data-testid=process-list] tr[data-key^="1204@"]')
  await expect.poll(row).not.toBeNull()
  row()!.dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))
  await expect.poll(() => textOf('fault-log')).toMatch(/55d0c4b2b000\s*major\s*swap-in\s*112.40\s*0x4002/)
  await page.getByRole('button', { name: '55d0c4b2b000' }).click()
  await expect
    .poll(() => asked(bridge, 'watch'))
    .toContainEqual(expect.objectContaining({ what: { kind: 'process', pid: 1204, address: 0x55d0_c4b2_b000 } }))
  await page.getByRole('button', { name: '0x4002' }).click()
  await expect.element(page.getByTestId('view-memory')).toBeVisible()
  await expect
    .poll(() => asked(bridge, 'watch'))
    .toContainEqual(expect.objectContaining({ what: { kind: 'frame', pfn: 0x4002 } }))
})
test('the chart of a cache begins with the recording, not with the window', async () => {
  const bridge = await open('slab')
  expect(asked(bridge, 'slabHistory')).toEqual([{ type: 'slabHistory', from: 0, to: 60_000, points: 240 }])
  await expect.element(page.getByText('No sample of this cache')).not.toBeInTheDocument()
})

test('Slab sorts by slabtop’s keys and follows the selected cache', async () => {
  const bridge = await open('slab')
  const names = (): string[] =>
    [...document.querySelectorAll<HTMLElement>('[data-testid=slab-caches] tr[data-row]')].map(
      (row) => row.dataset['key']!,
    )
  await expect.poll(() => names()[0]).toBe('dentry')
  document.querySelector<HTMLElement>('[data-testid=slab-caches] table')!.focus()
  await press('n')
  await expect.poll(() => names()[0]).toBe('buffer_head')
  await expect
    .poll(() => asked(bridge, 'watch'))
    .toContainEqual(expect.objectContaining({ what: { kind: 'slab', cache: 'dentry' } }))
})

describe('the Lab', () => {
  test('starts a scenario with a seed', async () => {
    const bridge = await open('lab')
    await page.getByLabelText('Seed').fill('9')
    await page.getByTestId('start-scenario').click()
    await expect
      .poll(() => asked(bridge, 'loadScenario'))
      .toEqual([{ type: 'loadScenario', name: 'leak-twice', seed: 9 }])
  })
  test('applies pressure in MiB and in per cent, and ends it', async () => {
    const bridge = await open('lab')
    await expect.element(page.getByTestId('pressure-slider')).toBeVisible()
    const slider = document.querySelector<HTMLInputElement>('[data-testid=pressure-slider]')!
    slider.value = '256'
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    await expect
      .poll(() => asked(bridge, 'pressure').at(-1))
      .toMatchObject({ kind: 'anonymous', mib: 256, rateMibPerS: 64 })
    await page.getByRole('button', { name: 'Holes' }).click()
    const seconds = document.querySelector<HTMLInputElement>('[data-testid=pressure-seconds]')!
    seconds.value = '30'
    seconds.dispatchEvent(new Event('input', { bubbles: true }))
    await expect
      .poll(() => asked(bridge, 'pressure').at(-1))
      .toMatchObject({ kind: 'fragmentation', mib: 256, seconds: 30 })
    expect(asked(bridge, 'pressure')).toContainEqual(expect.objectContaining({ kind: 'anonymous', mib: 0 }))
    await page.getByRole('button', { name: 'Off' }).click()
    await expect.poll(() => asked(bridge, 'pressure').at(-1)).toMatchObject({ mib: 0 })
  })
  test('keeps its tab while another view is looked at', async () => {
    await open('lab')
    await page.getByRole('tab', { name: 'Programs' }).click()
    await page.getByTestId('rail-overview').click()
    await expect.element(page.getByTestId('view-overview')).toBeVisible()
    await page.getByTestId('rail-lab').click()
    await expect.element(page.getByRole('tab', { name: 'Programs' })).toHaveAttribute('aria-selected', 'true')
  })
  test('spawns a program with checked parameters', async () => {
    const bridge = await open('lab')
    await page.getByTestId('spawn').click()
    await page.getByLabelText('rate').fill('fast')
    await expect.element(page.getByText('must be a rate such as 24MiB/s')).toBeVisible()
    await page.getByLabelText('rate').fill('2MiB/s')
    await page.getByRole('button', { name: 'Spawn', exact: true }).click()
    await expect
      .poll(() => asked(bridge, 'spawn'))
      .toEqual([expect.objectContaining({ program: 'leak', params: { rate: '2MiB/s' } })])
  })
  test('sets a sysctl in place and drops caches', async () => {
    const bridge = await open('lab')
    await page.getByLabelText('vm.swappiness 60, edit').click()
    await userEvent.fill(page.getByLabelText('vm.swappiness'), '201')
    await press('{Enter}')
    await expect.element(page.getByText('EINVAL: 201 is above 200')).toBeVisible()
    await userEvent.fill(page.getByLabelText('vm.swappiness'), '10')
    await press('{Enter}')
    await expect.poll(() => asked(bridge, 'sysctl')).toEqual([{ type: 'sysctl', set: { 'vm.swappiness': '10' } }])
    await page.getByTestId('drop-3').click()
    await expect.poll(() => asked(bridge, 'dropCaches')).toEqual([{ type: 'dropCaches', mode: 3 }])
  })
})

test('sysctls follow the instant that is shown', async () => {
  const bridge = await open('lab')
  await expect.element(page.getByLabelText('vm.swappiness 60, edit')).toBeVisible()
  bridge.answer('sysctls', [
    { name: 'vm.swappiness', value: '10', default: 60, min: 0, max: 200, writable: true, help: 'Weight' },
  ])
  await userEvent.fill(page.getByTestId('jump'), '30s')
  await press('{Enter}')
  await expect.poll(() => textOf('sysctls'), { timeout: 4000 }).toMatch(/vm\.swappiness\s*10/)
})

test('Recordings: exported, noted, and one beside what is shown, with the figures of both', async () => {
  const bridge = fakeBridge({ startMs: 60_000 })
  localStorage.setItem('memscope.view', 'recordings')
  bridge.answer('recordings', {
    folder: '/r',
    current: null,
    list: [
      {
        path: '/r/other.memscope', bytes: 1000, title: 'Leak, calmer', scenario: 'calm.yaml', seed: 3, firstMs: 0, lastMs: 2000,
        created: '2026-01-01T00:00:00Z', samples: 5, events: 0, oomKills: 0, commands: 0, note: 'as found',
      },
    ],
  }) // prettier-ignore
  const samples = [0, 500, 1000, 1500, 2000].map((ms) => fakeSample(ms, { processes: false }))
  bridge.answer('readRecording', {
    title: 'Leak, calmer',
    seed: 3,
    sampleMs: 500,
    firstMs: 0,
    lastMs: 2000,
    samples,
    events: [],
  })
  const violationsOf = async (): Promise<string[]> => {
    const { violations } = await axe.run('[data-testid=view-recordings]')
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`)
  }
  await render(App, { bridge })
  await page.getByText('Leak, calmer').first().click()
  await page.getByTestId('export-html').click()
  await page.getByTestId('export-parquet').click()
  await expect
    .poll(() => asked(bridge, 'exportRecording'))
    .toMatchObject([
      { path: '/r/other.html', format: 'html', recording: '/r/other.memscope' },
      { path: '/r/other.parquet', format: 'parquet', recording: '/r/other.memscope' },
    ])
  const note = page.getByTestId('recording-note')
  await note.fill('given up')
  await press('{Escape}')
  await expect.element(note).toHaveValue('as found')
  await note.fill('calm <b>enough</b>')
  await press('{Control>}{Enter}{/Control}')
  await expect
    .poll(() => asked(bridge, 'noteRecording'))
    .toEqual([{ type: 'noteRecording', path: '/r/other.memscope', text: 'calm <b>enough</b>' }])
  await expect.element(page.getByText('kept', { exact: true })).toBeVisible()
  expect(await violationsOf()).toEqual([])
  await page.getByTestId('compare-recording').click()
  await expect.poll(() => textOf('compare')).toMatch(/MemAvailable[\d,\s]+0/)
  expect(asked(bridge, 'readRecording')).toEqual([{ type: 'readRecording', path: '/r/other.memscope', points: 2000 }])
  expect(await violationsOf()).toEqual([])
  const saved = saves()
  await page.getByRole('button', { name: 'Save charts as PNG' }).click()
  // The browser packs a picture when it is idle.
  await expect.poll(() => saved.blobs.length, { timeout: 8000 }).toBe(1)
  await expect.poll(() => saved.names).toEqual([expect.stringMatching(/-\d+s-\d+s\.png$/)])
  const { width, height } = await createImageBitmap(saved.blobs[0]!)
  expect(saved.blobs[0]!.type).toBe('image/png')
  // Six charts as they stand in the view: more than one wide, more than one high.
  expect(width).toBeGreaterThan(600)
  expect(height).toBeGreaterThan(4 * 40)
  saved.restore()
  await page.getByTestId('close-compare').click()
  await expect.element(page.getByTestId('recording-list')).toBeVisible()
})

test('a narrow window keeps the commands and its rail', async () => {
  await page.viewport(900, 700)
  await open('processes')
  const heads = (): string[] => [...document.querySelectorAll('[data-testid=process-list] th')].map((th) => th.textContent!.trim()) // prettier-ignore
  await expect.poll(heads).toContain('Command')
  await expect.poll(() => heads().join()).not.toMatch(/60 s|SHR/)
  const box = document.querySelector('[data-testid=process-list]')!
  expect(box.scrollWidth).toBeLessThanOrEqual(box.clientWidth)
  expect(document.querySelector('.rail')!.clientWidth).toBeLessThan(60)
  await page.getByTestId('rail-slab').click()
  await expect.element(page.getByTestId('view-slab')).toBeVisible()
})

for (const view of ['processes', 'process', 'memory', 'slab', 'lab', 'console', 'recordings', 'fidelity'])
  test(`${view} has no violations that axe finds`, async () => {
    const bridge = await open(view)
    bridge.answer('readFile', '[]')
    await expect.element(page.getByTestId(view).first()).toBeVisible()
    bridge.play(62_000)
    const { violations } = await axe.run(`[data-testid=view-${view}]`)
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`)).toEqual([])
  })

/** What is saved from now on, instead of a file. */
function saves(): { names: string[]; blobs: Blob[]; restore: () => void } {
  const names: string[] = []
  const blobs: Blob[] = []
  const url = vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => (blobs.push(blob as Blob), 'blob:none'))
  const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    names.push(this.download)
  })
  return { names, blobs, restore: () => (url.mockRestore(), click.mockRestore()) }
}
