/** The one window. */
import { join } from 'node:path'
import { BrowserWindow } from 'electron'
import { PAGE_URL } from './security'
import { keepBounds, restoreBounds } from './windowState'

export async function openWindow(): Promise<void> {
  const { maximized, ...bounds } = restoreBounds()
  const window = new BrowserWindow({
    ...bounds,
    minWidth: 900,
    minHeight: 560,
    title: 'Memscope',
    show: false,
    backgroundColor: '#0b0e14',
    webPreferences: {
      preload: join(import.meta.dirname, '../preload/index.cjs'),
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
      // A machine that runs on is drawn on, also when another window covers it.
      backgroundThrottling: false,
    },
  })
  keepBounds(window)
  window.once('ready-to-show', () => {
    if (maximized) window.maximize()
    window.show()
  })
  await window.loadURL(PAGE_URL)
}

export function revealWindow(): void {
  const [window] = BrowserWindow.getAllWindows()
  if (window === undefined) return void openWindow()
  if (window.isMinimized()) window.restore()
  window.show()
  window.focus()
}
