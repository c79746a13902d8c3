/** The columns of the process list: names as in htop and /proc/PID/status, how each is read, sorted and printed. */
import { percent } from './figures'
import { count, cpuTime } from './format'
import {
  cgroupOf,
  commandOf,
  footprintOf,
  isKernelThread,
  stateOf,
  userOf,
  wchanOf,
  type ProcessTable,
} from './processTable'
import type { ProcColumn } from '@shared/sample'

export interface ProcessColumn {
  readonly id: string
  readonly head: string
  readonly unit?: string
  readonly help: string
  /** px at 1280 and at 1600 or more; 0 takes what is left. */
  readonly width: number
  readonly wide?: number
  readonly right: boolean
  /** 'always' cannot be hidden, 'narrow' shows at any width, 'wide' from 1600 px, 'no' by the chooser only. */
  readonly shown: 'always' | 'narrow' | 'wide' | 'no'
  readonly value: (t: ProcessTable, row: number) => number | string
  readonly text: (t: ProcessTable, row: number) => string
}

const kB = (id: string, head: string, source: ProcColumn, width: number, shown: ProcessColumn['shown'], help: string) =>
  figure(id, head, (t, row) => t.get(row, source), width, shown, help)

function figure(
  id: string,
  head: string,
  value: (t: ProcessTable, row: number) => number,
  width: number,
  shown: ProcessColumn['shown'],
  help: string,
  text: (v: number) => string = count,
): ProcessColumn {
  return { id, head, help, width, right: true, shown, value, text: (t, row) => text(value(t, row)) }
}

const words = (
  id: string,
  head: string,
  value: (t: ProcessTable, row: number) => string,
  width: number,
  shown: ProcessColumn['shown'],
  help: string,
): ProcessColumn => ({ id, head, help, width, right: false, shown, value, text: value })

const score = (t: ProcessTable, row: number): number => (isKernelThread(t, row) ? -1 : t.get(row, 'oom_score'))
const shared = (t: ProcessTable, row: number): number => t.get(row, 'RssFile') + t.get(row, 'RssShmem')
const perCent = (t: ProcessTable, row: number): number => (t.get(row, 'VmRSS') / t.memTotal) * 100

