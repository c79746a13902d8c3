/** The page's only door: commands in, results and pushes out. Who asks and what is asked are both checked. */
import { BrowserWindow, ipcMain } from 'electron'
import { commandSchema, type Result } from '@shared/protocol'
import type { EngineClient } from '../engine/client'
import { isOurPage } from './security'

export const REQUEST_CHANNEL = 'memscope:request'
export const PUSH_CHANNEL = 'memscope:push'

export function connectRenderer(engine: EngineClient): void {
  ipcMain.handle(REQUEST_CHANNEL, async (event, given: unknown): Promise<Result> => {
    if (!isOurPage(event.senderFrame?.url)) return { ok: false, error: 'only the page of this app may ask' }
    const { success, data: command, error } = commandSchema.safeParse(given)
    if (!success)
      return { ok: false, error: `not a command: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}` }
    if (command.type === 'shutdown') return { ok: false, error: 'only the host stops the engine' }
    return engine.request(command)
  })
  engine.onPush((push) => {
    for (const window of BrowserWindow.getAllWindows()) {
      if (!window.isDestroyed() && !window.webContents.isCrashed()) window.webContents.send(PUSH_CHANNEL, push)
    }
  })
}
