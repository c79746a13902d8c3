/** The machine's /proc and /sys as plain files and links in a folder of the host, for real tools to read. */
import {
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { proc_pread, proc_read, proc_tree } from '../kernel/proc'
import type { DirNode, LinkNode, Node } from '../kernel/proc/tree'
import type { Kernel } from '../kernel/kernel'

/** A tree that leads into itself would have no end. */
const MAX_DEPTH = 12
/** Says that a folder is ours: what is in it may be rewritten and removed. */
const MARK = '.memscope'
const MARK_TEXT = 'Written by memscope procfs; proc/ and sys/ beside this file are overwritten and cleared by it.\n'

/** Makes `out`, or takes one that is empty or was made here before; another one is left alone, with an error. */
export function claimFolder(out: string): void {
  mkdirSync(out, { recursive: true })
  if (existsSync(join(out, MARK))) return
  const [stranger] = readdirSync(out)
  if (stranger !== undefined)
    throw new Error(`the folder holds "${stranger}" and was not written by memscope procfs; name an empty one`)
  writeFileSync(join(out, MARK), MARK_TEXT)
}

/**
 * Writes `proc/` and `sys/` below `out`, which claimFolder has given. Files are rewritten in place, so that those that a
 * tool holds open stay valid. What a folder lists first is made last, since tmpfs lists the newest
 * first; those of processes that are gone are removed. `whole`: also what is large and seldom read: /sys/kernel/slab, and pagemap and
 * kpage*, sparsely, for they are as long as what they describe (pagemap 256 GiB, nearly all of it holes).
 * `written` remembers texts by file from one writing to the next: what did not change is left alone.
 */
export function writeProcTree(k: Kernel, out: string, whole = false, written = new Map<string, string>()): void {
  const root = proc_tree(k)
  for (const top of ['proc', 'sys']) writeEntry({ k, whole, written }, root.find(top)!, `/${top}`, join(out, top), 0)
}

interface Export {
  readonly k: Kernel
  readonly whole: boolean
  readonly written: Map<string, string>
}

function writeFolder(what: Export, folder: DirNode, path: string, to: string, depth: number): void {
  const names = !what.whole && path === '/sys/kernel/slab' ? [] : folder.list()
  if (lstatSync(to, { throwIfNoEntry: false })?.isDirectory() === false) rmSync(to)
  mkdirSync(to, { recursive: true })
  const wanted = new Set(names)
  for (const name of readdirSync(to)) if (!wanted.has(name)) remove(what, join(to, name))
  if (depth > MAX_DEPTH) return
  for (const name of [...names].reverse()) {
    const node = folder.find(name)
    if (node !== null) writeEntry(what, node, `${path}/${name}`, join(to, name), depth + 1)
  }
}

/** What is gone may come again under the same name. */
function remove({ written }: Export, to: string): void {
  rmSync(to, { recursive: true, force: true })
  for (const file of written.keys()) if (file === to || file.startsWith(`${to}/`)) written.delete(file)
}

function writeEntry(what: Export, node: Node, path: string, to: string, depth: number): void {
  if (node.kind === 'link') return writeLink(node, to)
  if (node.kind === 'dir') writeFolder(what, node, path, to, depth)
  else if (node.pread !== undefined) {
    if (!what.whole) return rmSync(to, { force: true })
    writeWords(what.k, path, to)
  } else {
    const read = node.read?.() ?? ''
    const text = typeof read === 'string' ? read : ''
    if (what.written.get(to) === text) return
    writeInPlace(to, text)
    what.written.set(to, text)
  }
  if (isRoot()) chownSync(to, node.uid, node.gid)
}

/** A link that leads nowhere (the program of a kernel thread) cannot be written. */
function writeLink({ target, uid, gid }: LinkNode, to: string): void {
  const there = lstatSync(to, { throwIfNoEntry: false })
  if (there?.isSymbolicLink() === true && readlinkSync(to) === target) return
  rmSync(to, { recursive: true, force: true })
  if (target === '') return
  symlinkSync(target, to)
  if (isRoot()) lchownSync(to, uid, gid)
}

/** A rename would leave a reader with the old file. */
function writeInPlace(file: string, text: string): void {
  const fd = openSync(file, existsSync(file) ? 'r+' : 'w')
  try {
    const bytes = Buffer.from(text)
    writeSync(fd, bytes, 0, bytes.length, 0)
    ftruncateSync(fd, bytes.length)
  } finally {
    closeSync(fd)
  }
}

const CHUNK = 1 << 20
/** Ranges that hold words; the rest stays a hole. */
function writeWords(k: Kernel, path: string, to: string): void {
  const fd = openSync(to, 'w')
  try {
    for (const [from, end] of ranges(k, path)) {
      for (let at = from; at < end; at += CHUNK) {
        const bytes = proc_pread(k, path, at, Math.min(CHUNK, end - at))
        if (typeof bytes === 'number' || bytes.length === 0) break
        writeSync(fd, bytes, 0, bytes.length, at)
      }
    }
  } finally {
    closeSync(fd)
  }
}
/** Of a pagemap the areas that maps lists, of others all. In bytes. */
function ranges(k: Kernel, path: string): (readonly [number, number])[] {
  if (!path.endsWith('/pagemap')) return [[0, Infinity]]
  const maps = proc_read(k, path.replace(/pagemap$/, 'maps'))
  const rows = String(maps).matchAll(/^([0-9a-f]+)-([0-9a-f]+) /gm)
  return [...rows].map(([, start, end]) => [parseInt(start!, 16) / 512, parseInt(end!, 16) / 512])
}

/** Tools take a process's user from its folder; only root may give files away. */
function isRoot(): boolean {
  return process.getuid?.() === 0
}
