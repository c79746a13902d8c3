/** Which view is up, what lies over it, and how it reads. Remembered between starts. */
import { createContext } from 'svelte'

const KEY = 'memscope.view'

export type MemoryTab = 'lines' | 'frames'
export type LabTab = 'scenarios' | 'programs' | 'cgroups'

export class Screen {
  view = $state.raw('overview')
  palette = $state.raw(false)
  help = $state.raw(false)
  /** Charts as tables. */
  tables = $state.raw(false)
  /** Figures beside charts: of the shown instant, or of the instant under the pointer. */
  valuesAt = $state.raw<'now' | 'crosshair'>('crosshair')

  memory = $state.raw<MemoryTab>('lines')
  /** A branch is another machine, but the same work: the tab stays. */
  lab = $state.raw<LabTab>('scenarios')

  constructor(private readonly storage: Storage = localStorage) {
    this.view = storage.getItem(KEY) ?? 'overview'
  }
  /** What Ctrl+E does; the window sets it once it has a session. */
  export: () => void = () => undefined
  /** Saves the charts of the view as a picture; set like `export`. */
  picture: () => void = () => undefined
  go(view: string): void {
    this.view = view
    this.storage.setItem(KEY, view)
  }
}

export const [getScreen, setScreen] = createContext<Screen>()