export const PROCESS_COLUMNS: readonly ProcessColumn[] = [
  figure('pid', 'PID', (t, r) => t.get(r, 'pid'), 50, 'always', 'Process ID', String),
  { ...words('user', 'User', userOf, 76, 'narrow', 'Owner of the process'), wide: 92 },
  words(
    'state',
    'S',
    stateOf,
    22,
    'narrow',
    'R running, S sleeping, D waits for I/O or reclaim, T stopped, Z zombie, I idle',
  ),
  figure('oom', 'OOM', score, 40, 'narrow', 'oom_score: how likely the OOM killer takes it, 0 to 2000', (v) =>
    v < 0 ? '–' : count(v),
  ),
  figure(
    'adj',
    'ADJ',
    (t, r) => t.get(r, 'oom_score_adj'),
    46,
    'narrow',
    'oom_score_adj: −1000 never, +1000 first',
    (v) => String(v).replace('-', '−'),
  ),
  { ...kB('virt', 'VIRT', 'VmSize', 66, 'narrow', 'VmSize: address space in use, touched or not'), unit: 'kB' },
  kB('res', 'RES', 'VmRSS', 60, 'narrow', 'VmRSS: pages in RAM, shared ones in full, kB'),
  figure('shr', 'SHR', shared, 55, 'narrow', 'RssFile + RssShmem: resident pages that others may share, kB'),
  kB('pss', 'PSS', 'Pss', 60, 'narrow', 'Resident pages, shared ones divided by their sharers, kB'),
  kB('swap', 'SWAP', 'VmSwap', 54, 'narrow', 'VmSwap: anonymous pages in swap, kB'),
  figure('footprint', 'PSS+SWAP', footprintOf, 88, 'always', 'PSS + VmSwap, kB; in the tree with all children'),
  figure('mem', '%MEM', perCent, 50, 'narrow', 'VmRSS of MemTotal', percent),
  figure(
    'cpu',
    '%CPU',
    (t, r) => t.cpuPercent[r]!,
    46,
    'narrow',
    'CPU time since the sample before, of one CPU',
    percent,
  ),
  figure('minflt', 'MINFLT/s', (t, r) => t.minfltPerS[r]!, 60, 'narrow', 'Minor faults a second: no I/O was needed'),
  figure(
    'majflt',
    'MAJFLT/s',
    (t, r) => t.majfltPerS[r]!,
    62,
    'narrow',
    'Major faults a second: a page came from disk or swap',
  ),
  figure(
    'time',
    'TIME+',
    (t, r) => t.get(r, 'utime_ns') + t.get(r, 'stime_ns'),
    60,
    'narrow',
    'CPU time, user and system',
    cpuTime,
  ),
  kB('uss', 'USS', 'Uss', 64, 'wide', 'Pages of this process alone, kB'),
  kB('anon', 'RssAnon', 'RssAnon', 66, 'wide', 'Resident anonymous pages, kB'),
  kB('file', 'RssFile', 'RssFile', 60, 'wide', 'Resident file pages, kB'),
  kB('shmem', 'RssShmem', 'RssShmem', 68, 'wide', 'Resident tmpfs and shared-memory pages, kB'),
  kB('pte', 'VmPTE', 'VmPTE', 52, 'wide', 'Page tables, kB'),
  figure('threads', 'Thr', (t, r) => t.get(r, 'threads'), 36, 'wide', 'Threads'),
  kB('hwm', 'VmHWM', 'VmHWM', 64, 'no', 'Largest VmRSS so far, kB'),
  kB('lck', 'VmLck', 'VmLck', 56, 'no', 'Locked by mlock, kB'),
  kB('huge', 'AnonHugePages', 'AnonHugePages', 96, 'no', 'Transparent huge pages, kB'),
  figure('ppid', 'PPID', (t, r) => t.get(r, 'ppid'), 50, 'no', 'Parent process ID', String),
  figure('nice', 'NI', (t, r) => t.get(r, 'nice'), 32, 'no', 'Nice value'),
  figure('priority', 'PRI', (t, r) => t.get(r, 'priority'), 36, 'no', 'Priority'),
  figure('processor', 'CPU', (t, r) => t.get(r, 'cpu'), 36, 'no', 'CPU it last ran on', String),
  figure('points', 'POINTS', (t, r) => t.get(r, 'oom_points'), 70, 'no', 'oom_badness, pages'),
  figure('tminflt', 'MINFLT', (t, r) => t.get(r, 'minflt'), 76, 'no', 'Minor faults since start'),
  figure('tmajflt', 'MAJFLT', (t, r) => t.get(r, 'majflt'), 64, 'no', 'Major faults since start'),
  figure('read', 'READ', (t, r) => t.get(r, 'read_bytes') / 1024, 72, 'no', 'Read from disk, kB'),
  figure('write', 'WRITE', (t, r) => t.get(r, 'write_bytes') / 1024, 72, 'no', 'Written to disk, kB'),
  figure('delay', 'DELAY', (t, r) => t.get(r, 'delay_ns'), 68, 'no', 'Time spent waiting for I/O and reclaim', cpuTime),
  figure('tlb', 'TLB MISS', (t, r) => t.get(r, 'tlb_miss'), 84, 'no', 'TLB misses since start'),
  words('cgroup', 'CGROUP', cgroupOf, 120, 'no', 'Path of its cgroup'),
  words('wchan', 'WCHAN', wchanOf, 110, 'no', 'Where in the kernel it sleeps'),
  { ...words('spark', '60 s', () => '', 62, 'narrow', 'PSS + swap over the last minute, own scale'), wide: 96 },
  words('command', 'Command', commandOf, 0, 'always', 'Command line'),
]

/** What a narrow window does without, in turn. */
const SPARE = ['minflt', 'user', 'virt', 'mem', 'time', 'shr', 'spark']
export const spareOf = (id: string): number => SPARE.indexOf(id) + 1

export const columnById = (id: string): ProcessColumn => PROCESS_COLUMNS.find((c) => c.id === id) ?? PROCESS_COLUMNS[0]!

/** What shows: the user's choice, or the columns that fit the width. The command is always last. */
export function chosenColumns(choice: readonly string[] | null, wide: boolean): readonly ProcessColumn[] {
  return PROCESS_COLUMNS.filter((c) => {
    if (c.shown === 'always') return true
    if (choice !== null) return choice.includes(c.id)
    return c.shown === 'narrow' || (wide && c.shown === 'wide')
  })
}
