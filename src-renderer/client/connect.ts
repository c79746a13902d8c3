/** The one way to the engine: the preload's bridge in the desktop app, a WebSocket in a browser. */
import type { Bridge } from '@shared/protocol'
import { openSocket } from './socket'

/** `closed` only happens in a browser: the host went away, and the client keeps trying. */
export type Connection = 'connecting' | 'open' | 'closed'

export interface Client extends Bridge {
  /** Calls `listener` with the state now and whenever it changes. */
  onConnection(listener: (state: Connection) => void): () => void
  /** The path of a dropped file; only the desktop app knows it. */
  pathOf?(file: File): string
}

declare global {
  interface Window {
    readonly bridge?: Bridge & { pathOf?(file: File): string }
  }
}

export function connect(): Client {
  const bridge = window.bridge
  if (bridge === undefined) return openSocket(socketAddress(window.location))
  return {
    kind: bridge.kind,
    request: (command) => bridge.request(command),
    subscribe: (listener) => bridge.subscribe(listener),
    onConnection(listener) {
      listener('open')
      return () => undefined
    },
    pathOf: (file) => bridge.pathOf?.(file) ?? '',
  }
}

/** Same origin. The token of the address goes along; later loads are let in by the cookie that the host has set. */
export function socketAddress(page: Pick<Location, 'protocol' | 'host' | 'search'>): string {
  const token = new URLSearchParams(page.search).get('token')
  const scheme = page.protocol === 'https:' ? 'wss' : 'ws'
  return `${scheme}://${page.host}/ws${token === null ? '' : `?token=${encodeURIComponent(token)}`}`
}
