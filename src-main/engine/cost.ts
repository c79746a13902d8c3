/** What the engine itself costs, every few seconds: shown to whoever looks. */
import type { performance as Performance } from 'node:perf_hooks'
import { historyBytes } from './history'
import { isRecording, type Session } from './session'

const COST_EVERY_MS = 3000

export function watchCost(s: Session, performance: typeof Performance): NodeJS.Timeout {
  let last = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const cpuPercent = 100 * performance.eventLoopUtilization(now, last).utilization
    last = now
    const send = (bytes: number): void =>
      s.push({
        type: 'cost',
        cost: { cpuPercent, rssBytes: process.memoryUsage.rss(), historyBytes: bytes + historyBytes(s.history) },
      })
    if (!isRecording(s)) return send(0)
    s.recorder!.ask('size', undefined).then(send, () => send(0))
  }, COST_EVERY_MS)
  timer.unref()
  return timer
}
