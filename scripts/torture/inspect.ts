import { startEmbeddedPostgres } from '../../src/adapters/embedded-postgres/embedded-postgres.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { openStore } from '../../src/app/open-store.ts'
import { readLog, type Evidence, type Invariant } from './evidence.ts'
import { commandsAreInTheLogOnce } from './invariants/commands.ts'
import {
  everyLinkIsExplained,
  everyRunIsFinished,
  nothingIsLinkedTwice,
  theStoryIsTold,
} from './invariants/links.ts'
import { mailboxesAreWhole } from './invariants/mailboxes.ts'
import { secretsAreNowhere } from './invariants/secrets.ts'
import { blobsAreThere, logIsDense, readModelsAreRebuilt } from './invariants/storage.ts'
import { hitsAreRecorded, repliesAreRecordedOnce } from './invariants/tracking.ts'
import {
  copiesAreFiledOnce,
  everyMessageComesToAnEnd,
  nothingGoesEarly,
  nothingIsSentTwice,
  unknownIsRare,
} from './invariants/sending.ts'
import { allIsSettledAfterSigningIn } from './invariants/signed-in.ts'
import type { Scenario } from './options.ts'
import type { Judged } from './report.ts'

const invariants: Readonly<Record<Scenario, readonly Invariant[]>> = {
  mail: [
    commandsAreInTheLogOnce,
    nothingIsSentTwice,
    everyMessageComesToAnEnd,
    unknownIsRare,
    allIsSettledAfterSigningIn,
    nothingGoesEarly,
    copiesAreFiledOnce,
    mailboxesAreWhole,
    blobsAreThere,
    logIsDense,
    readModelsAreRebuilt,
    hitsAreRecorded,
    repliesAreRecordedOnce,
    secretsAreNowhere,
  ],
  links: [
    theStoryIsTold,
    everyRunIsFinished,
    everyLinkIsExplained,
    nothingIsLinkedTwice,
    mailboxesAreWhole,
    blobsAreThere,
    logIsDense,
    readModelsAreRebuilt,
    secretsAreNowhere,
  ],
}

/** Opens the database of the stopped services, and checks the invariants. */
export const inspect = async (
  scenario: Scenario,
  known: Omit<Evidence, 'pool' | 'store' | 'events'>,
  eventStoreUrl: string | null,
  onLook: (name: string) => void,
  interrupted: AbortSignal,
): Promise<Judged[]> => {
  const database = await startEmbeddedPostgres({ dataFolder: known.fire.databaseFolder })
  const pool = createPool({ ...database.connection, max: 4 })
  const store = await openStore({ eventStoreUrl }, pool, () => {})
  try {
    const evidence = { ...known, pool, store, events: await readLog(store) }
    const judged: Judged[] = []
    // If a service could not be started any more, fewer invariants can be checked.
    const wanted = invariants[scenario].filter(
      ({ atRest }) => !atRest || known.fire.tally.faults.length === 0,
    )
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
