/** What the page sees of the host: two verbs and the path of a file that was dropped on it. */
import { contextBridge, ipcRenderer, webUtils, type IpcRendererEvent } from 'electron'
import type { Bridge, Command, Push, Result } from '@shared/protocol'

// As in src-main/app/ipc.ts; the preload is a bundle of its own.
const REQUEST_CHANNEL = 'memscope:request'
const PUSH_CHANNEL = 'memscope:push'

export interface DesktopBridge extends Bridge {
  pathOf(file: object): string
}

const bridge: DesktopBridge = {
  kind: 'electron',
  request: (command: Command) => ipcRenderer.invoke(REQUEST_CHANNEL, command) as Promise<Result>,
  subscribe(listener: (push: Push) => void) {
    const handler = (_event: IpcRendererEvent, push: Push): void => listener(push)
    ipcRenderer.on(PUSH_CHANNEL, handler)
    return () => void ipcRenderer.off(PUSH_CHANNEL, handler)
  },
  pathOf: (file) => webUtils.getPathForFile(file as Parameters<typeof webUtils.getPathForFile>[0]),
}
contextBridge.exposeInMainWorld('bridge', bridge)
