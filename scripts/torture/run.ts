import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chanceOf, type Chance } from './chance.ts'
import { watchCheckpoints } from './checkpoints.ts'
import { commander, type Commander } from './commander.ts'
import { connectionIn, openFire, type Fire } from './fire.ts'
import { openEventStore, type Strike, type StruckStore } from './event-store.ts'
import { inspect } from './inspect.ts'
import { openLedger } from './ledger.ts'
import { load, type Asked } from './load.ts'
import type { Options } from './options.ts'
import { quiesce } from './quiesce.ts'
import { progressLine, quantile, type Judged } from './report.ts'
import type { TakenOver } from './takeovers.ts'
import type { Tally } from './target.ts'
import { matchedAnew } from './watch-matching.ts'
import { openWorld, type World } from './world.ts'

/** What was requested before the end is answered within this time, or never. */
const ANSWER_WITHIN_MS = 90_000
/** Approximate time between kills and strikes. */
const CYCLE_MS = 2500

/** `env` is extra environment for the processes, to plant a fault. */
export type Run = Omit<Options, 'plants'> & { readonly env: Record<string, string> }

export type Outcome = { readonly verdicts: readonly Judged[]; readonly folder: string }

/**
 * One run: load with kills and pauses, then quiet, then the log, tables and files are checked against what is known
 * outside. Whatever happens, nothing that was started is left running.
 * @throws if `interrupted` aborts
 */
export const torture = async (run: Run, interrupted: AbortSignal): Promise<Outcome> => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'mailtrail-torture-'))
  // The database's user must be able to enter it if this runs as root.
  fs.chmodSync(folder, 0o711)
  const ledger = openLedger(join(folder, 'ledger.jsonl'))
  const chance = chanceOf(run.seed)
  let opened: Fire | null = null
  const redirectUri = () => `${opened?.trackingUrl}/oauth/callback`
  const providers = run.scenario === 'links' ? (['imap-smtp'] as const) : run.providers
  const world = await openWorld({ ledger, chance: chance.branch('world'), providers, redirectUri })
  fs.writeFileSync(join(folder, 'authority.pem'), world.ca)
  const eventStore = await openEventStore(folder, run, chance.branch('event store'))
  const fire = (opened = await openServices(folder, world, run, eventStore))
  try {
    const parts = { ...run, folder, world, fire, eventStore, chance }
    return { folder, verdicts: await underFire(parts, interrupted) }
  } finally {
    await fire.end()
    await eventStore?.end()
    await world.close()
    ledger.close()
    if (interrupted.aborted) fs.rmSync(folder, { recursive: true, force: true })
  }
}

const openServices = (
  folder: string,
  world: World,
  { env, apis, workers }: Run,
  eventStore: StruckStore | null,
): Promise<Fire> =>
  openFire({
    folder,
    apis,
    workers,
    eventStoreUrl: eventStore?.url ?? null,
    env: {
      ...env,
      ...world.env,
      MAILTRAIL_EXTRA_CA: join(folder, 'authority.pem'),
      MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8',
      MAILTRAIL_ALLOWED_PORTS: `${world.imap.port},${world.sink.port}`,
    },
  })

type Parts = Run & {
  readonly folder: string
  readonly world: World
  readonly fire: Fire
  readonly eventStore: StruckStore | null
  readonly chance: Chance
}

