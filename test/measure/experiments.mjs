/** The experiments measured by this project itself: test/measure/experiments/FAMILY/ID. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, 'experiments')

/** `family/id`, sorted. */
export function experimentIds() {
  return readdirSync(FOLDER)
    .flatMap((family) => readdirSync(join(FOLDER, family)).map((id) => `${family}/${id}`))
    .filter((id) => existsSync(join(folderOf(id), 'machine.json')))
    .sort()
}

export function folderOf(id) {
  return join(FOLDER, id)
}

/** Whether `npm test` leaves it out, which runs some of each family; all of them take minutes. */
export function isLong(id) {
  return JSON.parse(readFileSync(join(folderOf(id), 'machine.json'), 'utf8')).long === true
}
