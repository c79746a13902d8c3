/** The signals of the kill menu, in its order: the usual first. */
export const SIGNALS = [
  [15, 'SIGTERM', 'ask to end'],
  [9, 'SIGKILL', 'end at once'],
  [19, 'SIGSTOP', 'stop'],
  [18, 'SIGCONT', 'go on'],
  [1, 'SIGHUP', 'hang up'],
  [2, 'SIGINT', 'interrupt'],
  [3, 'SIGQUIT', 'quit'],
  [6, 'SIGABRT', 'abort'],
  [7, 'SIGBUS', 'bus error'],
  [11, 'SIGSEGV', 'segfault'],
  [10, 'SIGUSR1', 'user signal 1'],
  [12, 'SIGUSR2', 'user signal 2'],
] as const

export const signalName = (number: number): string => SIGNALS.find(([n]) => n === number)?.[1] ?? `signal ${number}`
