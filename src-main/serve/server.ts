/**
 * The headless host: the built app as static files and the engine's protocol over a WebSocket.
 *
 * Whoever holds the token may drive the machine. The printed address carries it once; the first page load trades it
 * for a cookie that scripts cannot read and other sites cannot send. Host and Origin are checked on every request, so
 * that neither a rebound DNS name nor a page of another site gets in.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isIP, type AddressInfo } from 'node:net'
import sirv from 'sirv'
import { WebSocketServer } from 'ws'
import type { EngineClient } from '../engine/client'
import { connect } from './connection'
import { CSP } from '@shared/csp'

export interface ServeOptions {
  /** Folder of the built page. */
  readonly root: string
  readonly host: string
  readonly port: number
  readonly token?: string
}

export interface Server {
  /** What the user opens: the origin and the token. */
  readonly address: string
  close(): Promise<void>
}

/** A whole state of the page is small; a lab program or a scenario is at most 1 MiB. */
const MAX_COMMAND_BYTES = 4 << 20

export async function serve(engine: EngineClient, options: ServeOptions): Promise<Server> {
  const token = options.token ?? randomBytes(24).toString('base64url')
  const files = sirv(options.root, { etag: true, dev: false })
  const guard = (request: IncomingMessage): string | null => {
    if (urlOf(request) === null) return 'this is no address'
    if (!hostAllowed(request.headers.host, options.host)) return 'this host name is not served'
    if (!originAllowed(request)) return 'another site may not ask'
    if (!holdsToken(request, token)) return 'open the address with ?token=… that `memscope serve` printed'
    return null
  }

  const http = createServer((request, response) => {
    setHeaders(response)
    const refused = guard(request)
    if (refused !== null) return void response.writeHead(403, { 'content-type': 'text/plain' }).end(`${refused}\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end()
    response.setHeader('set-cookie', `${cookieName(http)}=${token}; HttpOnly; SameSite=Strict; Path=/`)
    if (/^\/(proc|sys)(\/|$)/.test(urlOf(request)!.pathname)) return void sendKernelFile(request, response, engine)
    // The page brings its own icon; browsers ask nevertheless.
    if (request.url === '/favicon.ico') return void response.writeHead(204).end()
    files(request, response, () => void response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n'))
  })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_COMMAND_BYTES })
  http.on('upgrade', (request, socket, head) => {
    if (urlOf(request)?.pathname !== '/ws' || guard(request) !== null)
      return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, (client) => connect(client, engine))
  })

  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(options.port, options.host, resolve)
  })
  const { port } = http.address() as AddressInfo
  const name = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    address: `http://${name}:${port}/?token=${token}`,
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate()
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}

/**
 * The machine's /proc and /sys, read-only: `curl ADDRESS/proc/meminfo?token=…`. A folder is its names, a line each, with
 * a slash behind folders and an @ behind links. Files that are no text come as bytes, their first MiB.
 */
async function sendKernelFile(request: IncomingMessage, response: ServerResponse, engine: EngineClient): Promise<void> {
  const path = decoded(urlOf(request)!.pathname)
  let result = await engine.request({ type: 'readFile', path })
  if (!result.ok && result.error.startsWith('EISDIR')) {
    result = await engine.request({ type: 'listFolder', path })
    if (result.ok) result = { ok: true, value: (result.value as string[]).map((name) => `${name}\n`).join('') }
  }
  const bytes = BYTES.test(path)
  response.writeHead(result.ok ? 200 : statusOf(result.error), {
    'content-type': result.ok && bytes ? 'application/octet-stream' : 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(result.ok ? Buffer.from(String(result.value), bytes ? 'latin1' : 'utf8') : `${result.error}\n`)
}
const BYTES = /\/(pagemap|kpage(count|flags|cgroup))$/

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
/** What the kernel refuses is forbidden; what it has not is not found. */
function statusOf(error: string): number {
  return /^(EACCES|EPERM|EINVAL)/.test(error) ? 403 : 404
}

function setHeaders(response: ServerResponse): void {
  response.setHeader('content-security-policy', CSP)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
}

function urlOf(request: IncomingMessage): URL | null {
  // Two slashes at its beginning would make a host of a path.
  const path = (request.url ?? '/').replace(/^\/+/, '/')
  return path.startsWith('/') ? URL.parse(path, 'http://localhost') : null
}

/** A name that resolves to this machine is not enough (DNS rebinding): only addresses, localhost and what was asked for. */
function hostAllowed(header: string | undefined, listening: string): boolean {
  if (header === undefined) return false
  const name = header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === listening || isIP(name) !== 0
}

function originAllowed(request: IncomingMessage): boolean {
  const { origin, host } = request.headers
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`
}

function holdsToken(request: IncomingMessage, token: string): boolean {
  const given = urlOf(request)?.searchParams.get('token') ?? null
  if (given !== null) return same(given, token)
  const cookies = request.headers.cookie?.split(/;\s*/) ?? []
  return cookies.some((cookie) => cookie.startsWith('memscope-') && same(cookie.slice(cookie.indexOf('=') + 1), token))
}

/** Cookies ignore ports: two hosts on one machine need two names. */
function cookieName(http: ReturnType<typeof createServer>): string {
  return `memscope-${(http.address() as AddressInfo).port}`
}

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}
