/** The borders of the code: who may import whom, and what a source never holds. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root, sourcesIn, type Source } from './support/sources'

const folders = ['src-main', 'src-shared', 'src-renderer'].filter((folder) => existsSync(join(root, folder)))
const sources = sourcesIn(...folders)

/** What each part may import of the project, by the beginning of the path. `type:` allows a type import only. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'src-shared/': ['src-shared/'],
  'src-main/kernel/': ['src-main/kernel/', 'src-shared/'],
  // Programs do what they do through workload/calls.ts: system calls, and loads and stores.
  'src-main/workload/programs/': ['src-main/workload/', 'src-main/kernel/uapi', 'type:src-main/kernel/', 'src-shared/'],
  'src-main/workload/': ['src-main/workload/', 'src-main/kernel/', 'src-shared/'],
  'src-main/sampler/': ['src-main/sampler/', 'src-main/kernel/', 'src-shared/'],
  'src-main/recorder/': ['src-main/recorder/', 'src-shared/'],
  'src-main/shell/': ['src-main/shell/', 'src-main/kernel/', 'src-shared/'],
  'src-main/lab/': ['src-main/lab/', 'src-main/kernel/', 'src-main/workload/', 'src-shared/'],
  'src-main/engine/': ['src-main/', 'src-shared/', 'package.json'],
  'src-main/cli/': ['src-main/', 'src-shared/', 'package.json'],
  'src-main/cli.ts': ['src-main/cli/', 'src-shared/', 'package.json'],
  'src-main/app/': ['src-main/app/', 'src-main/engine/client', 'src-main/engine/remote', 'src-shared/'],
  'src-main/index.ts': ['src-main/app/', 'src-main/engine/client', 'src-main/engine/remote', 'src-shared/'],
  'src-main/serve/': ['src-main/serve/', 'src-main/engine/client', 'src-shared/'],
  'src-main/preload/': ['src-shared/'],
  'src-main/bin/': ['src-main/bin/', 'test/mutants/'],
  'src-renderer/': ['src-renderer/', 'src-shared/'],
}
/** And what no part but these may: the desktop shell is not part of the engine. */
const ONLY_THEMSELVES = ['src-main/app/', 'src-main/serve/', 'src-main/preload/', 'src-main/cli/']

/** Within the kernel a file imports its own rank and those below it. Types may come from anywhere. */
const KERNEL_RANKS: readonly (readonly string[])[] = [
  ['lib/', 'kernel.ts', 'constants.ts', 'tables/', 'uapi.ts', 'limits.ts', 'e820.ts', 'boot_params.ts'],
  ['task.ts', 'pid.ts', 'psi_task.ts', 'costs.ts', 'cmdline.ts', 'arch/', 'block/'],
  ['mm/', 'rcu/', 'drivers/'],
  ['sched/'],
  ['entry/'],
  ['proc/', 'verify.ts', 'snapshot.ts', 'kthreads.ts'],
  ['startup.ts', 'boot.ts'],
]

