/** How a command fails: one line on stderr; 2 for usage and input, 1 for a failure. */

/** Something that the user wrote and can put right: the line says where, what, and what would be right. */
export class InputError extends Error {
  readonly exitCode = 2
}

/** Prints the line of an error and returns its exit status. */
export function report(error: unknown): number {
  const { code, exitCode, message } = error as { code?: string; exitCode?: number; message?: string }
  // commander has printed its own errors, its help and its version by the time that it throws.
  if (code?.startsWith('commander.') === true) return exitCode === 0 ? 0 : 2
  process.stderr.write(`memscope: ${(message ?? String(error)).split('\n', 1)[0]}\n`)
  if (process.env['MEMSCOPE_DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return exitCode ?? (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' ? 2 : 1)
}
