/** The chart: what it draws, and what it leaves alone. */
import { afterEach, describe, expect, test } from 'vitest'
import { cleanup, render } from 'vitest-browser-svelte'
import '../../src-renderer/tokens.css'
import '../../src-renderer/app.css'
import { fakeSample } from '../support/fakeBridge'
import { Rings } from '../../src-renderer/client/rings'
import ChartInContext from './ChartInContext.svelte'

afterEach(() => cleanup())

function rows(toMs: number, gap: [number, number] = [Infinity, Infinity]): Rings {
  const rings = new Rings(500)
  for (let ms = 0; ms <= toMs; ms += 500)
    if (ms < gap[0] || ms > gap[1]) rings.push(fakeSample(ms, { processes: false }))
  return rings
}
const frames = (n: number): Promise<void> =>
  new Promise((done) => {
    const next = (left: number): unknown => (left === 0 ? done() : requestAnimationFrame(() => next(left - 1)))
    next(n)
  })
function pixels(): Uint8ClampedArray {
  const canvas = document.querySelector('canvas')!
  return canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data
}
/** How many pixels have about this colour. */
function painted([r, g, b]: readonly [number, number, number]): number {
  const data = pixels()
  let found = 0
  for (let i = 0; i < data.length; i += 4)
    if (Math.abs(data[i]! - r) + Math.abs(data[i + 1]! - g) + Math.abs(data[i + 2]! - b) < 12) found++
  return found
}
const ANON = [0x55, 0xb8, 0x6a] as const
const FILE = [0xdf, 0xb3, 0x41] as const

describe('a chart', () => {
  test('draws its bands in the colours of their tokens', async () => {
    await render(ChartInContext, { rows: rows(60_000), span: { from: 0, to: 60_000 } })
    await expect.poll(() => painted(ANON)).toBeGreaterThan(2000)
    expect(painted(FILE)).toBeGreaterThan(500)
  })

  test('fills the whole width of its box, also after it was resized', async () => {
    const { rerender } = await render(ChartInContext, { rows: rows(60_000), span: { from: 0, to: 60_000 }, width: 400 })
    await expect.poll(() => document.querySelector('canvas')?.clientWidth).toBe(400)
    await rerender({ width: 640 })
    await expect.poll(() => document.querySelector('canvas')?.clientWidth).toBe(640)
  })

  test('crosses no gap', async () => {
    await render(ChartInContext, { rows: rows(60_000, [20_000, 40_000]), span: { from: 0, to: 60_000 }, width: 600 })
    await expect.poll(() => painted(ANON)).toBeGreaterThan(1000)
    const canvas = document.querySelector('canvas')!
    const middle = 44 + (600 - 56) / 2
    const scale = canvas.width / canvas.clientWidth
    const column = canvas.getContext('2d')!.getImageData(middle * scale, 0, 1, canvas.height).data
    const green = Array.from({ length: canvas.height }, (_, y) => column.subarray(y * 4, y * 4 + 3)).filter(
      ([r, g, b]) => Math.abs(r! - ANON[0]) + Math.abs(g! - ANON[1]) + Math.abs(b! - ANON[2]) < 12,
    )
    expect(green).toHaveLength(0)
  })

  test('says so when there is nothing to draw', async () => {
    const { container } = await render(ChartInContext, { rows: new Rings(500), span: { from: 0, to: 1000 } })
    await expect.poll(() => container.textContent).toContain('No samples in this range')
  })

  test('is not drawn while it is out of sight', async () => {
    const { container, rerender } = await render(ChartInContext, {
      rows: rows(10_000),
      span: { from: 0, to: 60_000 },
      hidden: true,
    })
    await frames(20)
    expect(container.querySelector('canvas')!.width).not.toBe(0)
    expect(painted(ANON)).toBe(0)
    await rerender({ hidden: false })
    await expect.poll(() => painted(ANON)).toBeGreaterThan(100)
  })

  test('tells its course in words when it gets the focus', async () => {
    const { container } = await render(ChartInContext, { rows: rows(60_000), span: { from: 0, to: 60_000 } })
    container.querySelector<HTMLElement>('[role=figure]')!.focus()
    await expect.poll(() => container.textContent).toMatch(/AnonPages: .* between/)
  })

  test('moves the crosshair from sample to sample with the arrow keys', async () => {
    const seen: (number | null)[] = []
    const { container } = await render(ChartInContext, {
      rows: rows(60_000),
      span: { from: 0, to: 60_000 },
      oncross: (ms: number | null) => seen.push(ms),
    })
    const figure = container.querySelector<HTMLElement>('[role=figure]')!
    figure.focus()
    figure.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }))
    expect(seen).toEqual([59_500])
  })

  test('of an hour at 2 Hz is drawn within a few frames', async () => {
    const rings = new Rings(500)
    for (let ms = 0; ms <= 3_600_000; ms += 500) {
      const data = fakeSample(ms % 90_000, { processes: false })
      data[1] = ms
      rings.push(data)
    }
    await render(ChartInContext, { rows: rings, span: { from: 0, to: 3_600_000 }, width: 800 })
    await expect.poll(() => painted(ANON)).toBeGreaterThan(1000)
  })
})
