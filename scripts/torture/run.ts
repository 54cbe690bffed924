import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbeddedPostgres } from '../../src/adapters/embedded-postgres/embedded-postgres.ts'
import { postgresEventStore } from '../../src/adapters/postgres/event-store.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { chanceOf, type Chance } from './chance.ts'
import { watchCheckpoints } from './checkpoints.ts'
import { commander, type Commander } from './commander.ts'
import { readLog, type Evidence, type Invariant } from './evidence.ts'
import { databaseIn, openFire, type Fire } from './fire.ts'
import { commandsAreInTheLogOnce } from './invariants/commands.ts'
import { mailboxesAreWhole } from './invariants/mailboxes.ts'
import { secretsAreNowhere } from './invariants/secrets.ts'
import {
  copiesAreFiledOnce,
  everyMessageComesToAnEnd,
  nothingGoesEarly,
  nothingIsSentTwice,
  unknownIsRare,
} from './invariants/sending.ts'
import { blobsAreThere, logIsDense, readModelsAreRebuilt } from './invariants/storage.ts'
import { hitsAreRecorded, repliesAreRecordedOnce } from './invariants/tracking.ts'
import { openLedger } from './ledger.ts'
import { load, type Asked } from './load.ts'
import { quiesce } from './quiesce.ts'
import { progressLine, quantile, type Judged } from './report.ts'
import type { Tally } from './target.ts'
import { openWorld, type World } from './world.ts'

const invariants: readonly Invariant[] = [
  commandsAreInTheLogOnce,
  nothingIsSentTwice,
  everyMessageComesToAnEnd,
  unknownIsRare,
  nothingGoesEarly,
  copiesAreFiledOnce,
  mailboxesAreWhole,
  blobsAreThere,
  logIsDense,
  readModelsAreRebuilt,
  hitsAreRecorded,
  repliesAreRecordedOnce,
  secretsAreNowhere,
]

/** What was asked for before the end is answered within this time, or never. */
const ANSWER_WITHIN_MS = 90_000
/** From one kill to the next, roughly. */
const CYCLE_MS = 3000

export type Run = {
  readonly kills: number
  /** One with a database of its own, or several on one. */
  readonly services: number
  readonly seed: string
  readonly minutes: number
  /** What the service's process is given besides, to plant a fault in it. */
  readonly env: Record<string, string>
}

export type Outcome = { readonly verdicts: readonly Judged[]; readonly folder: string }

/**
 * One run: load and kills, quiet, and what the log, the tables and the files say in the end, held against what is known
 * out here. Whatever happens, nothing that was started is left. @throws where `interrupted` aborts
 */
export const torture = async (run: Run, interrupted: AbortSignal): Promise<Outcome> => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'mailtrail-torture-'))
  // Passable for the user that the database runs as when this runs as root.
  fs.chmodSync(folder, 0o711)
  const ledger = openLedger(join(folder, 'ledger.jsonl'))
  const chance = chanceOf(run.seed)
  const world = await openWorld(ledger, chance.branch('world'))
  fs.writeFileSync(join(folder, 'authority.pem'), world.ca)
  const fire = await openService(folder, world, run)
  try {
    return { folder, verdicts: await underFire({ ...run, folder, world, fire, chance }, interrupted) }
  } finally {
    await fire.end()
    await world.close()
    ledger.close()
    if (interrupted.aborted) fs.rmSync(folder, { recursive: true, force: true })
  }
}

const openService = (folder: string, world: World, { env, services }: Run): Promise<Fire> =>
  openFire({
    folder,
    services,
    env: {
      ...env,
      MAILTRAIL_EXTRA_CA: join(folder, 'authority.pem'),
      MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8',
      MAILTRAIL_ALLOWED_PORTS: `${world.imap.port},${world.sink.port}`,
    },
  })

type Parts = Run & {
  readonly folder: string
  readonly world: World
  readonly fire: Fire
  readonly chance: Chance
}

