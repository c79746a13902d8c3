/** Theme, palette and density: kept in the browser, written on the root element, read back as colours by charts. */
import { createContext } from 'svelte'

export type ThemeChoice = 'system' | 'dark' | 'light' | 'hc'
export interface Look {
  readonly theme: ThemeChoice
  readonly palette: 'standard' | 'cvd'
  readonly density: 'compact' | 'normal'
}

const KEY = 'memscope.look'
const START: Look = { theme: 'system', palette: 'standard', density: 'compact' }

export class Theme {
  look = $state.raw<Look>(START)
  private systemLight = $state.raw(false)
  /** The theme in effect. */
  readonly shown = $derived(this.look.theme === 'system' ? (this.systemLight ? 'light' : 'dark') : this.look.theme)
  /** Moves with every change of colours. */
  version = $state.raw(0)

  constructor(
    private readonly root: HTMLElement = document.documentElement,
    private readonly storage: Storage = localStorage,
  ) {
    const query = matchMedia('(prefers-color-scheme: light)')
    this.systemLight = query.matches
    query.addEventListener('change', (event) => {
      this.systemLight = event.matches
      this.apply()
    })
    this.look = { ...START, ...read(storage) }
    this.apply()
  }

  set(change: Partial<Look>): void {
    this.look = { ...this.look, ...change }
    this.storage.setItem(KEY, JSON.stringify(this.look))
    this.apply()
  }
  /** The next of system, dark, light, high contrast. */
  next(): void {
    const order: ThemeChoice[] = ['system', 'dark', 'light', 'hc']
    this.set({ theme: order[(order.indexOf(this.look.theme) + 1) % order.length] ?? 'system' })
  }
  /** The value of a token such as `--mem-anon`. */
  color(token: string): string {
    void this.version
    return getComputedStyle(this.root).getPropertyValue(token).trim()
  }

  private apply(): void {
    this.root.dataset['theme'] = this.shown
    this.root.dataset['palette'] = this.look.palette
    this.root.dataset['density'] = this.look.density
    this.version++
  }
}

export const [getTheme, setTheme] = createContext<Theme>()

function read(storage: Storage): Partial<Look> {
  try {
    return JSON.parse(storage.getItem(KEY) ?? '{}') as Partial<Look>
  } catch {
    return {}
  }
}
