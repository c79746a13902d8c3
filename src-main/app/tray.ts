/** A meter in the tray: how full the machine is, at a glance. */
import { app, Menu, nativeImage, Tray, type NativeImage } from 'electron'
import { seriesOf } from '@shared/sample'
import type { EngineClient } from '../engine/client'
import { revealWindow } from './window'

const SIZE = 16
/** ARGB: the frame, and the fill below and above nine tenths. */
const FRAME = 0xffb0b0b0
const CALM = 0xff4fa3f7
const FULL = 0xfff7604f

export function showTray(engine: EngineClient): void {
  const tray = new Tray(meter(0))
  let shown = -1
  tray.setToolTip('Memscope')
  tray.setContextMenu(
    Menu.buildFromTemplate([
      { label: 'Show', click: revealWindow },
      { label: 'Pause', click: () => void engine.request({ type: 'pause' }) },
      { label: 'Resume', click: () => void engine.request({ type: 'resume' }) },
      { type: 'separator' },
      { label: 'Quit', click: () => app.quit() },
    ]),
  )
  tray.on('click', revealWindow)
  engine.onPush((push) => {
    if (push.type !== 'sample' || tray.isDestroyed()) return
    const used = 1 - seriesOf(push.data, 'MemAvailable') / seriesOf(push.data, 'MemTotal')
    const level = Math.round(used * (SIZE - 2))
    if (level === shown) return
    shown = level
    tray.setImage(meter(level))
    tray.setToolTip(`Memscope: ${Math.round(used * 100)} % used`)
  })
}

/** A column filled up to `level` of SIZE − 2 rows. */
function meter(level: number): NativeImage {
  const pixels = Buffer.alloc(SIZE * SIZE * 4)
  const colour = level > 0.9 * (SIZE - 2) ? FULL : CALM
  for (let y = 0; y < SIZE; y++) {
    for (let x = 3; x < 13; x++) {
      const isFrame = y === 0 || y === SIZE - 1 || x === 3 || x === 12
      const isFilled = y >= SIZE - 1 - level
      pixels.writeUInt32LE(isFrame ? FRAME : isFilled ? colour : 0, (y * SIZE + x) * 4)
    }
  }
  return nativeImage.createFromBitmap(pixels, { width: SIZE, height: SIZE })
}
