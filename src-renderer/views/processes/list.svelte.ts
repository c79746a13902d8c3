/** What the process list shows and how: order, filter, tags, folds; kept between sessions in the browser. */
import { untrack } from 'svelte'
import { chosenColumns, columnById } from '../../model/processColumns'
import { matches, processFilter } from '../../model/processFilter'
import { holdStill, processList, subtreeKeys, type ProcessRow } from '../../model/processList'
import { processTable, usersFromPasswd } from '../../model/processTable'
import { NONE, setOf, toggled, without, withKey } from '../../model/sets'
import type { Session } from '../../state/session.svelte'

const KEY = 'memscope.processes'
export type Layout = 'tree' | 'flat' | 'treemap'

interface Kept {
  columns: readonly string[] | null
  sort: string
  descending: boolean
  layout: Layout
  filter: string
  filterOn: boolean
}
const START: Kept = { columns: null, sort: 'footprint', descending: true, layout: 'tree', filter: '', filterOn: false }

export class ProcessesState {
  kept = $state.raw<Kept>(START)
  selected = $state.raw<string | null>(null)
  tagged = $state.raw(NONE)
  folded = $state.raw(NONE)
  follow = $state(false)
  /** The pointer rests on the list. */
  over = $state(false)
  wide = $state(false)
  rows = $state.raw<readonly ProcessRow[]>([])
  private users = $state.raw(usersFromPasswd(''))
  private shownOrder: unknown[] = []

  constructor(
    private readonly session: Session,
    private readonly storage: Storage = localStorage,
  ) {
    this.kept = { ...START, ...read(storage) }
    void session.request({ type: 'readFile', path: '/etc/passwd' }, { quiet: true }).then((result) => {
      if (result.ok && typeof result.value === 'string') this.users = usersFromPasswd(result.value)
    })
    $effect.pre(() => this.refresh())
  }

  readonly filter = $derived(processFilter(this.kept.filter))
  readonly filtering = $derived(this.kept.filterOn && this.kept.filter.trim() !== '')
  readonly columns = $derived(chosenColumns(this.kept.columns, this.wide))
  readonly table = $derived.by(() => {
    void this.session.version
    const { sample, previous, names } = this.session
    return sample === null ? null : processTable(sample, previous, names, this.users)
  })
  readonly taggedRows = $derived(this.rows.filter((row) => this.tagged.has(row.key) && row.endedMs === null))
  readonly selectedRow = $derived(
    this.selected === null ? undefined : this.rows.find((row) => row.key === this.selected),
  )
  /** What an action is for: the tagged processes, else the selected one. */
  readonly targets = $derived(
    this.taggedRows.length > 0
      ? this.taggedRows
      : this.selectedRow && !this.selectedRow.endedMs
        ? [this.selectedRow]
        : [],
  )

  keep(change: Partial<Kept>): void {
    this.kept = { ...this.kept, ...change }
    this.storage.setItem(KEY, JSON.stringify(this.kept))
  }
  /** A click on a head: a new column descends (words ascend), the same one turns round. */
  sortBy(id: string): void {
    const column = columnById(id)
    if (column.id !== id) return
    if (this.kept.sort === id) this.keep({ descending: !this.kept.descending })
    else this.keep({ sort: id, descending: column.right && id !== 'pid' })
  }
  toggleTag(key: string): void {
    this.tagged = toggled(this.tagged, key)
  }
  tagSubtree(index: number): void {
    this.tagged = setOf([...this.tagged, ...subtreeKeys(this.rows, index)])
  }
  untag(): void {
    this.tagged = NONE
  }
  fold(key: string, folded: boolean): void {
    this.folded = folded ? withKey(this.folded, key) : without(this.folded, key)
  }
  foldAll(folded: boolean): void {
    this.folded = folded ? setOf(this.rows.filter((row) => row.children > 0).map((row) => row.key)) : NONE
  }
  /** The next row that the search finds, from `from` on and round; -1 when none does. */
  find(text: string, from: number): number {
    const word = text.trim().toLowerCase()
    if (word === '') return -1
    for (let i = 0; i < this.rows.length; i++) {
      const at = (from + i) % this.rows.length
      const row = this.rows[at]!
      if (matches(row.t, row.i, word)) return at
    }
    return -1
  }

  private refresh(): void {
    const table = this.table
    if (table === null) {
      this.rows = []
      return
    }
    const { sort, descending, layout } = this.kept
    const order = [sort, descending, layout, this.folded, this.filtering && this.kept.filter]
    const fresh = processList(table, {
      tree: layout === 'tree',
      column: columnById(sort),
      descending,
      folded: this.folded,
      keep: this.filtering ? this.filter.test : () => true,
    })
    const same = order.every((part, i) => part === this.shownOrder[i])
    this.shownOrder = order
    this.rows =
      this.over && same
        ? holdStill(
            untrack(() => this.rows),
            fresh,
            table.ms,
          )
        : fresh
  }
}

function read(storage: Storage): Partial<Kept> {
  try {
    return JSON.parse(storage.getItem(KEY) ?? '{}') as Partial<Kept>
  } catch {
    return {}
  }
}
