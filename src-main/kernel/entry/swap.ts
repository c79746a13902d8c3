/** swapon(2) and swapoff(2), by the path of the device or file. */
import type { DeviceKind } from '../block/device'
import { swapoff, swapon } from '../mm/swapon'
import { charge } from '../task'
import { COST } from '../costs'
import { EBUSY, EINVAL } from '../uapi'
import type { Kernel } from '../kernel'

export interface SwapArea {
  readonly bytes: number
  readonly device: DeviceKind
  readonly priority?: number
  readonly file?: boolean
}

/** Puts an area into use under a name ('' gives it the next device name). 0, or a negative errno. */
export function sys_swapon(k: Kernel, path: string, area: SwapArea): number {
  if (k.var.current !== 0) charge(k, COST.syscall)
  if (path !== '' && swap_area_by_path(k, path) !== 0) return -EBUSY
  const result = swapon(k, area.bytes, area.device, area.priority, area.file === true, path)
  return result < 0 ? result : 0
}

export function sys_swapoff(k: Kernel, path: string): number {
  if (k.var.current !== 0) charge(k, COST.syscall)
  const area = swap_area_by_path(k, path)
  return area === 0 ? -EINVAL : swapoff(k, area)
}

/** The area of a path, 0 when it is not in use. */
export function swap_area_by_path(k: Kernel, path: string): number {
  for (let area = 1; area < k.swap_info.meta.high; area++)
    if (k.swap_info.flags[area] !== 0 && k.strings.list[k.swap_info.name[area]!] === path) return area
  return 0
}
