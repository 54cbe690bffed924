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
  return {
    after,
    /** Asks for a sync, and waits for the end of one that began after this call. */
    now: async (): Promise<Run> => {
      const begun = await listed(await upToNow(client))
      const last = Math.max(0, ...begun.map(({ number }) => number))
      await client.send('POST', path)
      return after(last)
    },
  }
}
