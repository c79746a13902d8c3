/** The views of the rail, in its order. A view's code is loaded when it is first shown. */
import type { Component } from 'svelte'
import type { IconName } from '../components/icons'

export interface View {
  readonly id: string
  readonly label: string
  readonly icon: IconName
  /** The digit of Ctrl+digit. */
  readonly key?: string
  /** Begins the second group of the rail. */
  readonly group?: boolean
  readonly load: () => Promise<{ default: Component }>
}

export const VIEWS: readonly View[] = [
  { id: 'overview', label: 'Overview', icon: 'overview', key: '1', load: () => import('./overview/Overview.svelte') },
  { id: 'reclaim', label: 'Reclaim', icon: 'reclaim', key: '6', load: () => import('./reclaim/Reclaim.svelte') },
  { id: 'oom', label: 'OOM', icon: 'oom', key: '7', load: () => import('./oom/Oom.svelte') },
]
