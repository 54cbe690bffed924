import { until, type Client } from '../../scripts/lib/client.ts'
import { upToNow } from './mailbox-comparison.ts'

export type Run = {
  readonly number: number
  readonly status: string
  readonly finishedAt: string | null
  readonly detail: string | null
  readonly count: number
  readonly failed: number
  readonly folders: readonly {
    readonly folder: string
    readonly listed: number
    readonly stored: number
    readonly known: number
    readonly excluded: number
    readonly failed: number
    readonly flagsChanged: number
    readonly removed: number
    readonly rules: readonly {
      readonly reason: string
      readonly pattern: { readonly pattern: string; readonly match: string } | null
      readonly count: number
    }[]
  }[]
}

/** The sync of an account as the API shows it; `position` is that of the answer that connected it. */
export const syncing = (client: Client, account: string, position: string | null) => {
  const path = `/v1/email-accounts/${account}/sync-runs`
  const listed = async (behind: string) =>
    (await client.get<{ data: Run[] }>(`${path}?limit=200&${behind}`)).data
  const runs = () => listed(position === null ? '' : `min_position=${position}`)
  /** The first run behind this number that has ended; `withinMs` for one that has much to do. */
  const after = async (last: number, withinMs?: number): Promise<Run> => {
    const ended = ({ number, finishedAt }: Run) => number > last && finishedAt !== null
    const found = await until(`Sync run ${last + 1}`, runs, (all) => all.some(ended), withinMs)
    return found.findLast(ended)!
  }
  const lastOf = (all: readonly Run[]) => Math.max(0, ...all.map(({ number }) => number))
  const begun = async () => listed(await upToNow(client))
  const ended = async () => (await begun()).filter(({ finishedAt }) => finishedAt !== null)
  /** Asks for a sync, and waits for the end of one that began after this call. */
  const now = async (): Promise<Run> => {
    const last = lastOf(await begun())
    await client.send('POST', path)
    return after(last)
  }
  return {
    after,
    now,
    /**
     * Every run that may have seen `change`, up to one that began after it: a watched mailbox is looked at
     * without being asked, so that what one change brought can be spread over several runs.
     */
    through: async (change: () => Promise<unknown>): Promise<readonly Run[]> => {
      const last = lastOf(await ended())
      await change()
      await now()
      return (await ended()).filter(({ number }) => number > last)
    },
  }
}
