/** The commands that come with the shell itself (just-bash), those that make sense inside the machine. */
export const SHELL_COMMANDS = [
  'echo', 'cat', 'printf', 'ls', 'mkdir', 'rmdir', 'touch', 'rm', 'cp', 'mv', 'ln', 'pwd', 'readlink', 'head', 'tail', 'wc', 'stat',
  'grep', 'fgrep', 'egrep', 'sed', 'awk', 'sort', 'uniq', 'comm', 'cut', 'paste', 'tr', 'rev', 'nl', 'fold', 'expand', 'column', 'tee',
  'find', 'basename', 'dirname', 'tree', 'du', 'env', 'printenv', 'xargs', 'true', 'false', 'clear', 'bash', 'sh', 'sleep', 'seq', 'expr',
  'tac', 'od', 'diff', 'time', 'timeout', 'which', 'md5sum', 'sha256sum', 'strings', 'base64', 'help', 'jq',
] as const // prettier-ignore