describe('imports', () => {
  test('point one way', () => {
    expect(sources.flatMap(wrongImports)).toEqual([])
  })

  test('point down inside the kernel', () => {
    expect(sources.filter(isKernel).flatMap(upwardImports)).toEqual([])
  })

  test('bring no Node and no Electron into what is pure', () => {
    const pure = sources.filter(({ path }) => /^(src-shared|src-renderer|src-main\/(kernel|workload))\//.test(path))
    expect(
      offences(pure, ({ imports }) => imports.some(({ of }) => /^(node:|electron$|better-sqlite3$|ws$)/.test(of))),
    ).toEqual([])
  })

  test('bring Electron into the desktop app only', () => {
    const others = sources.filter(({ path }) => !/^src-main\/(app\/|preload\/|index\.ts)/.test(path))
    expect(offences(others, ({ imports }) => imports.some(({ of }) => of === 'electron'))).toEqual([])
  })
})

describe('a source', () => {
  test('of the simulation asks no clock and rolls no dice', () => {
    const simulated = sources.filter(({ path }) => /^src-main\/(kernel|workload)\//.test(path))
    const pattern =
      /\bMath\.random\b|\bDate\b|\bperformance\.|\bprocess\.(?:env|argv|hrtime|nextTick|uptime|memoryUsage|cpuUsage|platform|std|exit)|\bset(?:Timeout|Interval|Immediate)\b|\bcrypto\b|\bIntl\b/
    expect(offences(simulated, ({ code }) => pattern.test(code))).toEqual([])
  })

  test('leaves nothing to be done', () => {
    const words = new RegExp(`\\b(${['TO', 'FIX', 'XX'].map((w, i) => w + ['DO', 'ME', 'X'][i]).join('|')})\\b`)
    expect(offences(sources, ({ text }) => words.test(text))).toEqual([])
  })

  test('says in its first lines what it is', () => {
    const silent = (source: Source): boolean => !/^\s*(#!.*\n)?(<script[^>]*>|<!--|\/\*|\/\/)/.test(source.text)
    expect(
      offences(
        sources.filter(({ path }) => /^src-(main|shared)\//.test(path)),
        silent,
      ),
    ).toEqual([])
  })

  test('is one idea: 600 lines at most, 800 where it must be', () => {
    // The table of the kernel's columns is one idea, however long.
    const others = sources.filter(({ path }) => path !== 'src-main/kernel/kernel.ts')
    const longer = (lines: number): string[] => offences(others, ({ text }) => text.split('\n').length > lines)
    const long = longer(600)
    if (long.length > 0) console.warn(`longer than 600 lines: ${long.join(', ')}`)
    expect(longer(800)).toEqual([])
  })
})

describe('the project', () => {
  test('keeps its top level to what is agreed', () => {
    const allowed = [
      'src-main',
      'src-renderer',
      'src-shared',
      'resources',
      'test',
      'node_modules',
      'out',
      'release',
      'coverage',
    ]
    const files =
      /^(\.|package(-lock)?\.json$|README\.md$|ARCHITECTURE\.md$|CHANGELOG\.md$|LICENSE$|tsconfig.*\.json$|.*\.config\.(ts|js)$|electron-builder\.yml$)/
    expect(readdirSync(root).filter((name) => !allowed.includes(name) && !files.test(name))).toEqual([])
  })

  test('has a rule for each part of it', () => {
    expect(sources.filter(({ path }) => partOf(path) === undefined).map(({ path }) => path)).toEqual([])
  })
})

function offences(of: readonly Source[], wrong: (source: Source) => boolean): string[] {
  return of.filter(wrong).map(({ path }) => path)
}

function partOf(path: string): string | undefined {
  return Object.keys(MAY_IMPORT).find((part) => path.startsWith(part))
}

function wrongImports({ path, imports }: Source): string[] {
  const part = partOf(path)
  const allowed = part === undefined ? [] : MAY_IMPORT[part]!
  return imports
    .filter(({ of }) => /^(src-|test\/|package\.json|\.\.)/.test(of))
    .filter(({ of, isType }) => {
      const reaches = (rule: string): boolean =>
        rule.startsWith('type:') ? isType && of.startsWith(rule.slice(5)) : of.startsWith(rule)
      const foreign = ONLY_THEMSELVES.some((other) => of.startsWith(other) && !path.startsWith(other))
      const isTheMap = /^src-main\/(cli|index)\.ts$/.test(path) || path.startsWith('src-main/cli/')
      return !allowed.some(reaches) || (foreign && !isTheMap)
    })
    .map(({ of }) => `${path} imports ${of}`)
}

function isKernel({ path }: Source): boolean {
  return path.startsWith('src-main/kernel/')
}

function upwardImports({ path, imports }: Source): string[] {
  const own = rank(path)
  const upward = imports.filter(
    ({ of, isType }) => !isType && of.startsWith('src-main/kernel/') && rank(`${of}.ts`) > own,
  )
  return [...(own < 0 ? [`${path} has no rank`] : []), ...upward.map(({ of }) => `${path} imports ${of}`)]
}

function rank(path: string): number {
  const local = path.slice('src-main/kernel/'.length)
  return KERNEL_RANKS.findIndex((parts) =>
    parts.some((part) => (part.endsWith('/') ? local.startsWith(part) : local === part)),
  )
}
