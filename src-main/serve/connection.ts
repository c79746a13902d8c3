/**
 * One browser on the engine. Frames are MessagePack (typed arrays stay typed arrays): `{ id, command }` up,
 * `{ id, result }` and `{ push }` down. Commands may also come as JSON text.
 */
import { Packr } from 'msgpackr'
import type { WebSocket } from 'ws'
import { commandSchema, type Command, type Push, type Result } from '@shared/protocol'
import type { EngineClient } from '../engine/client'

/** A browser that does not keep up misses samples, as a slow terminal does; the rest waits for it. */
const MAX_BACKLOG_BYTES = 16 << 20

export function connect(socket: WebSocket, engine: EngineClient): void {
  const packr = new Packr({ useRecords: false, moreTypes: true })
  const opened = new Map<string, Command>()
  const send = (message: unknown): void => socket.send(packr.pack(message))

  const off = engine.onPush((push) => {
    if (droppable(push) && socket.bufferedAmount > MAX_BACKLOG_BYTES) return
    send({ push })
  })
  socket.on('message', (data: Buffer, isBinary) => {
    void (async () => {
      const message = decode(packr, data, isBinary)
      if (message === null) return socket.close(1003, 'expected { id, command }')
      const result = await answer(message.command, engine, opened)
      if (socket.readyState === socket.OPEN) send({ id: message.id, result })
    })()
  })
  socket.on('error', () => socket.terminate())
  socket.on('close', () => {
    off()
    for (const command of opened.values()) void engine.request(command)
  })
}

/** Checks a command and passes it on; what it opens is closed when the browser leaves. */
async function answer(given: unknown, engine: EngineClient, opened: Map<string, Command>): Promise<Result> {
  const { success, data: command, error } = commandSchema.safeParse(given)
  if (!success)
    return { ok: false, error: `not a command: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}` }
  if (command.type === 'shutdown') return { ok: false, error: 'only the host stops the engine' }
  if (command.type === 'watch') opened.set(`watch ${command.id}`, { type: 'unwatch', id: command.id })
  if (command.type === 'termOpen') opened.set(`term ${command.id}`, { type: 'termClose', id: command.id })
  if (command.type === 'unwatch') opened.delete(`watch ${command.id}`)
  if (command.type === 'termClose') opened.delete(`term ${command.id}`)
  return engine.request(command)
}

function decode(packr: Packr, data: Buffer, isBinary: boolean): { id: number; command: unknown } | null {
  try {
    const message: unknown = isBinary ? packr.unpack(data) : JSON.parse(data.toString())
    const { id, command } = message as { id?: unknown; command?: unknown }
    return typeof id === 'number' ? { id, command } : null
  } catch {
    return null
  }
}

function droppable(push: Push): boolean {
  return push.type === 'sample' || push.type === 'series' || push.type === 'watch' || push.type === 'cost'
}
