import { parseArgs } from 'node:util'
import { plants } from './planted/plants.ts'

export type Options = {
  readonly kills: number
  /** Processes on one database; one brings its own. */
  readonly services: number
  readonly seed: string
  /** No kill begins after so long. */
  readonly minutes: number
  /** Faults to plant, one run each; empty for a run of the service as it is. */
  readonly plants: readonly string[]
}

export const usage = `Usage: npm run torture -- [--kills N] [--services N] [--seed S] [--minutes M] [--plant NAME]

  --kills    how often the service is killed (20)
  --services how many processes share one database (1: with its own, as started by npm start); several are also stopped
             for longer than their leases last
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
        services: { type: 'string', default: '1' },
        seed: { type: 'string', default: drawnSeed },
        minutes: { type: 'string', default: '60' },
        plant: { type: 'string' },
      },
    })
    const kills = Number(values.kills)
    const minutes = Number(values.minutes)
    const services = Number(values.services)
    if (!Number.isInteger(kills) || kills < 1 || kills > 100_000)
      return '--kills is a number from 1 to 100000'
    if (!Number.isInteger(services) || services < 1 || services > 4)
      return '--services is a number from 1 to 4'
    if (!(minutes > 0 && minutes <= 1440)) return '--minutes is more than 0 and at most 1440'
    if (values.plant !== undefined && values.plant !== 'all' && !(values.plant in plants))
      return `There is no planted fault ${values.plant}`
    const wanted = values.plant === 'all' ? Object.keys(plants) : [values.plant ?? []].flat()
    return { kills, services, seed: values.seed, minutes, plants: wanted }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
