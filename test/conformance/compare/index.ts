/** Which figures of an experiment are compared: every comparator whose pattern the experiment's id matches adds its own. */
import type { LabLine } from '../../../src-main/lab/measure'
import type { Experiment } from '../reference'
import { compareBoot } from './boot'
import { compareBuddy } from './buddy'
import { compareCgroup } from './cgroup'
import { missing, type Comparator, type Figure } from './figure'
import { compareFormats } from './formats'
import { compareOom } from './oom'
import { compareOvercommit } from './overcommit'
import { comparePsi } from './psi'
import { comparePagemap } from './pagemap'
import { compareSignals } from './signals'
import { compareSlab } from './slab'
import { compareSteps } from './steps'
import { compareVma } from './vma'
import { compareWriteback } from './writeback'
import { compareZoneFree } from './zones'

const COMPARATORS: readonly (readonly [RegExp, Comparator])[] = [
  [/^buddy\//, compareBuddy],
  [/^(faults|reclaim|buddy|zones|psi)\//, compareSteps],
  [/^faults\/(?!c14)/, compareSignals],
  [/^faults\/c14/, compareVma],
  [/^overcommit\//, compareOvercommit],
  [/^(oom|cgroup)\//, compareOom],
  [/^cgroup\//, compareCgroup],
  [/^boot\//, compareBoot],
  [/^slab\//, compareSlab],
  [/^zones\//, compareZoneFree],
  [/^formats$/, compareFormats],
  [/^psi\//, comparePsi],
  [/^writeback\//, compareWriteback],
  [/^formats$/, comparePagemap],
]

/** An experiment of whose figures none can be compared yet counts as one wrong figure, and says so. */
export function compare(real: Experiment, lines: readonly LabLine[]): Figure[] {
  const figures = COMPARATORS.flatMap(([ids, comparator]) => (ids.test(real.id) ? comparator(real, lines) : []))
  return figures.length > 0 ? figures : [missing('the whole experiment')]
}
