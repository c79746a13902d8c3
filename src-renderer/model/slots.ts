/** Used shares of equal runs of swap slots; a run that holds any used slot is never quite empty. */
const LEAST = 0.15

export function slotShares(map: Uint8Array, cells: number): number[] {
  const shares: number[] = []
  for (let cell = 0; cell < cells; cell++) {
    const from = Math.floor((cell * map.length) / cells)
    const to = Math.max(from + 1, Math.floor(((cell + 1) * map.length) / cells))
    let used = 0
    for (let slot = from; slot < to && slot < map.length; slot++) if (map[slot] !== 0) used++
    shares.push(used === 0 ? 0 : Math.max(LEAST, used / (to - from)))
  }
  return shares
}
