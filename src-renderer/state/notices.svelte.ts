/** What went wrong or came to an end, said in a line over the timeline that hides no data. */
export interface Notice {
  readonly id: number
  readonly text: string
  readonly level: 'info' | 'warn' | 'crit'
}

const SHOWN_MAX = 3
const INFO_MS = 6000

export class Notices {
  list = $state.raw<readonly Notice[]>([])
  private lastId = 0

  add(text: string, level: Notice['level'] = 'info'): void {
    const id = ++this.lastId
    this.list = [...this.list.filter((notice) => notice.text !== text), { id, text, level }].slice(-SHOWN_MAX)
    if (level === 'info') setTimeout(() => this.remove(id), INFO_MS)
  }
  remove(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id)
  }
}
