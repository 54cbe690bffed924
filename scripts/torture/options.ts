import { parseArgs } from 'node:util'
import { isOneHost } from './event-store.ts'
import { plants } from './planted/plants.ts'

const PROVIDERS = ['imap-smtp', 'gmail', 'outlook'] as const
export type Provider = (typeof PROVIDERS)[number]
const isProvider = (name: string): name is Provider => PROVIDERS.some((each) => each === name)

const SCENARIOS = ['mail', 'links'] as const
/** What the service is kept busy with while it is hit: all that it does, or what mail is linked to. */
export type Scenario = (typeof SCENARIOS)[number]
const isScenario = (name: string): name is Scenario => SCENARIOS.some((each) => each === name)

export type Options = {
  readonly scenario: Scenario
  /** In each mailbox before the first kill; more than 1,000 are matched in several batches. */
  readonly mails: number
  readonly kills: number
  /** How often a process is suspended for longer than its leases last. */
  readonly pauses: number
  readonly databaseKills: number
  /** Processes by role, on one database; none of either means one service with its own, as `npm start` runs. */
  readonly apis: number
  readonly workers: number
  /** The kinds of mailbox that emails are sent from. */
  readonly providers: readonly Provider[]
  readonly seed: string
  /** No kill or pause after this long. */
  readonly minutes: number
  /** The EventStoreDB that keeps the log; null for one of our own if it is struck, otherwise for the database. */
  readonly eventStoreUrl: string | null
  readonly eventStoreStrikes: number
  /** Faults to plant, one run each; empty to run the service as it is. */
  readonly plants: readonly string[]
}

export const usage = `Usage: npm run torture -- [--kills N] [--pauses N] [--database-kills N] [--apis N --workers N]
                           [--event-store-strikes N] [--event-store-url URL] [--providers P,P]
                           [--scenario NAME] [--mails N] [--seed S] [--minutes M] [--plant NAME]

  --kills            how often a process is killed (20)
  --pauses           how often one is stopped for longer than its leases last, and then goes on (0)
  --database-kills   how often the database is killed (2)
  --apis --workers   how many processes of each role share one database (none: one service with a database of its own;
                     for links one api and two workers)
  --event-store-strikes
                     how often the EventStoreDB that keeps the log is struck (0): killed, paused or cut off if it is a
                     double of ours, cut off if there is a URL
  --event-store-url  the EventStoreDB that keeps the log, as the services are told by EVENT_STORE_URL
  --providers        kinds of mailbox that emails are sent from, of which gmail and outlook are doubles that are signed
                     in with (imap-smtp,gmail,outlook)
  --scenario         what it is kept busy with: mail (all that it does), or links (contacts and rules that change while
                     mail arrives; only workers are killed, of two, and the log is in the database)
  --mails            how many mails lie in each mailbox before the first kill, for links (1200)
  --seed             what decides when which of them is hit, and what is asked meanwhile (drawn and printed)
  --minutes          hit nothing more after so long (60)
  --plant            run the service with a planted fault, which the run must find; all for each of
                     ${Object.keys(plants).join(', ')}`

const known = {
  kills: { type: 'string', default: '20' },
  pauses: { type: 'string', default: '0' },
  'database-kills': { type: 'string', default: '2' },
  apis: { type: 'string' },
  workers: { type: 'string' },
  providers: { type: 'string', default: PROVIDERS.join(',') },
  scenario: { type: 'string', default: 'mail' },
  mails: { type: 'string', default: '1200' },
  seed: { type: 'string' },
  minutes: { type: 'string', default: '60' },
  'event-store-strikes': { type: 'string', default: '0' },
  'event-store-url': { type: 'string' },
  plant: { type: 'string' },
} as const

const largest = {
  mails: 10_000,
  kills: 100_000,
  pauses: 1000,
  'database-kills': 1000,
  apis: 4,
  workers: 4,
  'event-store-strikes': 1000,
} as const

/** How many there are of each role if nothing is said: only workers are killed while mail is linked. */
const processes = { mail: { apis: '0', workers: '0' }, links: { apis: '1', workers: '2' } } as const

/** @returns what is wrong with the arguments, as text */
export const readOptions = (args: string[], drawnSeed: string): Options | string => {
  try {
    const { values } = parseArgs({ args, options: known })
    const { scenario } = values
    if (!isScenario(scenario)) return `--scenario must be one of ${SCENARIOS.join(', ')}`
    const given = { ...processes[scenario], ...values }
    const numbers = Object.entries(largest).map(([name, most]) => {
      const number = Number(given[name as keyof typeof largest])
      if (!Number.isInteger(number) || number < 0 || number > most)
        throw new RangeError(`--${name} must be a number from 0 to ${most}`)
      return number
    })
    const [mails, kills, pauses, databaseKills, apis, workers, eventStoreStrikes] = numbers as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    if ((apis === 0) !== (workers === 0)) return '--apis and --workers go together: at least one of each'
    if (scenario === 'links' && workers === 0) return '--scenario links needs --apis and --workers'
    const minutes = Number(values.minutes)
    if (!(minutes > 0 && minutes <= 1440)) return '--minutes must be more than 0 and at most 1440'
    if (values.plant !== undefined && values.plant !== 'all' && !(values.plant in plants))
      return `There is no planted fault ${values.plant}`
    const wanted = values.plant === 'all' ? Object.keys(plants) : [values.plant ?? []].flat()
    const providers = values.providers.split(',')
    if (!providers.every(isProvider)) return `--providers must be some of ${PROVIDERS.join(',')}`
    const eventStoreUrl = values['event-store-url'] ?? null
    if (eventStoreStrikes > 0 && eventStoreUrl !== null && !isOneHost(eventStoreUrl))
      return '--event-store-strikes needs an --event-store-url with one host: esdb://host:2113'
    if (scenario === 'links' && (eventStoreUrl !== null || eventStoreStrikes > 0))
      return '--scenario links keeps the log in the database'
    return {
      scenario,
      mails,
      kills,
      pauses,
      databaseKills,
      apis,
      workers,
      providers,
      seed: values.seed ?? drawnSeed,
      minutes,
      eventStoreUrl,
      eventStoreStrikes,
      plants: wanted,
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The whole command line that repeats a run, but for the password of the event store. */
export const commandOf = (options: Options): string => {
  const url = options.eventStoreUrl?.replace(/^(esdb(?:\+discover)?:\/\/[^:@/]*):[^@]*@/, '$1:PASSWORD@')
  const values: Record<keyof typeof known, string | number | undefined> = {
    kills: options.kills,
    pauses: options.pauses,
    'database-kills': options.databaseKills,
    apis: options.apis,
    workers: options.workers,
    'event-store-strikes': options.eventStoreStrikes,
    'event-store-url': url,
    providers: options.providers.join(','),
    scenario: options.scenario,
    mails: options.mails,
    seed: options.seed,
    minutes: options.minutes,
    plant: options.plants.length > 1 ? 'all' : options.plants[0],
  }
  const told = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${quoted(String(value))}`],
  )
  return `npm run torture -- ${told.join(' ')}`
}

/** For a shell. */
const quoted = (text: string): string =>
  /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
