import type { Clock } from '../src/commands/ports/clock.ts'
import { SYNC_LANES } from '../src/commands/sync/sync-due-accounts.ts'
import { inParallel } from '../src/std/in-parallel.ts'
import { until, type Client } from '../scripts/lib/client.ts'
import { inTurn, rate, type Bench, type Measured } from './measure.ts'
import type { BenchService } from './service.ts'

/** So many that one is always due while what has been read of the others becomes known. */
export const MAILBOXES = 100
const RUNS = 500
const HOUR_MS = 3_600_000

type Idle = {
  /** A service that is running. */
  readonly start: (clock: Clock) => Promise<BenchService>
  readonly connect: (client: Client, mailbox: number) => Promise<unknown>
  /** Reads a mailbox, and returns what the bare client does to learn that nothing is new. */
  readonly bare: (mailbox: number) => Promise<() => Promise<unknown>>
}

/** Runs that find nothing new, from the to-do list to their record. */
export const idleRuns = async (bench: Bench, { start, connect, bare }: Idle): Promise<Measured> => {
  const mailboxes = Array.from({ length: MAILBOXES }, (_, mailbox) => mailbox)
  const turns = Array.from({ length: RUNS }, (_, turn) => turn)
  const asks = await inParallel(mailboxes, SYNC_LANES, bare)
  // By this clock an account is due again as soon as it has been read.
  const service = await start(() => new Date(Date.now() + HOUR_MS))
  const { client, pool } = service
  await inParallel(mailboxes, SYNC_LANES, (mailbox) => connect(client, mailbox))
  const runs = async (): Promise<number> => {
    const { rows } = await pool.query<{ count: number }>(
      `select count(*)::int from es.events where type = 'SyncRunFinished'`,
    )
    return rows[0]!.count
  }
  const ranTimes = (count: number) => until('The runs', runs, (ran) => ran >= count)
  await ranTimes(MAILBOXES)
  const ours = async () => {
    const before = await runs()
    return rate(RUNS, () => ranTimes(before + RUNS))
  }
  const ceiling = () => rate(RUNS, () => inParallel(turns, SYNC_LANES, (turn) => asks[turn % MAILBOXES]!()))
  const measured = await inTurn(bench.rounds, ours, ceiling)
  await service.stop()
  return measured
}
