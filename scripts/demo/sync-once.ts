import { until, type Client } from '../lib/client.ts'

export type Run = { number: number; status: string; count: number; finishedAt: string | null }

/** Syncs the account, and waits until a run that was asked for just now has ended. */
export const syncOnce = async (client: Client, account: string): Promise<void> => {
  const before = await client.get<{ data: Run[] }>(`/v1/email-accounts/${account}/sync-runs`)
  const last = Math.max(...before.data.map((run) => run.number))
  await client.send('POST', `/v1/email-accounts/${account}/sync-runs`)
  await until(
    'The sync',
    () => client.get<{ data: Run[] }>(`/v1/email-accounts/${account}/sync-runs`),
    ({ data }) => data.some((run) => run.number > last && run.finishedAt !== null),
  )
}