const underFire = async (parts: Parts, interrupted: AbortSignal): Promise<Judged[]> => {
  const { fire, chance, world, folder, kills, minutes } = parts
  const enough = new AbortController()
  const late = new AbortController()
  const commands = commander(fire, chance.branch('repeats'), AbortSignal.any([interrupted, late.signal]))
  const stopAsking = AbortSignal.any([interrupted, enough.signal])
  const { asked, warm, done } = load({
    world,
    fire,
    commander: commands,
    chance,
    fireMs: kills * CYCLE_MS,
    enough: stopAsking,
  })
  const progress = progressLine()
  let phase = 'under fire'
  const tell = () => progress.say(`${phase}: ${stateOf(parts, commands, asked)}`)
  const ticking = setInterval(tell, 500)
  const checkpoints = watchCheckpoints(folder)
  try {
    const noMore = AbortSignal.any([interrupted, AbortSignal.timeout(minutes * 60_000)])
    await fire.bombard({
      kills,
      chance: chance.branch('kills'),
      warm,
      moment: () => world.nextTaken(),
      onReady: (lostDatabase) => checkpoints.look(lostDatabase),
      noMore,
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
    const stuck =
      isAnswered && !hasFallen
        ? await quiesce({ folder, world, commander: commands, accounts: asked.accounts, onWait })
        : ['Not everything that was asked for was answered']
    phase = 'stopping'
    const disorder = hasFallen ? [] : await fire.stop()
    await fire.end()
    interrupted.throwIfAborted()
    const recovery = recovered(fire.tally, [...stuck, ...disorder])
    const { wentBack } = checkpoints
    const onLook = (name: string) => {
      phase = `checking that ${name}`
      tell()
    }
    return [
      recovery,
      ...(await inspect({ folder, world, fire, commander: commands, asked, wentBack }, onLook, interrupted)),
    ]
  } finally {
    clearInterval(ticking)
    progress.end()
  }
}

const stateOf = ({ fire, kills, world }: Parts, commands: Commander, asked: Asked): string =>
  [
    `${fire.tally.kills}/${kills} kills`,
    `${commands.answered.length} commands`,
    `${asked.wishes.length} messages queued, ${world.sunk.length} taken`,
    `${world.laid.length} mails in mailboxes`,
    `${asked.hits.length} hits`,
  ].join(', ')

const recovered = (tally: Tally, broken: readonly string[]): Judged => {
  const [median, p99] = [0.5, 0.99].map((share) => (quantile(tally.recoveries, share) / 1000).toFixed(2))
  const { kills, killsInStart, databaseKills, pauses } = tally
  return {
    name: 'the service is ready again after every kill, comes to rest, and ends in order',
    looked: `${kills} kills, ${killsInStart} in a start, ${databaseKills} with the database, ${pauses} pauses; ready again after ${median} s (median), ${p99} s (p99)`,
    broken: [...tally.faults, ...broken],
  }
}

/** Opens the database of the stopped service, and judges. */
const inspect = async (
  known: Omit<Evidence, 'pool' | 'store' | 'events'>,
  onLook: (name: string) => void,
  interrupted: AbortSignal,
): Promise<Judged[]> => {
  const database = await startEmbeddedPostgres({ dataFolder: databaseIn(known.folder) })
  const pool = createPool({ ...database.connection, max: 4 })
  const store = postgresEventStore(pool)
  try {
    const evidence = { ...known, pool, store, events: await readLog(store) }
    const judged: Judged[] = []
    // Of a service that could not be started any more there is less to say.
    const wanted = invariants.filter(({ atRest }) => !atRest || known.fire.tally.faults.length === 0)
    for (const { name, check } of wanted) {
      interrupted.throwIfAborted()
      onLook(name)
      judged.push({ name, ...(await judge(check, evidence)) })
    }
    return judged
  } finally {
    await store.close()
    await pool.end()
    await database.stop()
  }
}

const judge = async (check: Invariant['check'], evidence: Evidence) => {
  try {
    return await check(evidence)
  } catch (error) {
    return {
      looked: 'the check broke',
      broken: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    }
  }
}
