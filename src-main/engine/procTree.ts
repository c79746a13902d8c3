/** The machine's /proc and /sys as plain files and links in a folder of the host, for real tools to read. */
import {
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { proc_list, proc_read, proc_stat } from '../kernel/proc'
import type { Kernel } from '../kernel/kernel'

/** Links that lead out of the tree would show the host's files. */
const MAX_DEPTH = 12

/**
 * Writes (or rewrites in place: open files stay valid) `proc/` and `sys/` below `out`. What a folder lists first is made
 * last, since tmpfs lists the newest first; folders of processes that are gone are removed.
 */
export function writeProcTree(k: Kernel, out: string): void {
  for (const top of ['/proc', '/sys']) writeFolder(k, top, join(out, top), 0)
}

function writeFolder(k: Kernel, path: string, to: string, depth: number): void {
  const names = proc_list(k, path)
  if (typeof names === 'number' || depth > MAX_DEPTH) return
  mkdirSync(to, { recursive: true })
  const wanted = new Set(names)
  for (const name of readdirSync(to)) if (!wanted.has(name)) rmSync(join(to, name), { recursive: true, force: true })
  for (const name of [...names].reverse().sort(newestPidFirst)) writeEntry(k, `${path}/${name}`, join(to, name), depth)
}

function newestPidFirst(a: string, b: string): number {
  return (Number(b) || 0) - (Number(a) || 0)
}

function writeEntry(k: Kernel, path: string, to: string, depth: number): void {
  const stat = proc_stat(k, path)
  if (typeof stat === 'number') return
  if (stat.kind === 'dir') writeFolder(k, path, to, depth + 1)
  else if (stat.kind === 'link') {
    if (stat.target !== undefined && stat.target !== '') writeLink(stat.target, to)
    return
  } else if (stat.binary === true) return
  else {
    const text = proc_read(k, path)
    writeInPlace(to, typeof text === 'string' ? text : '')
  }
  own(to, stat.uid, stat.gid)
}

function writeLink(target: string, to: string): void {
  const there = lstatSync(to, { throwIfNoEntry: false })
  if (there?.isSymbolicLink() === true && readlinkSync(to) === target) return
  rmSync(to, { recursive: true, force: true })
  symlinkSync(target, to)
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

/** Tools take a process's user from its folder; only root may give files away. */
function own(path: string, uid: number, gid: number): void {
  if (process.getuid?.() === 0) chownSync(path, uid, gid)
}
