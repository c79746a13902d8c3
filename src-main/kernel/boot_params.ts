/**
 * What the command line says of a machine beside its description. Of a parameter that is given more than once the last
 * one counts; one that nobody knows changes nothing.
 *
 * Linux: init/main.c (parse_args), mm/huge_memory.c (setup_transparent_hugepage), kernel/sched/psi.c (setup_psi),
 * kernel/smp.c (nrcpus), lib/cmdline.c (get_option).
 */
import type { MachineConfig } from './kernel'

type Params = Pick<MachineConfig, 'bootParams'>

/** Parameters one by one, however they were given. */
export function words({ bootParams }: Params): string[] {
  return bootParams.flatMap((param) => param.split(/\s+/))
}
/** The value of the last `name=value`; undefined without one. */
function last_value(config: Params, name: string): string | undefined {
  const found = words(config).findLast((param) => param.startsWith(`${name}=`))
  return found?.slice(name.length + 1)
}

/** get_option: a decimal, octal or hexadecimal number, of which a following letter is not part. */
export function boot_number(config: Params, name: string, otherwise: number): number {
  const found = /^-?(0x[\da-f]+|\d+)/i.exec(last_value(config, name) ?? '')?.[0]
  if (found === undefined) return otherwise
  return /^-?0\d/.test(found) ? parseInt(found, 8) : Number(found)
}

export function boot_thp(config: Pick<MachineConfig, 'bootParams' | 'thp'>): MachineConfig['thp'] {
  const known = words(config).flatMap((param) => /^transparent_hugepage=(always|madvise|never)$/.exec(param)?.[1] ?? [])
  return (known.at(-1) as MachineConfig['thp'] | undefined) ?? config.thp
}

export function boot_psi(config: Pick<MachineConfig, 'bootParams' | 'psi'>): boolean {
  const value = last_value(config, 'psi') ?? ''
  if (/^(y|1|t|on)/i.test(value)) return true
  return /^(n|0|f|off)/i.test(value) ? false : config.psi
}

/** A machine with fewer CPUs than it has: those beyond `nr_cpus=` are never known of, with `nosmp` all but one. */
export function with_nr_cpus(config: MachineConfig): MachineConfig {
  const limit = words(config).includes('nosmp') ? 1 : boot_number(config, 'nr_cpus', config.cpus)
  return limit > 0 && limit < config.cpus ? { ...config, cpus: limit } : config
}
