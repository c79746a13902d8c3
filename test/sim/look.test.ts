/** Looking changes nothing: reading every file of /proc and /sys leaves the machine as it was, to the bit. */
import { expect, test } from 'vitest'
import { boot } from '../../src-main/kernel/boot'
import type { Kernel } from '../../src-main/kernel/kernel'
import { proc_tree } from '../../src-main/kernel/proc'
import type { Node } from '../../src-main/kernel/proc/tree'
import { hash } from '../../src-main/kernel/snapshot'
import { runningOf, scenarioNamed } from '../support/machine'

function look(node: Node): number {
  if (node.kind === 'link') return 1
  if (node.kind === 'file') {
    node.read?.()
    node.pread?.(0, 64)
    return 1
  }
  return node.list().reduce((sum, name) => sum + look(node.find(name)!), 1)
}

function lookAtAll(k: Kernel): void {
  const before = hash(k)
  const names = Object.keys(k.var.mod)
  const root = proc_tree(k)
  expect(look(root.find('proc')!) + look(root.find('sys')!)).toBeGreaterThan(1500)
  expect(Object.keys(k.var.mod)).toEqual(names)
  expect(hash(k)).toBe(before)
}

test('at a running desktop', () => {
  const m = runningOf(scenarioNamed('calm-desktop'))
  m.runTo(3)
  lookAtAll(m.k)
})

test('at a bare machine that has just booted', () => {
  lookAtAll(
    boot({
      ...{ ram: 128 * 2 ** 20, cpus: 1, swap: [], disk: 'ssd', thp: 'never', seed: 1, bare: true },
      ...{ bootParams: [], psi: true },
    }),
  )
})
