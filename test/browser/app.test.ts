/** The window over a scripted bridge: what a person sees, hears and does. */
import axe from 'axe-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cleanup, render } from 'vitest-browser-svelte'
import { page, userEvent } from 'vitest/browser'
import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/jetbrains-mono/wght.css'
import '../../src-renderer/tokens.css'
import '../../src-renderer/app.css'
import App from '../../src-renderer/App.svelte'
import { fakeBridge, type FakeBridge } from '../support/fakeBridge'

let bridge: FakeBridge

beforeEach(async () => {
  localStorage.clear()
  await page.viewport(1280, 800)
  bridge = fakeBridge({ startMs: 60_000 })
  await render(App, { bridge })
  await expect.element(page.getByTestId('clock')).toHaveTextContent('1:00.0')
})
afterEach(() => cleanup())

const asked = (type: string): unknown[] => bridge.asked.filter((command) => command.type === type)

describe('the frame', () => {
  test('names the machine and follows its clock', async () => {
    await expect.element(page.getByText('Leak, twice')).toBeVisible()
    await expect.element(page.getByTestId('mode')).toHaveTextContent('LIVE')
    bridge.play(65_000)
    await expect.element(page.getByTestId('clock')).toHaveTextContent('1:05.0')
  })

  test('asks for the past once, and keeps it when another window greets', async () => {
    bridge.play(61_000)
    await bridge.request({ type: 'hello' })
    await expect.element(page.getByTestId('clock')).toHaveTextContent('1:01.0')
    expect(asked('history')).toHaveLength(1)
  })

  test('pauses, goes on, and says so in a word', async () => {
    await page.getByTestId('pause').click()
    await expect.element(page.getByTestId('mode')).toHaveTextContent('PAUSED')
    await userEvent.keyboard('z')
    await expect.element(page.getByTestId('mode')).toHaveTextContent('LIVE')
  })

  test('jumps to an instant and back to now', async () => {
    await page.getByTestId('jump').fill('-19.5s')
    await userEvent.keyboard('{Enter}')
    await expect.element(page.getByTestId('mode')).toHaveTextContent('REPLAY')
    await expect.element(page.getByTestId('clock')).toHaveTextContent('0:40.5')
    await page.getByTestId('golive').click()
    await expect.element(page.getByTestId('mode')).toHaveTextContent('LIVE')
  })

  test('refuses what is no time, in place', async () => {
    await page.getByTestId('jump').fill('soon')
    await userEvent.keyboard('{Enter}')
    await expect.element(page.getByText(/“soon” is no time: -30s/)).toBeVisible()
    expect(asked('seek')).toHaveLength(0)
  })

  test('steps along the timeline with the arrow keys', async () => {
    document.querySelector<HTMLElement>('[data-testid=timeline]')!.focus()
    await userEvent.keyboard('{ArrowLeft}')
    await expect.element(page.getByTestId('clock')).toHaveTextContent('0:59.5')
    await userEvent.keyboard('{ArrowRight}')
    await expect.element(page.getByTestId('clock')).toHaveTextContent('1:00.0')
  })

  test('goes to an event by its flag', async () => {
    await page.getByTestId('timeline').getByTestId('flag-oom').click()
    await expect.element(page.getByTestId('clock')).toHaveTextContent('0:40.9')
  })

  test('sets the speed', async () => {
    await page.getByTestId('speed-8').click()
    expect(asked('setSpeed')).toEqual([{ type: 'setSpeed', speed: 8 }])
    await expect.element(page.getByTestId('speed-8')).toHaveAttribute('aria-pressed', 'true')
  })

  test('branches from the shown instant', async () => {
    await page.getByTestId('jump').fill('30s')
    await userEvent.keyboard('{Enter}')
    await page.getByText('Branch here').click()
    await expect.element(page.getByTestId('mode')).toHaveTextContent('BRANCH')
    await expect.element(page.getByText('original', { exact: true })).toBeVisible()
  })

  test('switches views by rail and by key, and remembers', async () => {
    await page.getByTestId('rail-oom').click()
    await expect.element(page.getByTestId('view-oom')).toBeVisible()
    await userEvent.keyboard('{Control>}6{/Control}')
    await expect.element(page.getByTestId('view-reclaim')).toBeVisible()
    expect(localStorage.getItem('memscope.view')).toBe('reclaim')
  })

  test('finds by Ctrl+K', async () => {
    await userEvent.keyboard('{Control>}k{/Control}')
    await page.getByPlaceholder(/A view, a process/).fill('java 520')
    await expect.element(page.getByRole('option', { name: /java 520/ })).toBeVisible()
    await page.getByPlaceholder(/A view, a process/).fill('oom')
    await userEvent.keyboard('{Enter}')
    await expect.element(page.getByTestId('view-oom')).toBeVisible()
  })

  test('shows its keys on F1', async () => {
    await userEvent.keyboard('{F1}')
    await expect.element(page.getByRole('dialog')).toBeVisible()
    await userEvent.keyboard('{Escape}')
    await expect.element(page.getByRole('dialog')).not.toBeInTheDocument()
  })
})

