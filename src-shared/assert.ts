/** A broken invariant of our own code. `text` is constant: the condition's name, never a message built on the hot path. */
export class KernelBug extends Error {
  override readonly name = 'KernelBug'
}

/** Throws `KernelBug` when `condition` is false. Left on in the shipped app. */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new KernelBug(text)
}
