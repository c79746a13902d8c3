/** What Ctrl+K finds for what was typed: views, instants, processes, commands, and what a counter means. */
import { SERIES } from '@shared/counters'
import type { Command, TraceEvent } from '@shared/protocol'
import { clock, count } from './format'
import { parseJump } from './jump'
import type { Sample } from './sample'

export type PaletteAct =
  | { readonly kind: 'view'; readonly id: string }
  | { readonly kind: 'map' }
  | { readonly kind: 'seek'; readonly ms: number }
  | { readonly kind: 'process'; readonly pid: number }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'theme'; readonly theme: 'system' | 'dark' | 'light' | 'hc' }
  | { readonly kind: 'export' }
  | { readonly kind: 'picture' }
  | { readonly kind: 'stay' }

export interface PaletteItem {
  readonly id: string
  readonly text: string
  readonly hint: string
  readonly act: PaletteAct
}

export interface PaletteWorld {
  readonly views: readonly { readonly id: string; readonly label: string; readonly key?: string }[]
  readonly events: readonly TraceEvent[]
  readonly sample: Sample | null
  readonly name: (id: number) => string
  readonly nowMs: number
}

const ITEMS_MAX = 40

const COMMANDS: readonly (readonly [string, string, Command])[] = [
  ['Pause', 'the machine stands still', { type: 'pause' }],
  ['Resume', 'the machine goes on', { type: 'resume' }],
  ['Go live', 'the newest sample', { type: 'goLive' }],
  ['Step one sample', 'and pause', { type: 'step', unit: 'sample' }],
  ['Drop page cache', 'echo 1 > /proc/sys/vm/drop_caches', { type: 'dropCaches', mode: 1 }],
  ['Drop slab', 'echo 2 > /proc/sys/vm/drop_caches', { type: 'dropCaches', mode: 2 }],
  ['Drop page cache and slab', 'echo 3 > /proc/sys/vm/drop_caches', { type: 'dropCaches', mode: 3 }],
]

export function paletteItems(query: string, world: PaletteWorld): PaletteItem[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const fits = (item: PaletteItem): boolean => words.every((w) => `${item.text} ${item.hint}`.toLowerCase().includes(w))
  const jump = query.trim() === '' ? [] : instant(query, world.nowMs)
  const found = [...views(world), ...commands(), ...processes(world), ...events(world)].filter(fits)
  const explained = words.length === 0 ? [] : counters(world).filter(fits)
  return [...jump, ...found, ...explained].slice(0, ITEMS_MAX)
}

function instant(query: string, nowMs: number): PaletteItem[] {
  const ms = parseJump(query, nowMs)
  return typeof ms === 'string'
    ? []
    : [{ id: 'jump', text: `Go to ${clock(ms)}`, hint: 'instant', act: { kind: 'seek', ms } }]
}
function views({ views }: PaletteWorld): PaletteItem[] {
  return views.map(({ id, label, key }) => ({
    id: `view ${id}`,
    text: label,
    hint: key === undefined ? 'view' : `view · Ctrl ${key}`,
    act: { kind: 'view', id },
  }))
}
function commands(): PaletteItem[] {
  const themes = [
    ['system', 'as the system'],
    ['dark', 'dark'],
    ['light', 'light'],
    ['hc', 'high contrast'],
  ] as const
  return [
    ...COMMANDS.map(([text, hint, command]): PaletteItem => ({
      id: `run ${text}`,
      text,
      hint,
      act: { kind: 'command', command },
    })),
    { id: 'map', text: 'Page map', hint: 'every frame of RAM · Memory', act: { kind: 'map' } },
    { id: 'export', text: 'Export as CSV', hint: 'what the charts show · Ctrl E', act: { kind: 'export' } },
    { id: 'picture', text: 'Save charts as PNG', hint: 'those of this view, one picture', act: { kind: 'picture' } },
    ...themes.map(([theme, text]): PaletteItem => ({
      id: `theme ${theme}`,
      text: `Theme: ${text}`,
      hint: 'look',
      act: { kind: 'theme', theme },
    })),
  ]
}
function processes({ sample, name }: PaletteWorld): PaletteItem[] {
  if (sample === null) return []
  return Array.from({ length: sample.nrProc }, (_, row) => {
    const pid = sample.proc(row, 'pid')
    const command = name(sample.proc(row, 'cmdline'))
    return {
      id: `pid ${pid}`,
      text: `${name(sample.proc(row, 'name'))} ${pid}`,
      hint: command === '' ? 'kernel thread' : command.slice(0, 60),
      act: { kind: 'process', pid },
    }
  })
}
function events({ events }: PaletteWorld): PaletteItem[] {
  return events
    .filter((event) => event.kind === 'oom_kill')
    .map((event) => ({
      id: `event ${event.ms} ${event.pid}`,
      text: event.text,
      hint: clock(event.ms),
      act: { kind: 'seek', ms: event.ms },
    }))
}
function counters({ sample }: PaletteWorld): PaletteItem[] {
  return SERIES.map((series) => ({
    id: `counter ${series.group} ${series.name}`,
    text: `${series.name} ${sample === null ? '' : count(sample.read(series.name))} ${series.unit === 'count' ? '' : series.unit}`.trim(),
    hint: `${series.kind === 'event' ? 'running total' : 'gauge'}, ${series.group === 'machine' ? 'this machine' : `/proc/${series.group}`}`,
    act: { kind: 'stay' },
  }))
}
