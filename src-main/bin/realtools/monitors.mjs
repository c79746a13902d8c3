/** Monitors that draw or export: each must run without a word of complaint and show the machine's totals. */
import { createServer } from 'node:net'
import { figure, sizeFigure } from './facts.mjs'
import { runIn, runOutside, startOutside } from './sandbox.mjs'
import { screenText } from './screenText.mjs'

const COLS = 160
const ROWS = 120
const PYTHON = '/usr/bin/python3'

/** A monitor: its package, what it needs (a namespace, or a path it can be told), and its figures. */
export const MONITORS = [
  { name: 'htop', package: 'htop', needsNamespace: true, look: htop },
  { name: 'btop', package: 'btop', needsNamespace: true, look: btop },
  { name: 'atop', package: 'atop', needsNamespace: true, look: atop },
  { name: 'psutil', package: 'python3-psutil', needsNamespace: false, look: psutil },
  { name: 'node_exporter', package: 'prometheus-node-exporter', needsNamespace: false, look: nodeExporter },
]

/** A full-screen program on a terminal of its own; `q` ends it. */
export async function onTerminal(dir, command, afterMs, cols = COLS, rows = ROWS) {
  const script = `exec script -qec 'stty rows ${rows} cols ${cols}; exec ${command}' /dev/null`
  const { status, stdout, stderr } = await runIn(dir, script, { keys: 'q', afterMs })
  return { status, bytes: stdout, text: screenText(stdout, cols, rows), complaints: stderr }
}

function ended(name, { status, stderr = '', complaints = stderr }) {
  return figure(`${name} ends well and says nothing`, `${status} ${complaints.trim()}`, '0 ')
}

async function htop(dir, facts) {
  const run = await onTerminal(dir, 'htop', 1200)
  const [, used, total] = /Mem\[[| ]*([\d.]+[KMGT])\/([\d.]+[KMGT])\]/.exec(run.text) ?? []
  const [, swapUsed, swapTotal] = /Swp\[[| ]*([\d.]+[KMGT]?)\/([\d.]+[KMGT]?)\]/.exec(run.text) ?? []
  const [, tasks, threads] = /Tasks: (\d+), \d+ thr, (\d+) kthr/.exec(run.text) ?? []
  const { pid } = facts.largest
  const row = new RegExp(`^ +${pid} \\S+ +\\S+ +\\S+ +(\\S+) +(\\S+)`, 'm').exec(run.text)
  return [
    ended('htop', run),
    sizeFigure('Mem total', total, facts.total),
    sizeFigure('Mem used', used, facts.usedByPrograms),
    sizeFigure('Swp total', swapTotal, facts.swapTotal),
    sizeFigure('Swp used', swapUsed, facts.swapUsed - facts.mem.SwapCached.value),
    figure('tasks', Number(tasks) + Number(threads), facts.processes.length),
    sizeFigure(`RES of ${pid}`, row?.[2], facts.largest.rss),
  ]
}

async function btop(dir, facts) {
  const run = await onTerminal(dir, 'btop', 2200)
  const text = run.text.replaceAll('─', ' ')
  const box = (name) => new RegExp(`${name}: +([\\d.]+ [KMGT]?i?B(?:yte)?)`).exec(text)?.[1]
  const swap = /Used: *\d+% \S+ +([\d.]+ [KMGT]?i?B(?:yte)?)/.exec(text)?.[1]
  const swapTotal = /swap +([\d.]+ [KMGT]iB)/.exec(text)?.[1]
  const tasks = /\b0\/(\d+)└/.exec(run.text)?.[1]
  return [
    ended('btop', run),
    sizeFigure('Total', box('Total'), facts.total),
    sizeFigure('Used', box('Used'), facts.used),
    sizeFigure('Available', box('Available'), facts.available),
    sizeFigure('Cached', box('Cached'), facts.cached),
    sizeFigure('Free', box('Free'), facts.free),
    ...(facts.swapTotal === 0
      ? []
      : [sizeFigure('swap', swapTotal, facts.swapTotal), sizeFigure('swap used', swap, facts.swapUsed)]),
    figure('processes', tasks, facts.processes.length),
  ]
}

async function atop(dir, facts) {
  const run = await runIn(dir, 'exec atop -P MEM,SWP,PRM 1 1')
  const lines = run.stdout.split('\n').map((line) => line.replace(/\(.*\)/, '()').split(' '))
  const [memory = [], swap = []] = ['MEM', 'SWP'].map((label) => lines.find((l) => l[0] === label))
  // Label, host, epoch, date, time and interval come first, then the page size.
  const inkB = (words, n) => Number(words[7 + n]) * (Number(words[6]) / 1024)
  const processes = lines.filter((l) => l[0] === 'PRM')
  const own = processes.find((l) => Number(l[6]) === facts.largest.pid) ?? []
  return [
    ended('atop', run),
    figure('memory', inkB(memory, 0), facts.total),
    figure('free', inkB(memory, 1), facts.free),
    figure('page cache', inkB(memory, 2), facts.cached),
    figure('swap', inkB(swap, 0), facts.swapTotal),
    figure('swap free', inkB(swap, 1), facts.swapTotal - facts.swapUsed),
    figure('processes', processes.length, facts.processes.length),
    figure(`RSS of ${facts.largest.pid}`, own[11], facts.largest.rss),
  ]
}

