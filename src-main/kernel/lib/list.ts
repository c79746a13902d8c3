/**
 * Doubly-linked lists threaded through columns: an element is a row of one table with `next` and `prev` columns, a list
 * is a row of another table with `head` and `tail` columns. 0 ends a list; an element is on at most one list per column pair.
 */
export interface Links {
  readonly next: Int32Array
  readonly prev: Int32Array
}
export interface Heads {
  readonly head: Int32Array
  readonly tail: Int32Array
}

/** Puts `x` first. */
export function list_add(heads: Heads, list: number, links: Links, x: number): void {
  const first = heads.head[list]!
  links.next[x] = first
  links.prev[x] = 0
  if (first !== 0) links.prev[first] = x
  else heads.tail[list] = x
  heads.head[list] = x
}

/** Puts `x` last. */
export function list_add_tail(heads: Heads, list: number, links: Links, x: number): void {
  const last = heads.tail[list]!
  links.prev[x] = last
  links.next[x] = 0
  if (last !== 0) links.next[last] = x
  else heads.head[list] = x
  heads.tail[list] = x
}

export function list_del(heads: Heads, list: number, links: Links, x: number): void {
  const next = links.next[x]!
  const prev = links.prev[x]!
  if (prev !== 0) links.next[prev] = next
  else heads.head[list] = next
  if (next !== 0) links.prev[next] = prev
  else heads.tail[list] = prev
  links.next[x] = 0
  links.prev[x] = 0
}
