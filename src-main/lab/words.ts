/**
 * `readFile` of a file of 8-byte words with an `area` or `address`: the word of that page. /proc/PID/pagemap has one for
 * each page of the address space, /proc/kpagecount, kpageflags and kpagecgroup one for each frame; for those the page's
 * own frame is looked up first.
 */
import type { Kernel } from '../kernel/kernel'
import { proc_pread } from '../kernel/proc'
import { ENOENT } from '../kernel/uapi'

const WORD = 8
const PAGE_SIZE = 4096
/** Bits 0 … 54 of a pagemap word are the frame; bit 63 says that the page is there. */
const PFN_MASK = (1n << 55n) - 1n

/** `0x` and 16 digits, or a negative errno; ENOENT where the page has no frame. */
export function readWord(k: Kernel, path: string, address: number, self: number): string | number {
  const page = Math.floor(address / PAGE_SIZE)
  if (path.endsWith('/pagemap')) return textOf(wordAt(k, path, page, self))
  const entry = wordAt(k, '/proc/self/pagemap', page, self)
  if (typeof entry === 'number') return entry
  if (entry >> 63n === 0n) return -ENOENT
  return textOf(wordAt(k, path, Number(entry & PFN_MASK), self))
}

function wordAt(k: Kernel, path: string, index: number, self: number): bigint | number {
  const bytes = proc_pread(k, path, index * WORD, WORD, self)
  if (typeof bytes === 'number') return bytes
  return bytes.length < WORD ? 0n : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
}
function textOf(word: bigint | number): string | number {
  return typeof word === 'number' ? word : `0x${word.toString(16).padStart(16, '0')}\n`
}
