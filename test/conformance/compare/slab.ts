/**
 * `slab/`: the geometry of every cache, exact: objsize, objperslab and pagesperslab of /proc/slabinfo, and all that was
 * read of /sys/kernel/slab. How many objects a cache holds is not compared: it is the measuring shell's history.
 */
import { exact, missing, type Comparator, type Figure } from './figure'
import { byPath, textsOf } from './texts'

interface RealCache {
  readonly name: string
  readonly [figure: string]: string | number
}
const SLABINFO = ['objsize', 'objperslab', 'pagesperslab'] as const
const COLUMNS = ['name', 'active_objs', 'num_objs', 'objsize', 'objperslab', 'pagesperslab'] as const

export const compareSlab: Comparator = (real, lines) => {
  const step = (name: string): RealCache[] =>
    (real.steps.find((s) => s.step === name)?.['caches'] ?? []) as unknown as RealCache[]
  const slabinfo = textsOf(lines, 'slabinfo').get('/proc/slabinfo')
  const sys = textsOf(lines, 'sys_kernel_slab')
  return [
    ...(slabinfo === undefined ? [missing('slabinfo')] : compareSlabinfo(step('slabinfo'), rowsOf(slabinfo))),
    ...(sys.size === 0 ? [missing('sys_kernel_slab')] : compareFolders(step('sys_kernel_slab'), sys)),
  ]
}

type Row = ReadonlyMap<string, number>
function rowsOf(text: string): ReadonlyMap<string, Row> {
  const rows = text.trim().split('\n').slice(2)
  return new Map(
    rows.map((row) => {
      const fields = row.split(/\s+/)
      return [fields[0]!, new Map(COLUMNS.map((column, i) => [column, Number(fields[i])]))]
    }),
  )
}

function compareSlabinfo(real: readonly RealCache[], got: ReadonlyMap<string, Row>): Figure[] {
  const names = real.map((cache) => cache.name)
  const figures: Figure[] = [exact('slabinfo', 'caches in order', names.join(' '), [...got.keys()].join(' '))]
  const uneven = [...got].filter(([, row]) => row.get('num_objs')! % row.get('objperslab')! !== 0).map(([name]) => name)
  figures.push(exact('slabinfo', 'num_objs a multiple of objperslab, but for', '', uneven.join(' ')))
  for (const cache of real) {
    const row = got.get(cache.name)
    for (const figure of SLABINFO)
      figures.push(exact('slabinfo', `${cache.name} ${figure}`, cache[figure]!, row?.get(figure) ?? 'missing'))
  }
  return figures
}

function compareFolders(real: readonly RealCache[], sys: ReadonlyMap<string, string>): Figure[] {
  const files = new Map([...sys].map(([pattern, text]) => [pattern.split('/').at(-1)!, byPath(text)]))
  const figures: Figure[] = []
  // One figure a folder, so that 285 caches by ten files do not outweigh everything else.
  for (const { name, ...values } of real) {
    const wanted = Object.entries(values).map(([file, value]) => `${file} ${value}`)
    const got = Object.keys(values).map((file) => {
      return `${file} ${files.get(file)?.get(`/sys/kernel/slab/${name}/${file}`) ?? 'missing'}`
    })
    figures.push(exact('sys_kernel_slab', name, wanted.join(', '), got.join(', ')))
  }
  const names = new Set(real.map((cache) => cache.name))
  const mine = [...(files.get('order')?.keys() ?? [])].map((path) => path.split('/').at(-2)!)
  figures.push(exact('sys_kernel_slab', 'folders too many', '', mine.filter((name) => !names.has(name)).join(' ')))
  return figures
}
