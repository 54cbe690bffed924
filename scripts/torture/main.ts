import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { loggedErrors } from './log-errors.ts'
import { commandOf, readOptions, usage, type Options } from './options.ts'
import { plantedEnv } from './planted/environment.ts'
import { plants } from './planted/plants.ts'
import { brokenList, say, verdictTable } from './report.ts'
import { torture } from './run.ts'

const main = async (options: Options, interrupted: AbortSignal): Promise<boolean> => {
  if (options.plants.length === 0) return judged(options, interrupted)
  const missed: string[] = []
  for (const plant of options.plants) if (!(await finds(plant, options, interrupted))) missed.push(plant)
  say(
    missed.length === 0
      ? `All ${options.plants.length} planted faults were found.`
      : `NOT FOUND: ${missed.join(', ')}`,
  )
  return missed.length === 0
}

const inWords = (options: Options): string => {
  const { kills, pauses, databaseKills, eventStoreStrikes, apis, workers } = options
  const services = workers === 0 ? 'one service' : `${apis} apis and ${workers} workers`
  return `${kills} kills, ${pauses} pauses, ${databaseKills} kills of the database, ${eventStoreStrikes} strikes at the event store, ${services}\nAgain with: ${commandOf(options)}`
}

/** The service as it is: every invariant must hold. After a failure the whole folder is kept. */
const judged = async (options: Options, interrupted: AbortSignal): Promise<boolean> => {
  say(`Torture: ${inWords(options)}`)
  const { verdicts, folder } = await torture({ ...options, env: {} }, interrupted)
  say(verdictTable(verdicts))
  for (const error of loggedErrors(folder)) say(`Logged as an error: ${error}`)
  if (verdicts.every(({ broken }) => broken.length === 0)) {
    fs.rmSync(folder, { recursive: true, force: true })
    return true
  }
  say(brokenList(verdicts))
  say(`Again with: ${commandOf(options)}`)
  say(`Data, ledger and log are kept in ${folder}`)
  return false
}

/** The service with a fault: some invariant must fail. */
const finds = async (plant: string, options: Options, interrupted: AbortSignal): Promise<boolean> => {
  const { does, needsOthers } = plants[plant]!
  const several = needsOthers && options.workers < 2 ? { apis: 1, workers: 2 } : {}
  const run = { ...options, ...several, env: plantedEnv(plant) }
  say(`Planted: the service ${does}: ${inWords({ ...run, plants: [plant] })}`)
  const { verdicts, folder } = await torture(run, interrupted)
  fs.rmSync(folder, { recursive: true, force: true })
  const broken = brokenList(verdicts)
  say(broken === '' ? 'NOT FOUND' : broken)
  return broken !== ''
}

const options = readOptions(process.argv.slice(2), randomBytes(4).toString('hex'))
if (typeof options === 'string') {
  process.stderr.write(`${options}\n\n${usage}\n`)
  process.exitCode = 2
} else {
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interruption.abort(new Error(`Stopped by ${signal}`)))
  try {
    process.exitCode = (await main(options, interruption.signal)) ? 0 : 1
  } catch (error) {
    const isOurs = interruption.signal.aborted
    const text =
      error instanceof Error ? ((isOurs ? undefined : error.stack) ?? error.message) : String(error)
    process.stderr.write(`${text}\n`)
    process.exitCode = 1
  }
}
