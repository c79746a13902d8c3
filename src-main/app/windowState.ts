/** Where the window was: kept in userData/window.json, and used only if a screen still shows that place. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { app, screen, type BrowserWindow, type Rectangle } from 'electron'

interface WindowState {
  readonly bounds: Rectangle
  readonly maximized: boolean
}

const DEFAULT_SIZE = { width: 1440, height: 900 }
const file = (): string => join(app.getPath('userData'), 'window.json')

export function restoreBounds(): Partial<Rectangle> & { maximized: boolean } {
  const state = read()
  const bounds = state?.bounds
  if (state === null || bounds === undefined || !isVisible(bounds)) return { ...DEFAULT_SIZE, maximized: false }
  return { ...bounds, maximized: state.maximized }
}

export function keepBounds(window: BrowserWindow): void {
  window.on('close', () => {
    const state: WindowState = { bounds: window.getNormalBounds(), maximized: window.isMaximized() }
    try {
      writeFileSync(file(), JSON.stringify(state))
    } catch (error) {
      console.error(`the window's place was not kept: ${(error as Error).message}`)
    }
  })
}

function read(): WindowState | null {
  try {
    return JSON.parse(readFileSync(file(), 'utf8')) as WindowState
  } catch {
    return null
  }
}

function isVisible({ x, y, width, height }: Rectangle): boolean {
  if (![x, y, width, height].every(Number.isInteger)) return false
  const { workArea } = screen.getDisplayMatching({ x, y, width, height })
  return (
    x < workArea.x + workArea.width &&
    x + width > workArea.x &&
    y < workArea.y + workArea.height &&
    y + height > workArea.y
  )
}
