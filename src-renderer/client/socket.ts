/**
 * The bridge of a browser: MessagePack frames over one WebSocket. `{ id, command }` up, `{ id, result }` and
 * `{ push }` down. A lost connection fails what waits and is tried again, ever more slowly, up to every 5 s.
 */
import { Packr } from 'msgpackr'
import type { Command, Push, Result } from '@shared/protocol'
import type { Client, Connection } from './connect'

type Frame = { readonly id: number; readonly result: Result } | { readonly push: Push }

const RETRY_MS_MIN = 250
const RETRY_MS_MAX = 5000

export function openSocket(address: string): Client {
  const packr = new Packr({ useRecords: false, moreTypes: true })
  const pushes = new Set<(push: Push) => void>()
  const watchers = new Set<(state: Connection) => void>()
  const waiting = new Map<number, (result: Result) => void>()
  const unsent: ArrayBuffer[] = []
  let socket: WebSocket
  let state: Connection = 'connecting'
  let retryMs = RETRY_MS_MIN
  let lastId = 0

  const setState = (next: Connection): void => {
    state = next
    watchers.forEach((watcher) => watcher(next))
  }
  const receive = (data: ArrayBuffer): void => {
    const frame = packr.unpack(new Uint8Array(data)) as Frame
    if ('push' in frame) return pushes.forEach((listener) => listener(frame.push))
    waiting.get(frame.id)?.(frame.result)
    waiting.delete(frame.id)
  }
  const lose = (): void => {
    for (const answer of waiting.values()) answer({ ok: false, error: 'the connection to the engine was lost' })
    waiting.clear()
    unsent.length = 0
    setState('closed')
    setTimeout(open, retryMs)
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)
  }
  function open(): void {
    socket = new WebSocket(address)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      retryMs = RETRY_MS_MIN
      for (const frame of unsent.splice(0)) socket.send(frame)
      setState('open')
    }
    socket.onmessage = (event: MessageEvent<ArrayBuffer>) => receive(event.data)
    socket.onclose = lose
  }
  open()

  return {
    kind: 'web',
    request(command: Command) {
      if (state === 'closed') return Promise.resolve({ ok: false, error: 'not connected to the engine' })
      const id = ++lastId
      const frame = new Uint8Array(packr.pack({ id, command }) as Uint8Array).buffer
      return new Promise((resolve) => {
        waiting.set(id, resolve)
        if (state === 'open') socket.send(frame)
        else unsent.push(frame)
      })
    },
    subscribe(listener) {
      pushes.add(listener)
      return () => pushes.delete(listener)
    },
    onConnection(listener) {
      watchers.add(listener)
      listener(state)
      return () => watchers.delete(listener)
    },
  }
}