describe('trouble', () => {
  test('of the engine is shown with the line that reproduces it', async () => {
    const capsule = {
      message: 'zone: free pages do not add up',
      stack: 'KernelBug',
      scenario: 'leak-twice',
      seed: 4711,
      step: 61_000,
      ms: 61_000,
      commands: [],
      reproduce: 'memscope run leak-twice --seed 4711 --for 61s',
      file: null,
    }
    bridge.push({ type: 'crash', capsule })
    await expect.element(page.getByTestId('crash').getByText(/free pages do not add up/)).toBeVisible()
    await expect.element(page.getByText(capsule.reproduce)).toBeVisible()
  })

  test('of the connection is said, and goes away', async () => {
    bridge.setConnection('closed')
    await expect.element(page.getByTestId('disconnected').getByText(/Disconnected/)).toBeVisible()
    bridge.setConnection('open')
    await expect.element(page.getByTestId('disconnected')).not.toBeInTheDocument()
  })
})

describe('the views', () => {
  test('show the same instant everywhere', async () => {
    await page.getByTestId('jump').fill('40s')
    await userEvent.keyboard('{Enter}')
    await expect.element(page.getByText('At 0:40.0')).toBeVisible()
    await page.getByTestId('rail-oom').click()
    await expect.element(page.getByText('leakd (1043) dies first.')).toBeVisible()
  })

  test('tell a figure by its formula', async () => {
    await page.getByRole('button', { name: 'MemAvailable' }).click()
    await expect.element(page.getByText('mm/show_mem.c: si_mem_available')).toBeVisible()
  })

  test('show charts as tables', async () => {
    await page.getByRole('button', { name: 'Data table' }).click()
    await expect.element(page.getByRole('table', { name: /Memory by use/ })).toBeVisible()
  })

  test('report a kill with the text of the kernel', async () => {
    await page.getByTestId('rail-oom').click()
    await expect.element(page.getByText(/Out of memory: Killed process 1043/)).toBeVisible()
    await page.getByText(/^Candidates/).click()
    await expect.element(page.getByText('pages, as the killer counted them')).toBeVisible()
  })

  test('change a sysctl in place', async () => {
    await page.getByTestId('rail-reclaim').click()
    await page.getByLabelText('vm.swappiness').fill('10')
    await userEvent.keyboard('{Enter}')
    await expect.poll(() => asked('sysctl')).toEqual([{ type: 'sysctl', set: { 'vm.swappiness': '10' } }])
  })
})

describe('for everybody', () => {
  test.each(['dark', 'light', 'hc'])('nothing breaks WCAG 2.2 AA in %s', async (theme) => {
    cleanup()
    localStorage.setItem('memscope.look', JSON.stringify({ theme, palette: 'standard', density: 'compact' }))
    for (const view of ['overview', 'reclaim', 'oom']) {
      localStorage.setItem('memscope.view', view)
      await render(App, { bridge: fakeBridge({ startMs: 60_000 }) })
      await expect.element(page.getByRole('heading', { level: 1 })).toBeVisible()
      const { violations } = await axe.run(document.body, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
      })
      expect(violations.map(({ id, nodes }) => `${view} ${id}: ${nodes[0]?.html.slice(0, 160)}`)).toEqual([])
      cleanup()
    }
  })
})
