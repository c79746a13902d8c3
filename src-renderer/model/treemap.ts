/** Rectangles whose areas are as their values, as square as can be (Bruls, Huizing, van Wijk: squarified treemaps). */
export interface Rect {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}
export interface Tile<T> extends Rect {
  readonly item: T
}

/** Tiles for `items` within `room`; those without a value get none. */
export function treemap<T>(items: readonly T[], valueOf: (item: T) => number, room: Rect): Tile<T>[] {
  const sorted = items.filter((item) => valueOf(item) > 0).sort((a, b) => valueOf(b) - valueOf(a))
  const total = sorted.reduce((sum, item) => sum + valueOf(item), 0)
  const scale = total > 0 ? (room.width * room.height) / total : 0
  const tiles: Tile<T>[] = []
  let left = room
  let at = 0
  while (at < sorted.length) {
    const side = Math.min(left.width, left.height)
    let end = at + 1
    let sum = valueOf(sorted[at]!) * scale
    let worst = ratio(sum, sum, sum, side)
    while (end < sorted.length) {
      const area = valueOf(sorted[end]!) * scale
      const next = ratio(valueOf(sorted[at]!) * scale, area, sum + area, side)
      if (next > worst) break
      worst = next
      sum += area
      end++
    }
    left = putRow(sorted.slice(at, end), (item) => valueOf(item) * scale, sum, left, tiles)
    at = end
  }
  return tiles
}

/** The worst ratio of sides in a row of total area `sum` along a side. */
function ratio(largest: number, smallest: number, sum: number, side: number): number {
  const square = side * side
  return Math.max((square * largest) / (sum * sum), (sum * sum) / (square * smallest))
}

/** Lays a row along the shorter side; what is left of the room. */
function putRow<T>(row: readonly T[], areaOf: (item: T) => number, sum: number, room: Rect, tiles: Tile<T>[]): Rect {
  const upright = room.width >= room.height
  const thick = sum / (upright ? room.height : room.width)
  let along = 0
  for (const item of row) {
    const long = areaOf(item) / thick
    tiles.push(
      upright
        ? { item, x: room.x, y: room.y + along, width: thick, height: long }
        : { item, x: room.x + along, y: room.y, width: long, height: thick },
    )
    along += long
  }
  return upright
    ? { ...room, x: room.x + thick, width: room.width - thick }
    : { ...room, y: room.y + thick, height: room.height - thick }
}
