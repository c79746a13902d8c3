/** htop's keys for the process list. */
export type ListKey =
  | 'help'
  | 'setup'
  | 'search'
  | 'next'
  | 'filter'
  | 'tree'
  | 'sort'
  | 'adjDown'
  | 'adjUp'
  | 'kill'
  | 'tag'
  | 'tagSubtree'
  | 'untag'
  | 'follow'
  | 'invert'
  | 'fold'
  | 'unfold'
  | 'foldAll'
  | 'byMemory'
  | 'byCpu'
  | 'byTime'
  | 'byPid'
  | 'open'

const KEYS: Readonly<Record<string, ListKey>> = {
  F2: 'setup',
  S: 'setup',
  F3: 'search',
  '/': 'search',
  n: 'next',
  F4: 'filter',
  '\\': 'filter',
  F5: 'tree',
  t: 'tree',
  F6: 'sort',
  '>': 'sort',
  '<': 'sort',
  F7: 'adjDown',
  ']': 'adjDown',
  F8: 'adjUp',
  '[': 'adjUp',
  F9: 'kill',
  k: 'kill',
  ' ': 'tag',
  c: 'tagSubtree',
  U: 'untag',
  F: 'follow',
  I: 'invert',
  '-': 'fold',
  '+': 'unfold',
  '=': 'unfold',
  '*': 'foldAll',
  M: 'byMemory',
  P: 'byCpu',
  T: 'byTime',
  N: 'byPid',
  Enter: 'open',
}

/** What a key does in the list; keys with Ctrl, Alt or Meta belong to the window. */
export function keyAction(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey'>): ListKey | null {
  if (event.ctrlKey || event.altKey || event.metaKey) return null
  return KEYS[event.key] ?? null
}
