/** What the monitors must show: the machine's totals, as our own shell reads them. */

/** What our shell is asked for. */
export const QUESTIONS = ['cat /proc/meminfo', 'ps -e -o pid=,stat=,rss=,comm=', 'cat /proc/vmstat']

export function factsOf([meminfo, ps, vmstat]) {
  const mem = Object.fromEntries(
    [...meminfo.output.matchAll(/^([\w()]+): +(\d+)( kB)?$/gm)].map(([, name, value, unit]) => [
      name,
      { value: Number(value), isSize: unit !== undefined },
    ]),
  )
  const kB = (name) => mem[name].value
  const processes = ps.output
    .trimEnd()
    .split('\n')
    .map((line) => /^ *(\d+) (\S+) +(\d+) (.*)$/.exec(line))
    .map(([, pid, state, rss, comm]) => ({ pid: Number(pid), state, rss: Number(rss), comm: comm.trim() }))
  const cached = kB('Cached') + kB('SReclaimable')
  return {
    mem,
    vmstat: Object.fromEntries(
      vmstat.output
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')),
    ),
    processes,
    largest: processes.reduce((a, b) => (b.rss > a.rss ? b : a)),
    total: kB('MemTotal'),
    free: kB('MemFree'),
    available: kB('MemAvailable'),
    cached: kB('Cached'),
    /** As procps and psutil count it (what is not available), and as htop does (without caches). */
    used: kB('MemTotal') - kB('MemAvailable'),
    usedByPrograms: kB('MemTotal') - kB('MemFree') - cached - kB('Buffers') + kB('Shmem'),
    swapTotal: kB('SwapTotal'),
    swapUsed: kB('SwapTotal') - kB('SwapFree'),
  }
}

const UNITS = { B: 1 / 1024, K: 1, M: 1024, G: 1024 ** 2, T: 1024 ** 3 }

/** Whether a text such as 431M or 1.5 GiB is that many kB, rounded or cut to the digits that it shows. */
export function isSize(text, kB) {
  const [, digits, unit] = /^([\d.]+) ?([BKMGT]?)(?:i?B|yte)?$/.exec(text ?? '') ?? []
  if (digits === undefined) return false
  const step = 10 ** -(digits.split('.')[1]?.length ?? 0)
  return Math.abs(Number(digits) - kB / UNITS[unit === '' ? 'K' : unit]) < step
}

/** One figure: what a tool shows and what it should. `right` is a size in kB, or the exact value. */
export function figure(name, shown, right, isRight = String(shown) === String(right)) {
  return { name, shown: String(shown), right: String(right), isRight }
}

export function sizeFigure(name, shown, kB) {
  return figure(name, shown ?? '(not shown)', `${kB} kB`, isSize(shown, kB))
}
