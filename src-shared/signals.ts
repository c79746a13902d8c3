/** Linux's signals on x86-64, by number (arch/x86/include/uapi/asm/signal.h). */
export const SIGNAL_NAMES = [
  'EXIT', 'HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM', 'TERM',
  'STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO', 'PWR', 'SYS',
] as const // prettier-ignore

/** `SIGTERM` of 15. */
export function signalText(number: number): string {
  return number > 0 && number < SIGNAL_NAMES.length ? `SIG${SIGNAL_NAMES[number]!}` : `signal ${number}`
}

/** The number of `TERM`, `SIGTERM` or `15`; null when there is none of that name. */
export function signalNumber(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text) <= 64 ? Number(text) : null
  const at = SIGNAL_NAMES.findIndex((name) => name === text.toUpperCase().replace(/^SIG/, ''))
  return at < 0 ? null : at
}
