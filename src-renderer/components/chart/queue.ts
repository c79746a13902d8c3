/**
 * Whose turn it is to be drawn. At most two charts per animation frame and each at most five times a second, the one
 * that waits longest first, so that many charts cost no more than few. What a hand does is drawn at once.
 */
import { createContext } from 'svelte'

const INTERVAL_MS = 200
const PER_FRAME = 2

export interface Drawable {
  draw(): void
  /** When it was drawn last, in ms of the page. */
  drawnAt: number
}

export class DrawQueue {
  private readonly waiting = new Set<Drawable>()
  private frame = 0

  add(chart: Drawable, atOnce = false): void {
    if (atOnce) chart.drawnAt = -Infinity
    this.waiting.add(chart)
    if (this.frame === 0) this.frame = requestAnimationFrame(this.turn)
  }
  remove(chart: Drawable): void {
    this.waiting.delete(chart)
  }

  private readonly turn = (now: number): void => {
    const due = [...this.waiting].filter((chart) => now - chart.drawnAt >= INTERVAL_MS)
    due.sort((a, b) => a.drawnAt - b.drawnAt)
    const urgent = due.filter((chart) => chart.drawnAt === -Infinity)
    for (const chart of urgent.length > PER_FRAME ? urgent : due.slice(0, PER_FRAME)) {
      this.waiting.delete(chart)
      chart.drawnAt = now
      chart.draw()
    }
    this.frame = this.waiting.size > 0 ? requestAnimationFrame(this.turn) : 0
  }
}

export const [getDrawQueue, setDrawQueue, hasDrawQueue] = createContext<DrawQueue>()
