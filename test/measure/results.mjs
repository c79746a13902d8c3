/**
 * What a measured machine printed, as the suite of conformance reads it: sections between `@@@BEGIN name` and
 * `@@@END name`, of which those named *.jsonl hold one step a line; OOM reports of its log, cgroups' files, and the
 * state before and after, become steps too.
 */

/** Sections by name; what was printed between them is lost. */
export function sections(text) {
  const raw = {}
  let name = null
  for (const line of text.replaceAll('\r', '').split('\n')) {
    if (line.startsWith('@@@BEGIN ')) raw[(name = line.slice(9))] ??= ''
    else if (line.startsWith('@@@END')) name = null
    else if (name !== null) raw[name] += `${line}\n`
  }
  return raw
}

/** `key: 12 kB` and `key 12`, as meminfo, vmstat and memory.stat have them. */
export function numbers(text) {
  const found = [...text.matchAll(/^([^:\s]+):?\s+(-?\d+)/gm)]
  return Object.fromEntries(found.map(([, key, value]) => [key, Number(value)]))
}

export function buddyinfo(text) {
  const found = [...text.matchAll(/^Node \d+, zone\s+(\S+)\s+(.*)$/gm)]
  return Object.fromEntries(found.map(([, zone, counts]) => [zone, counts.trim().split(/\s+/).map(Number)]))
}

/** The zones of zoneinfo that have pages. */
export function zones(text) {
  const parts = text.split(/^(?=Node \d+, zone)/m).filter((part) => part.startsWith('Node'))
  return parts.map(zone).filter(({ managed }) => managed > 0)
}

function zone(text) {
  const [, node, name] = /^Node (\d+), zone\s+(\S+)/.exec(text)
  const number = (pattern) => Number(pattern.exec(text)?.[1] ?? NaN)
  const mark = (key) => number(new RegExp(`^\\s+${key}\\s+(\\d+)$`, 'm'))
  return {
    ...{ node: Number(node), zone: name, free: number(/pages free\s+(\d+)/) },
    ...Object.fromEntries(['boost', 'min', 'low', 'high', 'spanned', 'present', 'managed'].map((k) => [k, mark(k)])),
    protection: [...(/protection: \((.*)\)/.exec(text)?.[1] ?? '').matchAll(/\d+/g)].map(Number),
    ...Object.fromEntries(['count', 'high', 'batch'].map((k) => [`pcp_${k}`, number(new RegExp(`${k}:\\s+(\\d+)`))])),
  }
}

/** All experiments' form; `id` is family/name, which decides what a boot or a look at slabs gives. */
export function experiment(id, { mem, swap, args }, raw, log) {
  const dmesg = raw['console/dmesg.txt'] ?? log
  const panic = /Kernel panic - not syncing: (.*)/.exec(log)?.[1].trim()
  return {
    id,
    ...{ cmdline: args, mem, swap_MiB: swap ?? 0, thp: args.includes('hugepage=always') ? 'always' : 'never' },
    ...(panic === undefined ? {} : { outcome: `kernel panic: ${panic}` }),
    steps: stepsOf(id, raw, dmesg),
  }
}

function stepsOf(id, raw, dmesg) {
  if (id.startsWith('boot/tunables')) return foldersWith(raw, 'zoneinfo').map((f) => tunablesStep(raw, f))
  if (id.startsWith('boot/')) return [bootStep(raw)]
  if (id.startsWith('slab/')) return slabSteps(raw)
  const around = ['before', 'after'].filter((when) => raw[`${when}/vmstat`] !== undefined)
  return [
    ...Object.keys(raw)
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) => lines(name, raw[name])),
    ...oomReports(dmesg),
    ...foldersWith(raw, 'memory.current').map((folder) => cgroupStep(raw, folder)),
    ...around.map((when) => ({ step: `proc ${when}`, ...state(raw, `${when}/`) })),
  ]
}

/** Of the raw sections, those that are not in the steps already; of a machine that panicked, its log. */
export function rawOf(raw, log) {
  const isStep = /\.jsonl$|^(before|after)\/|^console\/|\/(pagetypeinfo|extfrag_index|unusable_index)/
  const rest = Object.entries(raw).filter(([name]) => !isStep.test(name))
  return { ...Object.fromEntries(rest), ...(log.includes('Kernel panic') ? { 'console.log': log } : {}) }
}

const foldersWith = (raw, file) =>
  Object.keys(raw)
    .filter((name) => name.endsWith(`/${file}`))
    .map((name) => name.slice(0, -file.length - 1))
    .sort()

/** A line that a crash cut off is left out. */
function lines(run, text) {
  return text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [{ run, ...JSON.parse(line) }] : []
    } catch {
      return []
    }
  })
}

function state(raw, folder) {
  const of = (file, read, name = file) => (raw[folder + file] === undefined ? {} : { [name]: read(raw[folder + file]) })
  const texts = { ...of('meminfo', numbers), ...of('vmstat', numbers), ...of('buddyinfo', buddyinfo) }
  return { ...texts, ...of('zoneinfo', zones, 'zones') }
}

/** The state after a sysctl was written, and those that watermarks follow from. */
function tunablesStep(raw, folder) {
  const found = state(raw, `${folder}/`)
  const { MemFree, MemAvailable } = found.meminfo ?? {}
  const vm = settings(raw[`${folder}/vm.txt`] ?? '')
  const wanted = ['min_free_kbytes', 'watermark_scale_factor', 'lowmem_reserve_ratio'].map((name) => [
    name,
    numberOrText(vm[name] ?? ''),
  ])
  return { step: folder, ...found, ...Object.fromEntries(wanted), MemFree, MemAvailable }
}
function settings(text) {
  return Object.fromEntries([...text.matchAll(/^(\S+) = (.*)$/gm)].map(([, name, is]) => [name, is]))
}

