/**
 * A recording is one SQLite file. This is its schema, and the documentation of it.
 *
 *   sample      one wide row a sample: `t` counts samples from 0, `ms` is simulated time; then every machine series
 *   process     (t, pid): rows that changed since the sample before, all of them every 60 samples; `gone` marks an exit
 *   slab, buddy (t, row): likewise, by their place in /proc/slabinfo and by zone and migrate type
 *   event, log  what happened, and the kernel's own log
 *   command     what a user did, with the step before which it was done: with scenario and seed, the cause of it all
 *   checkpoint  the whole machine at a step, compressed; `hash` proves that a replay is the same
 *   name        texts by id: comm, command lines, cgroups
 *   meta        machine, scenario, seed, engine; under `note` the text that a user keeps with the recording
 *
 * State at sample t: SELECT *, max(t) FROM process WHERE t BETWEEN :t - :t % 60 AND :t GROUP BY pid HAVING NOT gone.
 * The views are for people with a SQLite client: `v_process` and `v_slab` say from when to when each row holds.
 */
import { MACHINE, MEMINFO, SERIES, VMSTAT } from '@shared/counters'
import { BUDDY, PROC, SLAB } from '@shared/sample'

/** 'Mems' in ASCII. */
export const APPLICATION_ID = 0x4d656d73
export const USER_VERSION = 1
/** All processes and slabs are written every so many samples; between them only what changed. */
export const KEYFRAME_EVERY = 60

export const quoted = (name: string): string => `"${name}"`
const columns = (names: readonly string[]): string => names.map((n) => `${quoted(n)} NUMERIC`).join(', ')

export const SERIES_NAMES: readonly string[] = SERIES.map((s) => s.name)
export const PROC_DATA: readonly string[] = PROC.filter((c) => c !== 'pid')

const TABLES = `
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE sample(t INTEGER PRIMARY KEY, ms NUMERIC NOT NULL, step INTEGER NOT NULL, epoch INTEGER NOT NULL, ${columns(SERIES_NAMES)});
CREATE INDEX sample_ms ON sample(ms);
CREATE TABLE process(t INTEGER, pid INTEGER, gone INTEGER NOT NULL, ${columns(PROC_DATA)}, PRIMARY KEY(t, pid)) WITHOUT ROWID;
CREATE TABLE slab(t INTEGER, row INTEGER, gone INTEGER NOT NULL, ${columns(SLAB)}, PRIMARY KEY(t, row)) WITHOUT ROWID;
CREATE TABLE buddy(t INTEGER, row INTEGER, gone INTEGER NOT NULL, ${columns(BUDDY)}, PRIMARY KEY(t, row)) WITHOUT ROWID;
CREATE TABLE event(id INTEGER PRIMARY KEY, ms NUMERIC NOT NULL, kind TEXT NOT NULL, pid INTEGER, name TEXT, value NUMERIC, text TEXT NOT NULL, oom TEXT);
CREATE INDEX event_ms ON event(ms);
CREATE TABLE log(id INTEGER PRIMARY KEY, ms NUMERIC NOT NULL, text TEXT NOT NULL);
CREATE TABLE command(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, ms NUMERIC NOT NULL, json TEXT NOT NULL);
CREATE TABLE checkpoint(step INTEGER PRIMARY KEY, ms NUMERIC NOT NULL, hash TEXT NOT NULL, codec TEXT NOT NULL, bytes INTEGER NOT NULL, data BLOB NOT NULL);
`

const select = (names: readonly string[]): string => names.map(quoted).join(', ')
const named = (prefix: string): string[] => MACHINE.map(([n]) => n).filter((n) => n.startsWith(prefix))

const VIEWS = `
CREATE VIEW v_meminfo AS SELECT ms / 1000.0 AS seconds, ${select(MEMINFO.map(([n]) => n))} FROM sample;
CREATE VIEW v_vmstat AS SELECT ms / 1000.0 AS seconds, ${select(VMSTAT.map(([n]) => n))} FROM sample;
CREATE VIEW v_psi AS SELECT ms / 1000.0 AS seconds, ${select(named('psi_'))} FROM sample;
CREATE VIEW v_swap AS SELECT ms / 1000.0 AS seconds, "SwapTotal", "SwapFree", "SwapCached", swap_used, pswpin, pswpout, swap_ra, swap_ra_hit FROM sample;
CREATE VIEW v_process AS
 SELECT s.ms / 1000.0 AS seconds, lead(s.ms) OVER (PARTITION BY p.pid ORDER BY p.t) / 1000.0 AS until_seconds, p.gone, p.pid, p.ppid, p.uid,
  comm.text AS comm, args.text AS command, char(p.state) AS s, ${select(['nice', 'oom_score_adj', 'oom_score', 'VmSize', 'VmRSS', 'RssAnon', 'RssFile', 'RssShmem', 'Pss', 'Uss', 'VmSwap', 'VmPTE', 'VmLck', 'VmHWM', 'minflt', 'majflt', 'utime_ns', 'stime_ns', 'read_bytes', 'write_bytes'])}, cg.text AS cgroup
 FROM process p JOIN sample s ON s.t = p.t LEFT JOIN name comm ON comm.id = p.name LEFT JOIN name args ON args.id = p.cmdline LEFT JOIN name cg ON cg.id = p.cgroup;
CREATE VIEW v_slab AS
 SELECT s.ms / 1000.0 AS seconds, lead(s.ms) OVER (PARTITION BY b.row ORDER BY b.t) / 1000.0 AS until_seconds, b.gone, n.text AS cache, ${select(SLAB.slice(1))}
 FROM slab b JOIN sample s ON s.t = b.t LEFT JOIN name n ON n.id = b.name;
CREATE VIEW v_event AS SELECT ms / 1000.0 AS seconds, kind, pid, name, value, text FROM event;
CREATE VIEW v_oom AS
 SELECT ms / 1000.0 AS seconds, pid, name, oom ->> 'oom_score_adj' AS oom_score_adj, oom ->> 'badness' AS badness, oom ->> 'total_vm_kB' AS total_vm_kB,
  oom ->> 'anon_rss_kB' AS anon_rss_kB, oom ->> 'file_rss_kB' AS file_rss_kB, oom ->> 'shmem_rss_kB' AS shmem_rss_kB, oom ->> 'swap_kB' AS swap_kB,
  oom ->> 'freed_kB' AS freed_kB, oom ->> 'constraint' AS "constraint", oom ->> 'invoker' AS invoker
 FROM event WHERE kind = 'oom_kill';
`

/** The statements that make each version out of the one before: migration n takes a file from version n to n + 1. */
export const MIGRATIONS: readonly string[] = [TABLES + VIEWS]
