/**
 * `zones/`: free pages of each zone after every step, which show in what order zones are used and where one is left alone
 * (protection, watermarks). Close: 64 pages or 5 %, as levels, since the marks at which a zone is left are levels.
 */
import type { Numbers } from '../reference'
import { close, missing, zeroOnce, type Comparator } from './figure'
import { textsOf, zonesOf } from './texts'

export const compareZoneFree: Comparator = (real, lines) =>
  real.steps.flatMap((step) => {
    const free = step['zone_free'] as Numbers | undefined
    if (free === undefined) return []
    const zoneinfo = textsOf(lines, step.step).get('/proc/zoneinfo')
    if (zoneinfo === undefined) return [missing(step.step)]
    const got = zonesOf(zoneinfo)
    const figures = Object.entries(free).map(([zone, pages]) => {
      const mine = got.find((z) => z.zone === zone)?.free ?? 0
      return close(step.step, `${zone} free`, pages, mine, 64, 0.05)
    })
    return zeroOnce(step.step, figures)
  })
