/** The map of the protocol: who answers which command. */
import { performance } from 'node:perf_hooks'
import type { Command, CommandOf, Result } from '@shared/protocol'
import { openConsole } from '../consoles'
import type { Session } from '../session'
import { pushWatch, shownMachine, Superseded } from '../view'
import { hello } from './hello'
import { lab, labCancel } from './lab'
import { loadScenario } from './load'
import { command, listFolder, programs, readFile, scenarios, sysctls } from './machine'
import {
  closeRecording,
  events,
  exportRecording,
  history,
  noteRecording,
  openRecording,
  readRecording,
  recordings,
  slabHistory,
} from './past'
import { branch, goLive, pause, play, resume, seek, setSpeed, step } from './time'

type Answers = { readonly [T in Command['type']]: (s: Session, given: CommandOf<T>) => Result | Promise<Result> }
const done: Result = { ok: true, value: null }

const ANSWERS: Answers = {
  setSpeed,
  pause,
  resume,
  step,
  seek,
  play,
  goLive,
  branch,
  history,
  slabHistory,
  events,
  scenarios,
  loadScenario,
  programs,
  spawn: command,
  kill: command,
  setOomScoreAdj: command,
  renice: command,
  sysctl: command,
  dropCaches: command,
  pressure: command,
  writeFile: command,
  swapon: command,
  swapoff: command,
  makeDir: command,
  removeDir: command,
  sysctls,
  readFile,
  listFolder,
  lab,
  labCancel,
  watch,
  unwatch: (s, { id }) => (s.watches.delete(id), done),
  termOpen: (s, { id, cols, rows }) => (openConsole(s, id, cols, rows), done),
  termInput: (s, { id, data }) => withConsole(s, id, (term) => term.input(data)),
  termResize: (s, { id, cols, rows }) => withConsole(s, id, (term) => term.resize(cols, rows)),
  termClose: (s, { id }) => withConsole(s, id, (term) => (term.close(), s.consoles.delete(id))),
  recordings,
  openRecording,
  readRecording,
  closeRecording,
  noteRecording,
  exportRecording,
  hello,
  shutdown: () => done,
}

/** Answers a command that has the right form. What fails is said in one line; the engine stays. */
export async function answer(s: Session, given: Command): Promise<Result> {
  try {
    return await (ANSWERS[given.type] as (s: Session, given: Command) => Result | Promise<Result>)(s, given)
  } catch (error) {
    if (error instanceof Superseded) return { ok: false, error: error.message }
    return { ok: false, error: (error as Error).message }
  }
}

async function watch(s: Session, { id, what }: CommandOf<'watch'>): Promise<Result> {
  s.watches.set(id, what)
  pushWatch(s, id, await shownMachine(s))
  s.outbox.watchWallMs = performance.now()
  return done
}

type Term = ReturnType<typeof openConsole>['term']
function withConsole(s: Session, id: string, act: (term: Term) => unknown): Result {
  const found = s.consoles.get(id)
  if (found === undefined) return { ok: false, error: `no console "${id}"` }
  act(found.term)
  return done
}
