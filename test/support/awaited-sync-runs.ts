import { until, type Client } from '../../scripts/lib/client.ts'

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
  const runs = async () => {
    const behind = position === null ? '' : `&min_position=${position}`
    return (await client.get<{ data: Run[] }>(`${path}?limit=200${behind}`)).data
  }
  /** The first run behind this number that has ended; `withinMs` for one that has much to do. */
  const after = async (last: number, withinMs?: number): Promise<Run> => {
    const ended = ({ number, finishedAt }: Run) => number > last && finishedAt !== null
    const listed = await until(`Sync run ${last + 1}`, runs, (found) => found.some(ended), withinMs)
    return listed.findLast(ended)!
  }
  return {
    after,
    /** Asks for a sync, and waits for its end. */
    now: async (): Promise<Run> => {
      const last = Math.max(0, ...(await runs()).map(({ number }) => number))
      await client.send('POST', path)
      return after(last)
    },
  }
}