const PSUTIL = `
import json, psutil
m, s = psutil.virtual_memory(), psutil.swap_memory()
ps = list(psutil.process_iter(['pid', 'name', 'status', 'memory_info', 'num_threads', 'username', 'cmdline', 'cpu_times', 'ppid', 'num_ctx_switches', 'io_counters', 'uids', 'terminal']))
print(json.dumps({'total': m.total, 'free': m.free, 'available': m.available, 'cached': m.cached, 'buffers': m.buffers,
  'swap': s.total, 'swapUsed': s.used, 'sin': s.sin, 'sout': s.sout, 'cpus': len(psutil.cpu_times(percpu=True)),
  'rss': {p.pid: p.info['memory_info'].rss for p in ps},
  'uss': sum(psutil.Process(p.pid).memory_full_info().uss for p in ps)}))
`

async function psutil(dir, facts) {
  const set = `import psutil; psutil.PROCFS_PATH = ${JSON.stringify(`${dir}/proc`)}`
  const run = await runOutside(PYTHON, ['-c', `${set}\n${PSUTIL}`])
  const shown = run.status === 0 ? JSON.parse(run.stdout) : { rss: {} }
  const bytes = (name, kB) => figure(name, shown[name], kB * 1024)
  return [
    ended('psutil', run),
    bytes('total', facts.total),
    bytes('free', facts.free),
    bytes('available', facts.available),
    bytes('cached', facts.cached + facts.mem.SReclaimable.value),
    bytes('buffers', facts.mem.Buffers.value),
    bytes('swap', facts.swapTotal),
    bytes('swapUsed', facts.swapUsed),
    figure('sin', shown.sin, facts.vmstat.pswpin * 4096),
    figure('sout', shown.sout, facts.vmstat.pswpout * 4096),
    figure('processes', Object.keys(shown.rss).length, facts.processes.length),
    ...facts.processes.map(({ pid, rss }) => figure(`RSS of ${pid}`, shown.rss[pid], rss * 1024)),
  ]
}

async function nodeExporter(dir, facts) {
  const port = await freePort()
  const collectors = ['--collector.disable-defaults', ...COLLECTORS.map((name) => `--collector.${name}`)]
  const child = startOutside('prometheus-node-exporter', [
    `--path.procfs=${dir}/proc`,
    `--path.sysfs=${dir}/sys`,
    `--web.listen-address=127.0.0.1:${port}`,
    ...collectors,
  ])
  const log = []
  child.stderr.on('data', (data) => log.push(data))
  const text = await scrape(`http://127.0.0.1:${port}/metrics`)
  child.kill('SIGTERM')
  const metric = (name) => {
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]
    return value === undefined ? undefined : Number(value)
  }
  const errors = Buffer.concat(log)
    .toString()
    .split('\n')
    // It warns of root, and misses the host's udev.
    .filter((line) => /level=(error|warn)/.test(line) && !/running as root|udev/.test(line))
  const failed = [...text.matchAll(/^node_scrape_collector_success\{collector="(\w+)"\} 0$/gm)].map(([, name]) => name)
  const memory = Object.entries(facts.mem).map(([name, { value, isSize }]) => {
    const metricName = `node_memory_${name.replace('(', '_').replace(')', '')}${isSize ? '_bytes' : ''}`
    return figure(metricName, metric(metricName), isSize ? value * 1024 : value)
  })
  const vm = ['pgfault', 'pgmajfault', 'pgpgin', 'pgpgout', 'pswpin', 'pswpout', 'oom_kill']
  return [
    figure('node_exporter says nothing wrong', errors.join(' | '), ''),
    figure('collectors that fail', failed.join(' '), ''),
    ...memory,
    ...vm.map((name) => figure(`node_vmstat_${name}`, metric(`node_vmstat_${name}`), facts.vmstat[name])),
    figure('node_processes_pids', metric('node_processes_pids'), facts.processes.length),
  ]
}
const COLLECTORS = ['meminfo', 'vmstat', 'stat', 'loadavg', 'pressure', 'buddyinfo', 'zoneinfo', 'slabinfo', 'interrupts', 'diskstats', 'processes', 'filefd', 'uname', 'time'] // prettier-ignore

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** The page, asked for again until the server is there. */
async function scrape(url, tries = 40) {
  for (let i = 0; i < tries; i++) {
    const text = await fetch(url)
      .then((response) => response.text())
      .catch(() => null)
    if (text !== null) return text
    await new Promise((wake) => setTimeout(wake, 100))
  }
  return ''
}
