/**
 * What a page holds, as far as merging and compression must know: a tag, for pages have no bytes.
 *
 *     0          nothing is known: like no other page, and it does not change
 *     n + 1      filled with the number n (1: zeros)
 *     negative   a content of its own, given out once
 *
 * The tag is in `page.private` while that is not a swap slot, and with the slot (`swap.content`) while it is one. Only small
 * anonymous pages have one. There is no such thing in Linux; tags come from those who write pages (lab: `touch … content`).
 */
import { PG_anon, PG_head, PG_ksm, PG_swapcache, PG_tail, type Kernel } from '../kernel'

export const CONTENT_ZERO = 1

interface Contents {
  /** The last content given out. */
  last: number
}

/** Has anybody said what a page holds since boot? */
export function content_in_use(k: Kernel): boolean {
  return k.var.mod['content'] !== undefined
}
/** The tag of pages filled with a number. */
export function filled_with(n: number): number {
  return n + 1
}
/** A content that no other page has. */
export function new_content(k: Kernel): number {
  const contents = (k.var.mod['content'] ??= { last: 0 }) as Contents
  return --contents.last
}

export function page_content(k: Kernel, pfn: number): number {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_anon) === 0 || (flags & (PG_head | PG_tail)) !== 0) return 0
  return (flags & PG_swapcache) !== 0 ? k.swap.content[k.page.private[pfn]!]! : k.page.private[pfn]!
}
/** Notes what a page holds from now on. */
export function set_page_content(k: Kernel, pfn: number, content: number): void {
  k.var.mod['content'] ??= { last: 0 }
  const flags = k.page.flags[pfn]!
  if ((flags & PG_anon) === 0 || (flags & (PG_head | PG_tail | PG_ksm)) !== 0) return
  if ((flags & PG_swapcache) !== 0) k.swap.content[k.page.private[pfn]!] = content
  else k.page.private[pfn] = content
}
