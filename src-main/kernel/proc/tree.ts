/**
 * A tree of files made up while one looks: folders that find their entries by name, files that are texts (or bytes by
 * range), links. A walk follows links as namei does. Nothing of it is kept: what stands here lives for one call.
 */
import { EINVAL, EIO, EISDIR, ELOOP, ENOENT, ENOTDIR, EPERM } from '../uapi'

interface Owned {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}
export interface FileNode extends Owned {
  readonly kind: 'file'
  /** The whole text, or a negative errno. */
  readonly read?: (() => string | number) | undefined
  /** Bytes from an offset, at most `length`; less at the end. For files that are no text. */
  readonly pread?: ((offset: number, length: number) => Uint8Array | number) | undefined
  /** One write(2) of a text: 0 or a negative errno. */
  readonly write?: ((text: string) => number) | undefined
  /** What open or write say where there is no `write`: procfs EIO, files of a process EINVAL, sysfs EACCES. */
  readonly refusal: number
}
export interface DirNode extends Owned {
  readonly kind: 'dir'
  readonly list: () => readonly string[]
  /** An entry, or null where there is none. */
  readonly find: (name: string) => Node | null
  readonly mkdir?: (name: string) => number
  readonly rmdir?: (name: string) => number
  /** What mkdir says where folders cannot be made. */
  readonly refusal: number
}
export interface LinkNode extends Owned {
  readonly kind: 'link'
  readonly target: string
}
export type Node = FileNode | DirNode | LinkNode

const MAX_LINKS = 40

// ---------------------------------------------------------------- making nodes

const ROOT = { uid: 0, gid: 0 } as const

export function file(read: () => string | number, more: Partial<FileNode> = {}): FileNode {
  const mode = more.write === undefined ? 0o444 : 0o644
  return { kind: 'file', mode, ...ROOT, read, refusal: EIO, ...more }
}
export function link(target: string, more: Partial<LinkNode> = {}): LinkNode {
  return { kind: 'link', mode: 0o777, ...ROOT, target, ...more }
}
/** kernfs: nothing is what a file writes for nothing, whatever it makes of other texts. */
export function kernfs_write<W extends ((text: string) => number) | undefined>(write: W): W {
  return (write === undefined ? undefined : (text: string): number => (text === '' ? 0 : write(text))) as W
}
/** A folder whose names are all known. */
export function folder(entries: Readonly<Record<string, Node>>, more: Partial<DirNode> = {}): DirNode {
  const find = (name: string): Node | null => (Object.hasOwn(entries, name) ? entries[name]! : null)
  return { kind: 'dir', mode: 0o555, ...ROOT, list: () => Object.keys(entries), find, refusal: ENOENT, ...more }
}

// ---------------------------------------------------------------- walking

export function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/** The node of an absolute path, or a negative errno. A link at its end is followed only where `follow` says so. */
export function walk(root: DirNode, path: string, follow: boolean): Node | number {
  let at: DirNode[] = [root]
  const rest = split(path).reverse()
  let links = 0
  while (rest.length > 0) {
    const name = rest.pop()!
    if (name === '..') {
      if (at.length > 1) at.pop()
      continue
    }
    const node = at.at(-1)!.find(name)
    if (node === null) return -ENOENT
    if (node.kind === 'link' && (rest.length > 0 || follow)) {
      if (++links > MAX_LINKS) return -ELOOP
      rest.push(...split(node.target).reverse())
      if (node.target.startsWith('/')) at = [root]
    } else if (node.kind === 'dir') at.push(node)
    else return rest.length === 0 && (node.kind !== 'file' || !path.endsWith('/')) ? node : -ENOTDIR
  }
  return at.at(-1)!
}

// ---------------------------------------------------------------- what one does with a node

const CHUNK = 2 ** 20

/** cat: the whole of a file as text; bytes come as characters of one byte. */
export function read_node(node: Node | number): string | number {
  if (typeof node === 'number') return node
  if (node.kind !== 'file') return node.kind === 'dir' ? -EISDIR : -EINVAL
  if (node.read !== undefined) return node.read()
  if (node.pread === undefined) return -EINVAL
  const bytes = node.pread(0, CHUNK)
  return typeof bytes === 'number' ? bytes : Array.from(bytes, (b) => String.fromCharCode(b)).join('')
}
/** pread(2). */
export function pread_node(node: Node | number, offset: number, length: number): Uint8Array | number {
  if (typeof node === 'number') return node
  if (node.kind !== 'file') return node.kind === 'dir' ? -EISDIR : -EINVAL
  if (node.pread !== undefined) return node.pread(offset, length)
  const text = read_node(node)
  return typeof text === 'number' ? text : utf8(text).subarray(offset, offset + length)
}
export function write_node(node: Node | number, text: string): number {
  if (typeof node === 'number') return node
  if (node.kind !== 'file') return node.kind === 'dir' ? -EISDIR : -EINVAL
  return node.write === undefined ? -node.refusal : node.write(text)
}
export function list_node(node: Node | number): string[] | number {
  if (typeof node === 'number') return node
  return node.kind === 'dir' ? [...node.list()] : -ENOTDIR
}

/** mkdir and rmdir: `node` is the folder that has, or is to have, the entry. */
export function mkdir_in(node: Node | number, name: string): number {
  if (typeof node === 'number') return node
  if (node.kind !== 'dir') return -ENOTDIR
  return node.mkdir === undefined ? -node.refusal : node.mkdir(name)
}
export function rmdir_in(node: Node | number, name: string): number {
  if (typeof node === 'number') return node
  if (node.kind !== 'dir') return -ENOTDIR
  const found = node.find(name)
  if (found === null) return -ENOENT
  if (found.kind !== 'dir') return -ENOTDIR
  return node.rmdir === undefined ? -EPERM : node.rmdir(name)
}

/** Encodes by hand: the kernel knows no TextEncoder. */
export function utf8(text: string): Uint8Array {
  const out: number[] = []
  for (const char of text) {
    const c = char.codePointAt(0)!
    if (c < 0x80) out.push(c)
    else if (c < 0x800) out.push(0xc0 | (c >> 6), 0x80 | (c & 63))
    else if (c < 0x10000) out.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63))
    else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63))
  }
  return Uint8Array.from(out)
}
