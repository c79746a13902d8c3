/** The two kinds of x axis: simulated time, and the steps of a program. */
import { clock } from '../../model/format'
import { roundStep, timeTicks } from '../../model/ticks'
import type { ChartX } from './types'

export const TIME: ChartX = {
  name: 'Time',
  ticks: timeTicks,
  text: (ms) => clock(ms, ms % 1000 !== 0),
}

export const STEPS: ChartX = {
  name: 'Step',
  ticks(from, to, widthPx, labelPx) {
    const step = Math.max(1, roundStep(((to - from) * labelPx) / Math.max(1, widthPx), 'decimal'))
    const ticks: number[] = []
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at)
    return ticks
  },
  text: String,
}
