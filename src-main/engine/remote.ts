/** An engine behind `memscope serve`, reached over its WebSocket: the same client, so that a window cannot tell. */
import { Packr } from 'msgpackr'
import { WebSocket } from 'ws'
import type { Push, Result } from '@shared/protocol'
import type { EngineClient } from './client'

/** `address` is what `memscope serve` printed: http://HOST:PORT/?token=… */
export function attachEngine(address: string): EngineClient {
  const packr = new Packr({ useRecords: false, moreTypes: true })
  const url = new URL(address)
  const socket = new WebSocket(`ws${url.protocol === 'https:' ? 's' : ''}://${url.host}/ws${url.search}`, {
    origin: url.origin,
    maxPayload: 1 << 30,
  })
  const listeners = new Set<(push: Push) => void>()
  const waiting = new Map<number, (result: Result) => void>()
  let lastId = 0
  let lost: string | null = null
  const opened = new Promise<void>((resolve) => socket.once('open', resolve).once('close', () => resolve()))

  socket.on('message', (data: Buffer) => {
    const message = packr.unpack(data) as { id: number; result: Result } | { push: Push }
    if ('push' in message) return listeners.forEach((listener) => listener(message.push))
    waiting.get(message.id)?.(message.result)
    waiting.delete(message.id)
  })
  const onLost = (reason: string): void => {
    lost ??= `${url.host}: ${reason}`
    for (const answer of waiting.values()) answer({ ok: false, error: lost })
    waiting.clear()
  }
  socket.on('error', (error) => onLost(error.message))
  socket.on('close', () => onLost('the connection was closed'))

  return {
    async request(command) {
      await opened
      if (lost !== null) return { ok: false, error: lost }
      const id = ++lastId
      return new Promise((resolve) => {
        waiting.set(id, resolve)
        socket.send(packr.pack({ id, command }))
      })
    },
    onPush(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    /** Leaves; the engine goes on. */
    stop: () =>
      new Promise((resolve) => {
        if (socket.readyState === WebSocket.CLOSED) return resolve()
        socket.once('close', () => resolve())
        socket.close()
      }),
  }
}
