import { parseArgs } from 'node:util'
import { plants } from './planted/plants.ts'

export type Options = {
  readonly kills: number
  readonly seed: string
  /** No kill begins after so long. */
  readonly minutes: number
  /** Faults to plant, one run each; empty for a run of the service as it is. */
  readonly plants: readonly string[]
}

export const usage = `Usage: npm run torture -- [--kills N] [--seed S] [--minutes M] [--plant NAME]

  --kills    how often the service is killed (20)
  --seed     what decides when it is killed and what it is asked meanwhile (drawn and printed)
  --minutes  kill no more after so long (60)
  --plant    run the service with a planted fault, which the run must find; all for each of
             ${Object.keys(plants).join(', ')}`

/** @returns what is wrong with the arguments, as text */
export const readOptions = (args: string[], drawnSeed: string): Options | string => {
  try {
    const { values } = parseArgs({
      args,
      options: {
        kills: { type: 'string', default: '20' },
        seed: { type: 'string', default: drawnSeed },
        minutes: { type: 'string', default: '60' },
        plant: { type: 'string' },
      },
    })
    const kills = Number(values.kills)
    const minutes = Number(values.minutes)
    if (!Number.isInteger(kills) || kills < 1 || kills > 100_000)
      return '--kills is a number from 1 to 100000'
    if (!(minutes > 0 && minutes <= 1440)) return '--minutes is more than 0 and at most 1440'
    if (values.plant !== undefined && values.plant !== 'all' && !(values.plant in plants))
      return `There is no planted fault ${values.plant}`
    const wanted = values.plant === 'all' ? Object.keys(plants) : [values.plant ?? []].flat()
    return { kills, seed: values.seed, minutes, plants: wanted }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
