/**
 * Charging under random operations: three tasks map, touch, drop and move about a tree of cgroups. A naive model knows
 * which cgroup each area was charged to (the one its task was in at the first touch); the machine's invariants are
 * checked all along.
 */
import { expect, it } from 'vitest'
import { lab } from '../../support/lab'

const GROUPS = ['/p', '/p/a', '/p/b', '/q', '/q/c'] as const
const TASKS = ['x', 'y', 'z'] as const
const AREA_PAGES = 48

/** A small generator of numbers below n (mulberry32). */
function random(seed: number): (n: number) => number {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n)
  }
}

interface Story {
  readonly yaml: string
  /** Pages of anonymous memory by cgroup, those below it with it. */
  readonly anon: ReadonlyMap<string, number>
}

function story(seed: number, length: number): Story {
  const below = random(seed)
  const at = new Map<string, string>(TASKS.map((task) => [task, '/']))
  const areas: { task: string; name: string; owner: string | null }[] = []
  const lines = GROUPS.map((path) => `  - cgroup: { path: ${path} }`)
  const run = (task: string, step: string): number => lines.push(`  - in: { task: ${task}, steps: [${step}] }`)
  for (const task of TASKS) lines.push(`  - fork: { as: ${task} }`)
  for (let i = 0; i < length; i++) {
    const task = TASKS[below(TASKS.length)]!
    const mine = areas.filter((area) => area.task === task)
    const area = mine[below(Math.max(1, mine.length))]
    const what = below(10)
    if (what < 4 || area === undefined) {
      const name = `m${i}`
      run(task, `{ mmap: { as: ${name}, length: ${AREA_PAGES * 4}KiB } }, { touch: { area: ${name}, access: write } }`)
      areas.push({ task, name, owner: at.get(task)! })
    } else if (what < 6) {
      run(task, `{ madvise: { area: ${area.name}, advice: dontneed } }`)
      area.owner = null
    } else if (what < 8) {
      run(task, `{ touch: { area: ${area.name}, access: write } }`)
      area.owner ??= at.get(task)!
    } else {
      // Leaves only: a cgroup with children may not have tasks once it manages them.
      const leaf = ['/p/a', '/p/b', '/q/c', '/'][below(4)]!
      lines.push(`  - cgroup: { path: ${leaf}, attach: [${task}] }`)
      at.set(task, leaf)
    }
  }
  for (const path of GROUPS) lines.push(`  - { label: ${path}, readFile: { path: /sys/fs/cgroup${path}/memory.stat } }`)
  const anon = new Map<string, number>()
  for (const path of GROUPS) {
    const under = areas.filter(({ owner }) => owner !== null && (owner === path || owner.startsWith(`${path}/`)))
    anon.set(path, under.length * AREA_PAGES)
  }
  return { yaml: `machine: { ram: 128MiB, cgroup: true }\nsteps:\n${lines.join('\n')}\n`, anon }
}

it.each([1, 2, 3, 4, 5, 6])('story %i: every page is its first toucher’s cgroup’s', (seed) => {
  const { yaml, anon } = story(seed, 60)
  const r = lab(yaml, true)
  for (const [path, pages] of anon) {
    const { text } = r.lines.find((line) => line.label === path)!
    // What a task copied of its parent's image is charged where it was copied: at most some pages a task.
    const got = Number(/^anon (\d+)$/m.exec(text!)![1]) / 4096
    expect(got - pages, `${path}\n${text}`).toBeGreaterThanOrEqual(0)
    expect(got - pages, path).toBeLessThanOrEqual(3 * 8)
  }
})
