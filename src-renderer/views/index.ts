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
  {
    id: 'processes',
    label: 'Processes',
    icon: 'processes',
    key: '2',
    load: () => import('./processes/Processes.svelte'),
  },
  { id: 'process', label: 'Process', icon: 'process', key: '3', load: () => import('./process/Process.svelte') },
  { id: 'memory', label: 'Memory', icon: 'memory', key: '4', load: () => import('./memory/Memory.svelte') },
  { id: 'slab', label: 'Slab', icon: 'slab', key: '5', load: () => import('./slab/Slab.svelte') },
  { id: 'reclaim', label: 'Reclaim', icon: 'reclaim', key: '6', load: () => import('./reclaim/Reclaim.svelte') },
  { id: 'oom', label: 'OOM', icon: 'oom', key: '7', load: () => import('./oom/Oom.svelte') },
  { id: 'lab', label: 'Lab', icon: 'lab', key: '8', group: true, load: () => import('./lab/Lab.svelte') },
  { id: 'console', label: 'Console', icon: 'console', key: '9', load: () => import('./console/Console.svelte') },
  { id: 'recordings', label: 'Recordings', icon: 'recordings', load: () => import('./recordings/Recordings.svelte') },
  { id: 'fidelity', label: 'Fidelity', icon: 'fidelity', load: () => import('./fidelity/Fidelity.svelte') },
]