const underFire = async (parts: Parts, interrupted: AbortSignal): Promise<Judged[]> => {
  const { fire, chance, world, folder, kills, minutes, eventStore, eventStoreStrikes } = parts
  const enough = new AbortController()
  const late = new AbortController()
  const commands = commander(fire, chance.branch('repeats'), AbortSignal.any([interrupted, late.signal]))
  const { asked, warm, done } = load({
    scenario: parts.scenario,
    mails: parts.mails,
    world,
    fire,
    commander: commands,
    chance,
    fireMs: (kills + eventStoreStrikes) * CYCLE_MS,
    enough: AbortSignal.any([interrupted, enough.signal]),
  })
  const progress = progressLine()
  let phase = 'under fire'
  const tell = () => progress.say(`${phase}: ${stateOf(parts, commands, asked)}`)
  const ticking = setInterval(tell, 500)
  const checkpoints = watchCheckpoints(fire.databaseFolder)
  try {
    const takeovers = await fire.bombard({
      ...parts,
      chance: chance.branch('blows'),
      warm,
      onlyWorkers: parts.scenario === 'links',
      moment: () =>
        parts.scenario === 'links'
          ? matchedAnew(connectionIn(fire.databaseFolder), enough.signal)
          : world.nextMoment(),
      onReady: (lostDatabase) => checkpoints.look(lostDatabase),
      noMore: AbortSignal.any([interrupted, AbortSignal.timeout(minutes * 60_000)]),
      interrupted,
    })
    enough.abort()
    phase = 'waiting for answers'
    const isAnswered = await Promise.race([
      done.then(() => true),
      sleep(ANSWER_WITHIN_MS, false, { ref: false }),
    ])
    if (!isAnswered) late.abort()
    interrupted.throwIfAborted()
    const onWait = (what: string) => (phase = `waiting for ${what}`)
    const hasFallen = fire.tally.faults.length > 0
    const { spools } = fire
    const stuck =
      isAnswered && !hasFallen
        ? await quiesce({
            scenario: parts.scenario,
            spools,
            world,
            commander: commands,
            accounts: asked.accounts,
            onWait,
          })
        : ['Not every request was answered']
    phase = 'stopping'
    const disorder = hasFallen ? [] : await fire.stop()
    await fire.end()
    interrupted.throwIfAborted()
    const onLook = (name: string) => {
      phase = `checking that ${name}`
      tell()
    }
    const known = { folder, world, fire, commander: commands, asked, wentBack: checkpoints.wentBack }
    return [
      recovered(fire.tally, [...stuck, ...disorder]),
      ...(parts.workers > 0 ? [takenOver(takeovers)] : []),
      ...(await inspect(parts.scenario, known, eventStore?.url ?? null, onLook, interrupted)),
    ]
  } finally {
    clearInterval(ticking)
    progress.end()
  }
}

const stateOf = ({ fire: { tally }, kills, world }: Parts, commands: Commander, asked: Asked): string =>
  [
    `${tally.kills}/${kills} kills, ${tally.pauses} pauses, ${tally.databaseKills} of the database, ${tally.eventStoreStrikes.length} at the event store`,
    `${commands.answered.length} commands`,
    `${asked.wishes.length} emails queued, ${world.sunk.length} accepted`,
    `${world.laid.length} mails in mailboxes`,
    `${asked.hits.length} hits`,
  ].join(', ')

const recovered = (tally: Tally, broken: readonly string[]): Judged => {
  const { kills, killsInStart, databaseKills, eventStoreStrikes, pauses, recoveries, faults } = tally
  const [median, p99] = [0.5, 0.99].map((share) => seconds(quantile(recoveries, share)))
  return {
    name: 'every process is ready again after each kill or pause, all come to rest, and stop properly within 20 s',
    looked: `${kills} kills, ${killsInStart} in a start; ${pauses} pauses; ${databaseKills} kills of the database; ${strikesInWords(eventStoreStrikes)}; ready again after ${median} s (median), ${p99} s (p99)`,
    broken: [...faults, ...broken],
  }
}

const strikesInWords = (strikes: readonly Strike[]): string => {
  const [kills, pauses, cuts] = (['kill', 'pause', 'cut'] as const).map(
    (kind) => strikes.filter((strike) => strike === kind).length,
  )
  return `the event store killed ${kills} times, paused ${pauses} times, cut off ${cuts} times`
}

const takenOver = ({ times, wallTimes, broken }: TakenOver): Judged => {
  const [median, most, wallMedian, wallMost] = [times, wallTimes].flatMap((all) =>
    [0.5, 1].map((share) => seconds(quantile(all, share))),
  )
  return {
    name: 'leases of a killed or paused worker are held by another within 15 s during which one is available',
    looked: `${times.length} leases, taken over after ${median} s (median), ${most} s (most); with the time in which all workers were down ${wallMedian} s, ${wallMost} s`,
    broken,
  }
}

const seconds = (ms: number): string => (ms / 1000).toFixed(2)
