/** The log names who died of an access, where and why; handlers keep it silent, and so do ten within five seconds. */
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_once } from '../../../src-main/kernel/entry/access'
import { ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE } from '../../../src-main/kernel/entry/fault'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { set_handler } from '../../../src-main/kernel/sched/signal'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../../support/bare'

const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS

function told(k: Kernel, work: () => void): string[] {
  const from = k.log.length
  work()
  k.task.sig_pending[k.var.current * 2] = 0
  return k.log.slice(from).map(([, text]) => text)
}
function error_of(lines: string[]): string {
  return /error ([0-9a-f]+) in /.exec(lines[0]!)![1]!
}

describe('show_signal_msg', () => {
  test('address, instruction, stack, error code, program and CPU', () => {
    const k = bare_machine()
    const [line, code] = told(k, () => void access_once(k, 0x10, ACCESS_WRITE))
    expect(line).toMatch(
      /^lab\[1\]: segfault at 10 ip [0-9a-f]{16} sp [0-9a-f]{16} error 6 in lab\[[0-9a-f]+\+[0-9a-f]+\] likely on CPU 0 \(core 0, socket 0\)$/,
    )
    expect(code).toMatch(/^Code: Unable to access opcode bytes at 0x[0-9a-f]+\.$/)
  })

  test('the error code: 4 a read, 6 a write, 7 a write to a page that is there, 15 an instruction, 5 the kernel’s half', () => {
    const k = bare_machine()
    const p = sys.sys_mmap(k, 0, MiB, u.PROT_READ | u.PROT_WRITE, ANON)
    access_once(k, p, ACCESS_WRITE)
    sys.sys_mprotect(k, p, MiB, u.PROT_READ)
    expect(error_of(told(k, () => void access_once(k, 8, ACCESS_READ)))).toBe('4')
    expect(error_of(told(k, () => void access_once(k, p, ACCESS_WRITE)))).toBe('7')
    expect(error_of(told(k, () => void access_once(k, p, ACCESS_EXEC)))).toBe('15')
    expect(error_of(told(k, () => void access_once(k, 0x7ffffffff000, ACCESS_READ)))).toBe('5')
  })

  test('an address that is none is a general protection fault', () => {
    const k = bare_machine()
    const lines = told(k, () => void access_once(k, 2 ** 50, ACCESS_READ))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^traps: lab\[1\] general protection fault ip:[0-9a-f]+ sp:[0-9a-f]+ error:0 in lab\[/)
  })

  test('says nothing of a task with a handler, unless it is pid 1', () => {
    const k = bare_machine()
    set_handler(k, k.var.current, u.SIGSEGV, true)
    expect(told(k, () => void access_once(k, 0, ACCESS_READ))).toHaveLength(2)
    k.task.pid[k.var.current] = 77
    expect(told(k, () => void access_once(k, 0, ACCESS_READ))).toEqual([])
  })

  test('ten in five seconds; the next after that tells how many were left out', () => {
    const k = bare_machine()
    const lines = told(k, () => {
      for (let i = 0; i < 25; i++) access_once(k, 0, ACCESS_READ)
    })
    expect(lines.filter((line) => line.includes('segfault'))).toHaveLength(10)
    k.var.now += 6e9
    const later = told(k, () => void access_once(k, 0, ACCESS_READ))
    expect(later[0]).toBe('show_signal_msg: 15 callbacks suppressed')
    expect(later[1]).toContain('segfault at 0')
  })
})
