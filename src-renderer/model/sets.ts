/** Sets that are replaced, never changed: what states hold. */
export const NONE: ReadonlySet<string> = new Set<string>()

export const setOf = (keys: Iterable<string>): ReadonlySet<string> => new Set(keys)
export const withKey = (set: ReadonlySet<string>, key: string): ReadonlySet<string> => new Set([...set, key])
export const without = (set: ReadonlySet<string>, key: string): ReadonlySet<string> =>
  new Set([...set].filter((other) => other !== key))
export const toggled = (set: ReadonlySet<string>, key: string): ReadonlySet<string> =>
  set.has(key) ? without(set, key) : withKey(set, key)
