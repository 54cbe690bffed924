import { until, type Client } from '../lib/client.ts'

type Tracking = { delivery: { status: string } }

/** Waits until these emails count as delivered: when the inbox has been read after the window, where a bounce would be. */
export const delivered = async (client: Client, account: string, ids: readonly string[]): Promise<void> => {
  await until(
    'Delivery',
    async () => {
      await client.send('POST', `/v1/email-accounts/${account}/sync-runs`)
      return Promise.all(ids.map((id) => client.get<Tracking>(`/v1/outbox/${id}/tracking`)))
    },
    (all) => all.every(({ delivery }) => delivery.status === 'delivered'),
  )
}
