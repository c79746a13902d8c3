/** Operations on the machine: sysctls, files of /proc, /sys and cgroup, swap areas, caches, compaction. */
import { parseSize } from '@shared/units'
import * as sys from './calls'
import { addressOf, areaOf, call, LabError, once, outcome, type Implementation } from './operations'
import type { Lab } from './runner'

/** `/proc/{child}/status`: the pid of a lab task stands in braces. */
function fill(lab: Lab, path: string): string {
  return path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const task = lab.names.get(name)
    if (task === undefined) throw new LabError(`no task "${name}" for {${name}} in ${path}`)
    return String(task.pid)
  })
}

export const machineOperations = {
  sysctl: ({ k }, set) =>
    call(k, () => {
      for (const [name, value] of Object.entries(set)) {
        const ret = sys.sysctl(k, name, String(value))
        if (ret < 0) return ret
      }
      return 0
    }),
  writeFile: ({ k, lab }, a) => call(k, () => sys.writeFile(k, fill(lab, a.path), a.text)),
  readFile: ({ k, lab, task }, a) =>
    once(() => {
      const path = fill(lab, a.path)
      const start = a.area === undefined ? a.address && addressOf(a.address) : areaOf(task, a.area).start
      const text =
        start === undefined ? sys.readFile(k, path) : sys.readPageWord(k, path, start + Number(a.offset ?? 0))
      return typeof text === 'string' ? { path, text } : outcome(text, { path })
    }),
  swapon: ({ k }, a) => call(k, () => sys.swapon(k, a.size, a.device, a.priority)),
  swapoff: ({ k }, a) => call(k, () => sys.swapoff(k, a.index)),
  dropCaches: ({ k }, a) => call(k, () => sys.sysctl(k, 'vm.drop_caches', String(a.mode))),
  compact: ({ k }) => call(k, () => sys.sysctl(k, 'vm.compact_memory', '1')),
  cgroup: ({ k, lab }, a) =>
    once(() => {
      let ret = sys.makeGroup(k, a.path)
      for (const [file, value] of Object.entries(a.set ?? {})) {
        if (ret >= 0) ret = sys.writeFile(k, `/sys/fs/cgroup${a.path}/${file}`, String(sizeOrText(value)))
      }
      for (const name of a.attach ?? []) if (ret >= 0) ret = sys.attach(k, a.path, Number(fill(lab, `{${name}}`)))
      return outcome(ret)
    }),
  rmdir: ({ k }, a) => call(k, () => sys.removeGroup(k, a.path)),
} satisfies {
  readonly [
    K in 'sysctl' | 'writeFile' | 'readFile' | 'swapon' | 'swapoff' | 'dropCaches' | 'compact' | 'cgroup' | 'rmdir'
  ]: Implementation<K>
}

/** 32MiB as bytes; anything else as it is (max, 1). */
function sizeOrText(value: string | number): string | number {
  return parseSize(value) ?? value
}
