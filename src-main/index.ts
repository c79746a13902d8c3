/** The map of the desktop app: one engine, one window on it, and the ways in and out. */
import { app } from 'electron'
import { attachArgument, recordingArgument } from './app/arguments'
import { connectRenderer } from './app/ipc'
import { setMenu } from './app/menu'
import { registerScheme, servePage, secure } from './app/security'
import { showTray } from './app/tray'
import { openWindow, revealWindow } from './app/window'
import { startEngine } from './engine/client'
import { attachEngine } from './engine/remote'

registerScheme()
if (app.requestSingleInstanceLock()) {
  // Not awaited: an ES module that waits for 'ready' at its top level is itself waited for, for ever.
  main().catch((error: unknown) => {
    console.error(error)
    app.exit(1)
  })
} else app.quit()

async function main(): Promise<void> {
  let toOpen = recordingArgument(process.argv)
  app.on('open-file', (event, path) => {
    event.preventDefault()
    toOpen = path
  })
  await app.whenReady()
  secure()
  servePage()

  const remote = attachArgument(process.argv)
  const engine =
    remote === null ? startEngine({ host: 'electron', userData: app.getPath('userData') }) : attachEngine(remote)
  const open = (path: string): void => void engine.request({ type: 'openRecording', path })
  connectRenderer(engine)
  setMenu(engine, open)
  await openWindow()
  showTray(engine)
  if (toOpen !== null) open(toOpen)

  app.on('open-file', (_event, path) => open(path))
  app.on('second-instance', (_event, argv) => {
    const path = recordingArgument(argv)
    if (path !== null) open(path)
    revealWindow()
  })
  app.on('activate', revealWindow)
  app.on('window-all-closed', () => app.quit())
  app.on('will-quit', (event) => {
    event.preventDefault()
    void engine.stop().then(() => app.exit(0))
  })
}
