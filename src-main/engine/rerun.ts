/** A past machine made anew: from a checkpoint where there is one that fits, else from the boot. */
import type { Checkpoint, LoggedCommand } from '../recorder/types'
import { decompress } from './checkpoint'
import { bootMachine, restoreMachine, type Machine } from './machine'
import type { ScenarioSource } from './scenarios'

/** The largest machine that a scenario may ask for; a checkpoint of a larger one is not ours. */
const MAX_RAM = 64 * 2 ** 30

/** `commands` are all of the recording; those from the machine's step on are still to be carried out. */
export async function machineFrom(
  checkpoint: Checkpoint | null,
  source: ScenarioSource,
  seed: number,
  commands: readonly LoggedCommand[],
): Promise<Machine> {
  if (checkpoint === null) return bootMachine(source, seed, commands)
  try {
    const snapshot = await decompress(checkpoint)
    if (!(snapshot.config.ram <= MAX_RAM && snapshot.config.cpus <= 64))
      throw new RangeError('checkpoint: impossible machine')
    return restoreMachine(snapshot, source, seed, commands)
  } catch {
    // Another build's tables, or damage: the causes are all there is, and all that is needed.
    return bootMachine(source, seed, commands)
  }
}
