/** The headless host: who gets in, and what passes through. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Push } from '@shared/protocol'
import { attachEngine } from '../../src-main/engine/remote'
import { serve, type Server } from '../../src-main/serve/server'
import { fakeEngine, type FakeEngine } from '../support/fakeEngine'

let dir = ''
let engine: FakeEngine
let server: Server
let address: URL

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'memscope-serve-'))
  const root = join(dir, 'page')
  mkdirSync(root)
  writeFileSync(join(root, 'index.html'), '<title>Memscope</title>')
  writeFileSync(join(dir, 'secret.txt'), 'not served')
  engine = fakeEngine()
  server = await serve(engine, { root, host: '127.0.0.1', port: 0 })
  address = new URL(server.address)
})
afterEach(async () => {
  await server.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('a page', () => {
  test('is served to whoever has the token', async () => {
    const response = await fetch(address)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('Memscope')
  })

  test('trades the token for a cookie that scripts and other sites cannot use', async () => {
    const cookie = (await fetch(address)).headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/)
    const again = await fetch(address.origin, { headers: { cookie: cookie.split(';')[0]! } })
    expect(again.status).toBe(200)
  })

  test('is refused without the token, and with a wrong one', async () => {
    expect((await fetch(address.origin)).status).toBe(403)
    expect((await fetch(`${address.origin}/?token=wrong`)).status).toBe(403)
  })

  test('is refused to a host name that was rebound to this address', async () => {
    expect(await statusOf({ host: 'evil.example' })).toBe(403)
    expect(await statusOf({ host: `localhost:${address.port}` })).toBe(200)
  })

  test('is refused to a page of another site', async () => {
    expect((await fetch(address, { headers: { origin: 'https://evil.example' } })).status).toBe(403)
  })

  test('runs no script but its own', async () => {
    const policy = (await fetch(address)).headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
  })

  test("may be a file of the machine's /proc", async () => {
    const response = await fetch(`${address.origin}/proc/meminfo${address.search}`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(engine.asked).toEqual([{ type: 'readFile', path: '/proc/meminfo' }])
    expect((await fetch(`${address.origin}/proc/meminfo`)).status).toBe(403)
  })

  test('may be a folder of it: its names', async () => {
    engine.answers['readFile'] = { ok: false, error: 'EISDIR: /proc: Is a directory' }
    engine.answers['listFolder'] = { ok: true, value: ['1/', 'self@', 'meminfo'] }
    const response = await fetch(`${address.origin}/proc${address.search}`)
    expect(await response.text()).toBe('1/\nself@\nmeminfo\n')
    expect(engine.asked.map(({ type }) => type)).toEqual(['readFile', 'listFolder'])
  })

  test('says what the kernel says where there is none, or where it refuses', async () => {
    engine.answers['readFile'] = { ok: false, error: 'ENOENT: /proc/x: No such file or directory' }
    const none = await fetch(`${address.origin}/proc/x${address.search}`)
    expect([none.status, await none.text()]).toEqual([404, 'ENOENT: /proc/x: No such file or directory\n'])
    engine.answers['readFile'] = { ok: false, error: 'EACCES: /proc/sys/vm/drop_caches: Permission denied' }
    expect((await fetch(`${address.origin}/proc/sys/vm/drop_caches${address.search}`)).status).toBe(403)
  })

  test('cannot be written', async () => {
    const response = await fetch(`${address.origin}/proc/sys/vm/swappiness${address.search}`, {
      method: 'PUT',
      body: '1',
    })
    expect(response.status).toBe(405)
    expect(engine.asked).toEqual([])
  })

  test('is refused, and nothing worse, where the address is none', async () => {
    for (const path of ['//', 'http://[', '*', '/proc/%ff', '/%ff']) {
      expect([403, 404]).toContain(await statusOf({}, path))
      expect([403, 404, 200]).toContain(await statusOf({}, path + address.search))
    }
    expect((await fetch(address)).status).toBe(200)
  })

  test('never leaves its folder', async () => {
    for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt']) {
      expect(await statusOf({}, path + address.search)).toBe(404)
    }
  })
})

describe('a connection', () => {
  test('carries commands up and results down', async () => {
    const client = attachEngine(server.address)
    expect(await client.request({ type: 'pause' })).toEqual({ ok: true, value: 'pause' })
    await client.stop()
  })

  test('carries typed arrays as typed arrays', async () => {
    const client = attachEngine(server.address)
    const pushed = new Promise<Push>((resolve) => client.onPush(resolve))
    await client.request({ type: 'hello' })
    engine.push({ type: 'sample', data: new Float64Array([1, Number.NaN, 2 ** 53]) })
    expect(await pushed).toEqual({ type: 'sample', data: new Float64Array([1, Number.NaN, 2 ** 53]) })
    await client.stop()
  })

  test('takes commands as JSON, too', async () => {
    const socket = new WebSocket(`ws://${address.host}/ws${address.search}`)
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send('{ "id": 1, "command": { "type": "resume" } }')
    await new Promise((resolve) => socket.once('message', resolve))
    expect(engine.asked).toEqual([{ type: 'resume' }])
    socket.terminate()
  })

  test('passes on nothing that is not a command', async () => {
    const client = attachEngine(server.address)
    expect(await client.request({ type: 'format', disk: 0 })).toMatchObject({ ok: false })
    expect(await client.request({ type: 'setSpeed', speed: 'warp' })).toMatchObject({ ok: false })
    expect(await client.request({ type: 'shutdown' })).toMatchObject({ ok: false })
    expect(engine.asked).toEqual([])
    await client.stop()
  })

  test('ends what it opened when it goes', async () => {
    const client = attachEngine(server.address)
    await client.request({ type: 'watch', id: 'a', what: { kind: 'swap' } })
    await client.request({ type: 'termOpen', id: 't', cols: 80, rows: 25 })
    await client.stop()
    await expect
      .poll(() => engine.asked.slice(2))
      .toEqual([
        { type: 'unwatch', id: 'a' },
        { type: 'termClose', id: 't' },
      ])
  })

  test('is refused without the token', async () => {
    expect(await attachEngine(address.origin).request({ type: 'pause' })).toMatchObject({ ok: false })
    expect(engine.asked).toEqual([])
  })

  test('that is lost fails what waits for it', async () => {
    const client = attachEngine(server.address)
    await client.request({ type: 'hello' })
    await server.close()
    expect(await client.request({ type: 'pause' })).toMatchObject({ ok: false })
  })
})

/** fetch sets Host itself and tidies paths; this sends what it is told. */
function statusOf(headers: Record<string, string>, path = `/${address.search}`): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port: address.port, path, headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
