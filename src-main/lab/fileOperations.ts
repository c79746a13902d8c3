/** Operations on files: create, open, read, write, truncate, fsync, unlink, close. */
import * as sys from './calls'
import { need_resched } from '../kernel/task'
import * as own from './measuringProgram'
import { runOn } from './measured'
import { call, LabError, once, outcome, settle, type Context, type Implementation } from './operations'
import type { ArgumentsOf } from '@shared/lab'
import { ACCESS_READ, ACCESS_WRITE } from '../kernel/entry/fault'
import type { LabTask, OpenFile, Running } from './runner'

const CHUNK = 65536

function fileOf(task: LabTask, name: string): OpenFile {
  const file = task.files.get(name)
  if (file === undefined) throw new LabError(`no file "${name}"; createFile or open it first`)
  return file
}

function openFile(task: LabTask, name: string): OpenFile {
  const file = fileOf(task, name)
  if (file.fd < 0) throw new LabError(`the file "${name}" is not open; open it first`)
  return file
}

/** ext4 files lie under /mnt, tmpfs files under /shm, as on the measuring machine. */
function pathOf(name: string, fs: 'ext4' | 'tmpfs'): string {
  return `${fs === 'ext4' ? '/mnt' : '/shm'}/${name}`
}

/** On ext4 a file is just there, on disk; `cached` reads it once. On tmpfs it is written, or left a hole. */
function* createFile({ k, task }: Context, a: ArgumentsOf<'createFile'>): Running {
  const path = pathOf(a.as, a.fs)
  if (a.count !== undefined) {
    task.files.set(a.as, { fd: -1, path, count: a.count })
    for (const file of treePaths(path, a.count)) {
      const ret = sys.createFile(k, file, a.size, a.fs)
      if (ret < 0) return outcome(ret)
    }
    return {}
  }
  const ret = sys.createFile(k, path, a.size, a.fs)
  if (ret < 0) return outcome(ret)
  task.files.set(a.as, { fd: -1, path })
  const fill = a.fs === 'tmpfs' ? !a.hole : a.cached
  if (!fill) return {}
  const fd = sys.open(k, path)
  const move = a.fs === 'tmpfs' ? sys.write : sys.read
  const moved = yield* transfer(k, move, fd, 0, a.size, CHUNK)
  sys.close(k, fd)
  return outcome(moved)
}

/** The files of a tree: d1/f1 … d1/f100, d2/f1, … */
function* treePaths(path: string, count: number): Generator<string, void, undefined> {
  for (let i = 0; i < count; i++) yield `${path}/d${Math.floor(i / DIRECTORY_FILES) + 1}/f${(i % DIRECTORY_FILES) + 1}`
}
const DIRECTORY_FILES = 100

/** Looks a name up, or all names of a tree. */
function* stat({ k, task }: Context, a: ArgumentsOf<'stat'>): Running {
  const file = fileOf(task, a.file)
  const paths = file.count === undefined ? [file.path] : treePaths(file.path, file.count)
  for (const path of paths) {
    const ret = sys.stat(k, path)
    yield* settle(k)
    if (ret < 0) return outcome(ret)
  }
  return {}
}

type Move = (k: Context['k'], fd: number, offset: number, length: number) => number

/**
 * Reads or writes in chunks until the end, a short count or an error; sleeps where the device makes it wait. The bytes
 * come to the program's buffer, or from there.
 */
function* transfer(
  k: Context['k'],
  move: Move,
  fd: number,
  offset: number,
  length: number,
  chunk: number,
  buffer: readonly number[] = [],
): Generator<undefined, number, undefined> {
  let done = 0
  while (done < length) {
    yield* runOn(k, buffer)
    const ret = move(k, fd, offset + done, Math.min(chunk, length - done))
    yield* settle(k)
    if (need_resched(k)) yield
    if (ret <= 0) return ret < 0 ? ret : done
    done += ret
  }
  return done
}

/** A step names a file by what createFile or open called it; a file that is not open is opened for the step alone. */
function* moveBytes(c: Context, move: Move, a: ArgumentsOf<'read'>): Running {
  const file = fileOf(c.task, a.file)
  const fd = file.fd >= 0 ? file.fd : sys.open(c.k, file.path)
  if (fd < 0) return outcome(fd)
  const offset = a.offset ?? 0
  const length = a.length ?? Math.max(0, sys.sizeOf(c.k, fd) - offset)
  const chunk = a.chunk ?? CHUNK
  const buffer = own.buffer(c.k, Math.min(chunk, length), move === sys.read ? ACCESS_WRITE : ACCESS_READ)
  const moved = yield* transfer(c.k, move, fd, offset, length, chunk, buffer)
  if (file.fd < 0) sys.close(c.k, fd)
  return outcome(moved, moved < 0 ? {} : { value: moved })
}

export const fileOperations = {
  createFile,
  stat,
  open: ({ k, task }, a) =>
    once(() => {
      const { path } = fileOf(task, a.file)
      const fd = sys.open(k, path, a.readOnly)
      if (fd < 0) return outcome(fd)
      task.files.set(a.as, { fd, path })
      return {}
    }),
  read: (c, a) => moveBytes(c, sys.read, a),
  write: (c, a) => moveBytes(c, sys.write, a),
  truncate: ({ k, task }, a) => call(k, () => sys.truncate(k, fileOf(task, a.file).path, a.length)),
  fsync: ({ k, task }, a) => call(k, () => sys.fsync(k, fileOf(task, a.file).path)),
  sync: ({ k }) => call(k, () => sys.sync(k)),
  fadvise: ({ k, task }, a) => call(k, () => sys.fadvise(k, openFile(task, a.file).fd, a.offset, a.length, a.advice)),
  unlink: ({ k, task }, a) => call(k, () => sys.unlink(k, fileOf(task, a.file).path)),
  close: ({ k, task }, a) =>
    call(k, () => {
      const file = fileOf(task, a.file)
      task.files.delete(a.file)
      return file.fd < 0 ? 0 : sys.close(k, file.fd)
    }),
} satisfies {
  readonly [
    K in
      'createFile' | 'stat' | 'open' | 'read' | 'write' | 'truncate' | 'fsync' | 'sync' | 'fadvise' | 'unlink' | 'close'
  ]: Implementation<K>
}
