/** Sysctls that are texts and may be set: names, patterns, and vectors of numbers. Linux: kernel/sysctl.c (proc_dostring). */
import type { Kernel } from '../kernel'
import { EINVAL } from '../uapi'
import { INT_MAX, INT_MIN, LONG_MAX, parse_vector, ULONG_MAX, type SysctlKind } from './sysctl_parse'

/** Texts that may be set: their value at boot, how long they may be, or which numbers they are made of. */
interface Text {
  readonly value: string
  readonly max: number
  readonly numbers?: readonly [kind: SysctlKind, min: number, max: number]
}
const INTS = ['int', INT_MIN, INT_MAX] as const
const ULONGS = ['ulong', 0, ULONG_MAX] as const
export const TEXTS: Readonly<Record<string, Text>> = {
  'fs.file-max': { value: '9223372036854775807', max: 20, numbers: ['ulong', 0, LONG_MAX] },
  'kernel.acct': { value: '4\t2\t30', max: 64, numbers: INTS },
  'kernel.core_pattern': { value: 'core', max: 127 },
  'kernel.domainname': { value: '(none)', max: 64 },
  'kernel.hostname': { value: 'memscope', max: 64 },
  'kernel.modprobe': { value: '/sbin/modprobe', max: 255 },
  'kernel.poweroff_cmd': { value: '/sbin/poweroff', max: 255 },
  'kernel.printk': { value: '4\t4\t1\t7', max: 64, numbers: INTS },
  'kernel.sem': { value: '32000\t1024000000\t500\t32000', max: 64, numbers: INTS },
  'kernel.shmall': { value: '18446744073692774399', max: 20, numbers: ULONGS },
  'kernel.shmmax': { value: '18446744073692774399', max: 20, numbers: ULONGS },
  'kernel.usermodehelper.bset': { value: '4294967295\t511', max: 64, numbers: ULONGS },
  'kernel.usermodehelper.inheritable': { value: '4294967295\t511', max: 64, numbers: ULONGS },
  'vm.numa_zonelist_order': { value: 'Node', max: 16 },
}

export function set_text(k: Kernel, name: string, text: string): void {
  ;((k.var.mod['sysctl_text'] ??= {}) as Record<string, string>)[name] = text
}
export function text_read(k: Kernel, name: string): string {
  return (k.var.mod['sysctl_text'] as Record<string, string> | undefined)?.[name] ?? TEXTS[name]!.value
}
/** Numbers stay numbers: as many as before, with tabs between them. 0, or EINVAL where the text will not do. */
export function text_write(k: Kernel, name: string, text: string): number {
  const { max, numbers } = TEXTS[name]!
  // numa_zonelist_order_handler looks at the first letter, and forgets it.
  if (name === 'vm.numa_zonelist_order') return /^[nd]/i.test(text) ? 0 : -EINVAL
  if (numbers === undefined) {
    set_text(k, name, text.split('\n')[0]!.slice(0, max))
    return 0
  }
  const [kind, ...bounds] = numbers
  const { values, ok } = parse_vector(text, kind, bounds, text_read(k, name).split('\t'))
  set_text(k, name, values.join('\t'))
  return ok ? 0 : -EINVAL
}
