/** The sysctls that decide about OOM, as the machine of the shown instant has them. */
import type { Sysctl } from '../../model/workload'
import type { Session } from '../../state/session.svelte'
import { followSysctls } from '../../state/sysctls.svelte'

export const OOM_SYSCTLS = [
  'vm.panic_on_oom',
  'vm.oom_kill_allocating_task',
  'vm.oom_dump_tasks',
  'vm.overcommit_memory',
  'vm.overcommit_ratio',
  'vm.overcommit_kbytes',
  'vm.swappiness',
  'vm.min_free_kbytes',
  'vm.watermark_scale_factor',
  'vm.admin_reserve_kbytes',
  'vm.user_reserve_kbytes',
] as const

export class Policy {
  list = $state.raw<readonly Sysctl[]>([])
  failed = $state.raw<Readonly<Record<string, string>>>({})

  private readonly load: () => Promise<void>

  constructor(
    private readonly session: Session,
    private readonly names: readonly string[] = OOM_SYSCTLS,
  ) {
    this.load = followSysctls(session, (list) => (this.list = list.filter((one) => this.names.includes(one.name))))
  }
  value(name: string): string {
    return String(this.list.find((one) => one.name === name)?.value ?? '–')
  }
  /** Writes a value; what the kernel refuses is said beside it. */
  async set(name: string, value: string): Promise<void> {
    const result = await this.session.request({ type: 'sysctl', set: { [name]: value.trim() } }, { quiet: true })
    this.failed = { ...this.failed, [name]: result.ok ? '' : result.error }
    await this.load()
  }
}
