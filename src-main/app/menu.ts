/**
 * The menu. Its keys are shown but left to the page, which is where they work in a browser too; F-keys and Ctrl+R
 * are htop's and the console's, so no entry takes them.
 */
import { app, BrowserWindow, dialog, Menu, type MenuItemConstructorOptions } from 'electron'
import { SPEEDS, type Command } from '@shared/protocol'
import type { EngineClient } from '../engine/client'

type Item = MenuItemConstructorOptions

const VIEWS = [
  'Overview',
  'Processes',
  'Process',
  'Physical memory',
  'Slab',
  'Reclaim and swap',
  'OOM',
  'Lab',
  'Console',
]

export function setMenu(engine: EngineClient, open: (path: string) => void): void {
  const does = (label: string, command: Command): Item => ({ label, click: () => void engine.request(command) })
  const file: Item[] = [
    { label: 'Open recording…', accelerator: 'CmdOrCtrl+O', click: () => void chooseRecording(open) },
    does('Close recording', { type: 'closeRecording' }),
    pressed('Export…', 'E'),
    { type: 'separator' },
    { role: 'quit', accelerator: 'CmdOrCtrl+Q' },
  ]
  const machine: Item[] = [
    does('Pause', { type: 'pause' }),
    does('Resume', { type: 'resume' }),
    does('Go live', { type: 'goLive' }),
    does('Step one sample', { type: 'step', unit: 'sample' }),
    { label: 'Speed', submenu: SPEEDS.map((speed) => does(`${speed}×`, { type: 'setSpeed', speed })) },
    { type: 'separator' },
    does('Drop caches', { type: 'dropCaches', mode: 3 }),
  ]
  const view: Item[] = [
    ...VIEWS.map((label, i) => pressed(label, String(i + 1))),
    { type: 'separator' },
    pressed('Command palette…', 'K'),
    { type: 'separator' },
    { role: 'zoomIn', accelerator: 'CmdOrCtrl+Plus' },
    { role: 'zoomOut', accelerator: 'CmdOrCtrl+-' },
    { role: 'resetZoom', accelerator: 'CmdOrCtrl+0' },
    { label: 'Full screen', click: () => toggleFullScreen() },
    { label: 'Developer tools', accelerator: 'CmdOrCtrl+Shift+I', click: () => toggleDevTools() },
  ]
  const help: Item[] = [
    { label: 'Keys', accelerator: 'F1', registerAccelerator: false, click: () => press('F1') },
    { label: 'About Memscope', click: () => app.showAboutPanel() },
  ]
  Menu.setApplicationMenu(
    Menu.buildFromTemplate([
      ...(process.platform === 'darwin' ? [{ role: 'appMenu' } as Item] : []),
      { label: 'File', submenu: file },
      { role: 'editMenu' },
      { label: 'Machine', submenu: machine },
      { label: 'View', submenu: view },
      { label: 'Help', submenu: help },
    ]),
  )
}

/** An entry that does what its key does in the page. */
function pressed(label: string, key: string): Item {
  return { label, accelerator: `CmdOrCtrl+${key}`, registerAccelerator: false, click: () => press(key, ['control']) }
}

function press(keyCode: string, modifiers: ('control' | 'shift')[] = []): void {
  const contents = BrowserWindow.getAllWindows()[0]?.webContents
  contents?.sendInputEvent({ type: 'keyDown', keyCode, modifiers })
  contents?.sendInputEvent({ type: 'keyUp', keyCode, modifiers })
}

async function chooseRecording(open: (path: string) => void): Promise<void> {
  const { filePaths } = await dialog.showOpenDialog({
    properties: ['openFile'],
    filters: [{ name: 'Memscope recordings', extensions: ['memscope'] }],
  })
  if (filePaths[0] !== undefined) open(filePaths[0])
}

function toggleFullScreen(): void {
  const window = BrowserWindow.getFocusedWindow()
  window?.setFullScreen(!window.isFullScreen())
}

function toggleDevTools(): void {
  BrowserWindow.getFocusedWindow()?.webContents.toggleDevTools()
}
