/**
 * Many small buttons in a column are one stop of the Tab key: the first of them has tabindex 0, the others -1, and the
 * arrow keys move among them.
 */
export function rove(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key]
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('button')]
  const at = buttons.findIndex((button) => button === document.activeElement)
  if (step === undefined || at < 0) return
  buttons[(at + step + buttons.length) % buttons.length]?.focus()
  event.preventDefault()
}
