/** The kernel's command line, as the boot loader gives it. */
import { next_device_name } from './block/device'
import type { Kernel } from './kernel'

const ROOT_DEVICE = 1

/** A lab machine boots as the measured ones did, another one as an installed system. */
export function cmdline_text(k: Kernel): string {
  const thp = `transparent_hugepage=${k.config.thp}`
  const bare = ['console=ttyS0', 'nokaslr', 'norandmaps', 'numa=off', 'panic=-1', 'loglevel=4', thp]
  const disk = next_device_name(k, k.config.disk)
  const root = `root=/dev/${k.device.meta.high > 1 ? k.strings.list[k.device.name[ROOT_DEVICE]!]! : disk}`
  const params = k.config.bare ? bare : [root, 'ro', 'quiet', thp]
  return `${[...params, ...(k.config.psi ? ['psi=1'] : []), ...k.config.bootParams].join(' ')}\n`
}
