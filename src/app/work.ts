import type { FastifyBaseLogger } from 'fastify'
import { runAutomations } from '../commands/automation-runner.ts'
import { systemCaller } from '../commands/handle.ts'
import { isOutage } from '../commands/outage.ts'
import type { Clock } from '../commands/ports/clock.ts'
import { watchAccounts } from '../commands/sync/watch-accounts.ts'
import type { IdempotencyStore } from '../commands/ports/idempotency.ts'
import type { Config } from '../config.ts'
import { seldom } from '../std/seldom.ts'
import type { Adapters } from './adapters.ts'
import { automationsOf } from './automations.ts'
import type { Features } from './features.ts'
import type { Observing } from './observing.ts'

export type WorkDeps = {
  readonly config: Config
  readonly adapters: Adapters
  readonly features: Features
  readonly idempotency: IdempotencyStore
  readonly observing: Observing
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

/**
 * What a process does besides answering requests, until the signal aborts: as an API process it records the hits it
 * received, as a worker it updates the read models and runs the automations.
 */
export const work = async (deps: WorkDeps, signal: AbortSignal): Promise<void> => {
  const { role } = deps.config
  await Promise.all([
    ...(role === 'worker' ? [] : [recordHits(deps, signal)]),
    ...(role === 'api'
      ? []
      : [deps.adapters.runner.start(signal), automate(deps, signal), watchMailboxes(deps, signal)]),
  ])
}

const recordHits = ({ adapters, features, observing, clock }: WorkDeps, signal: AbortSignal) =>
  adapters.spool.pump(
    (hits) =>
      observing.run('record hits', () =>
        features.tracking.commands.recordHits(systemCaller('tracking', clock, 'spool'), hits),
      ),
    signal,
  )

const watchMailboxes = ({ adapters, features, log }: WorkDeps, signal: AbortSignal) =>
  watchAccounts({
    leases: adapters.leases,
    hints: features.sync.hints,
    watchMailbox: features.accounts.watchMailbox,
    watchable: features.sync.queries.watchable,
    stillWatchable: features.sync.queries.stillWatchable,
    onError: (error) => log.error({ err: error }, 'watching mailboxes failed'),
  })(signal)

/** An outage fails every automation once a second. */
const OUTAGE_TOLD_EVERY_MS = 30_000

const automate = (deps: WorkDeps, signal: AbortSignal) => {
  const { leases, runner } = deps.adapters
  const tellOutage = seldom(OUTAGE_TOLD_EVERY_MS, (error: unknown, times) =>
    deps.log.error(
      { reason: error instanceof Error ? error.message : 'unknown', times },
      'automations wait: the event log or the database does not answer',
    ),
  )
  return runAutomations(
    automationsOf(deps).map(deps.observing.automation),
    {
      leases,
      onAdvanced: (names, listener) => {
        const ends = names.map((name) => runner.onAdvanced(name, listener))
        return () => ends.forEach((end) => end())
      },
      onError: (automation, error) => {
        if (isOutage(error)) tellOutage(error)
        else deps.log.error({ err: error, automation }, 'automation failed')
      },
    },
    signal,
  )
}