function bootStep(raw) {
  const found = state(raw, '')
  const sum = (key) => (found.zones ?? []).reduce((all, z) => all + z[key], 0)
  const sys_vm = settings(raw['sys_vm.txt'] ?? '')
  return { step: 'boot', ...found, sys_vm, managed_pages: sum('managed'), present_pages: sum('present') }
}

function slabSteps(raw) {
  return [
    { step: 'slabinfo', caches: slabinfo(raw['slabinfo'] ?? '') },
    { step: 'sys_kernel_slab', caches: table(raw['sys_kernel_slab.tsv'] ?? '') },
  ]
}

/** Lines of words between tabs, the first of them names. */
function table(text) {
  const [names, ...rows] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
  return rows.map((words) => Object.fromEntries(words.map((word, i) => [names[i], numberOrText(word)])))
}

function slabinfo(text) {
  const keys = ['active_objs', 'num_objs', 'objsize', 'objperslab', 'pagesperslab']
  return text
    .split('\n')
    .slice(2)
    .map((line) => line.split(/\s+/))
    .filter((words) => words.length > 15)
    .map((words) => ({
      name: words[0],
      ...Object.fromEntries(keys.map((key, i) => [key, Number(words[i + 1])])),
      ...{ active_slabs: Number(words.at(-3)), num_slabs: Number(words.at(-2)) },
    }))
}

function cgroupStep(raw, folder) {
  const files = Object.keys(raw).filter(
    (name) => name.startsWith(`${folder}/memory.`) && !/numa_stat|pressure/.test(name),
  )
  const values = files.map((name) => [name.slice(folder.length + 1), value(raw[name].trim())])
  return { step: folder.startsWith('cg') ? `after: ${folder}` : `after: cg ${folder}`, ...Object.fromEntries(values) }
}

function numberOrText(text) {
  return /^-?\d+$/.test(text) ? Number(text) : text
}
function value(text) {
  const pairs = numbers(text)
  return Object.keys(pairs).length > 0 ? pairs : numberOrText(text)
}

/** One step a report of the OOM killer, with the points that mm/oom_kill.c gives each task of its table. */
export function oomReports(dmesg) {
  const text = dmesg.replace(/^(?:<\d+>)?\[ *\d+\.\d+\] ?/gm, '')
  return text
    .split(/^(?=.* invoked oom-killer:)/m)
    .filter((part) => part.includes(' invoked oom-killer:'))
    .map((report, i) => oomReport(report, i + 1))
}

function oomReport(text, n) {
  const [, invoker, gfp_mask, gfp, order, adj] =
    /^(.*) invoked oom-killer: gfp_mask=(0x[0-9a-f]+)\((.*?)\), order=(-?\d+), oom_score_adj=(-?\d+)/.exec(text)
  const number = (pattern) => (pattern.test(text) ? Number(pattern.exec(text)[1]) : undefined)
  const limit = number(/^memory: usage \d+kB, limit (\d+)kB/m)
  const [pages_ram, reserved, swap_kB] = [/^(\d+) pages RAM/m, /^(\d+) pages reserved/m, /^Total swap = (\d+)kB/m].map(
    number,
  )
  const total = limit === undefined ? pages_ram - reserved + (swap_kB ?? 0) / 4 : Math.floor(limit / 4)
  const tasks = taskTable(text, total)
  const best = tasks
    .filter((t) => t.points !== null && t.pid !== 1)
    .reduce((a, b) => (a && a.points > b.points ? a : b), null)
  return {
    ...{ step: `OOM #${n}`, invoker, gfp, gfp_mask, order: Number(order), invoker_adj: Number(adj), tasks },
    ...{ swap_kB, pages_ram, pages_reserved: reserved, constraint: /^oom-kill:constraint=(\w+)/m.exec(text)?.[1] },
    ...{ killed: victims(text), totalpages_used_for_points: total, predicted_victim: best?.pid ?? null },
  }
}

function taskTable(text, total) {
  const row = /^\[ *(\d+)\] +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(-?\d+) +(.*)$/gm
  return [...text.matchAll(row)].map(([, ...words]) => {
    const [pid, uid, tgid, total_vm, rss, pgtables_bytes, swapents, oom_score_adj] = words.map(Number)
    const points = rss + swapents + Math.floor(pgtables_bytes / 4096) + oom_score_adj * Math.floor(total / 1000)
    return {
      ...{ pid, uid, tgid, total_vm, rss, pgtables_bytes, swapents, oom_score_adj, name: words[8].trim() },
      points: oom_score_adj === -1000 ? null : points,
    }
  })
}

function victims(text) {
  const line =
    /^(Out of memory|Memory cgroup out of memory)[^:]*: Killed process (\d+) \((.*?)\) total-vm:(\d+)kB, anon-rss:(\d+)kB, file-rss:(\d+)kB, shmem-rss:(\d+)kB, UID:(\d+) pgtables:(\d+)kB oom_score_adj:(-?\d+)/gm
  return [...text.matchAll(line)].map(([, why, pid, name, ...words]) => {
    const [total_vm_kB, anon_rss_kB, file_rss_kB, shmem_rss_kB, uid, pgtables_kB, adj] = words.map(Number)
    return { why, pid: Number(pid), name, total_vm_kB, anon_rss_kB, file_rss_kB, shmem_rss_kB, uid, pgtables_kB, adj }
  })
}
