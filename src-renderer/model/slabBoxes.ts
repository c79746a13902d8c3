/** Where the slabs of a cache are drawn: in columns, group by group, as many as the room holds. */
import { slabGroups, type SlabDetail } from './slab'

export interface BoxLayout {
  readonly cell: number
  readonly titles: readonly {
    readonly x: number
    readonly y: number
    readonly text: string
    readonly continued: boolean
  }[]
  readonly slabs: readonly { readonly x: number; readonly y: number; readonly slab: SlabDetail['slabs'][number] }[]
  /** Slabs that found no room. */
  readonly hidden: number
}

const GAP = 14
const TITLE_ROWS = 1.5
const CELL_MIN = 2

/** `most` is the size of an object's box where there is room; every group gets a share of the rows. */
export function slabBoxes(detail: SlabDetail, width: number, height: number, most: number): BoxLayout {
  const cell = Math.max(CELL_MIN, Math.min(most, Math.floor(width / Math.max(1, detail.objperslab))))
  const pitch = cell + 2
  const perRow = Math.min(detail.objperslab * cell, width)
  const columns = Math.max(1, Math.floor((width + GAP) / (perRow + GAP)))
  const rows = Math.max(1, Math.floor((height - 4) / pitch))
  const groups = slabGroups(detail)
  const shares = shareRows(
    groups.map((g) => g.slabs.length),
    columns * rows - groups.length * 2 - columns,
  )
  const titles: { x: number; y: number; text: string; continued: boolean }[] = []
  const slabs: { x: number; y: number; slab: SlabDetail['slabs'][number] }[] = []
  let column = 0
  let row = 0
  const place = (): { x: number; y: number } => ({ x: column * (perRow + GAP), y: row * pitch })
  groups.forEach((group, g) => {
    if (row > rows - 3) [column, row] = [column + 1, 0]
    if (column >= columns) return
    titles.push({ ...place(), text: group.title, continued: false })
    row += (TITLE_ROWS * 12) / pitch
    for (const slab of spread(group.slabs, shares[g] ?? 0)) {
      if (row > rows - 1) {
        ;[column, row] = [column + 1, 0]
        if (column >= columns) return
        titles.push({ ...place(), text: `${group.title}, continued`, continued: true })
        row += (TITLE_ROWS * 12) / pitch
      }
      slabs.push({ ...place(), slab })
      row += 1
    }
    row += 0.5
  })
  return { cell, titles, slabs, hidden: detail.slabs.length - slabs.length }
}

/** Rows for each group: small groups whole, large ones what is left, in proportion. */
export function shareRows(sizes: readonly number[], room: number): number[] {
  const shares = sizes.map(() => 0)
  let left = Math.max(0, Math.floor(room))
  let open = sizes.map((_, i) => i)
  while (open.length > 0 && left > 0) {
    const fair = Math.floor(left / open.length)
    const small = open.filter((i) => sizes[i]! <= fair)
    if (small.length === 0) {
      open.forEach((i, k) => (shares[i] = fair + (k < left % open.length ? 1 : 0)))
      break
    }
    for (const i of small) {
      shares[i] = sizes[i]!
      left -= sizes[i]!
    }
    open = open.filter((i) => !small.includes(i))
  }
  return shares
}

/** `count` of the list, evenly spread, so that what is shown stands for the whole group. */
function spread<T>(list: readonly T[], count: number): T[] {
  if (count >= list.length) return [...list]
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!)
}
