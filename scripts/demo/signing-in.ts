import { until, type Client } from '../lib/client.ts'
import { connectBySigningIn } from '../lib/connect-by-signing-in.ts'
import { delivered } from './delivery.ts'
import { step } from './screen.ts'
import { customers, rep, signedIn, type World } from './world.ts'

type Created = { id: string }
type Run = { count: number; finishedAt: string | null }

/** Mailboxes of Google and Microsoft: connected by signing in with them, synced, and sent from. */
export const signIn = async (client: Client, { providers: { gmail, graph } }: World): Promise<void> => {
  await useMailbox(client, 'gmail', 'Google', () => gmail.sent.length)
  await useMailbox(client, 'outlook', 'Microsoft', () => graph.sent.length)
}

const useMailbox = async (
  client: Client,
  provider: keyof typeof signedIn,
  company: string,
  taken: () => number,
): Promise<void> => {
  const { address } = signedIn[provider]
  const account = await step(`Connect ${address} by signing in with ${company}`, () =>
    connectBySigningIn(client, { provider, address, settings: { displayName: rep.name } }),
  )
  await step(
    `Sync ${address}`,
    () =>
      until(
        'The first sync',
        () => client.get<{ data: Run[] }>(`/v1/email-accounts/${account}/sync-runs`),
        ({ data }) => data.some((run) => run.finishedAt !== null),
      ),
    ({ data }) => `${data.find((run) => run.finishedAt !== null)?.count ?? 0} messages`,
  )
  await step(
    `Send from ${address}`,
    () => send(client, provider, account),
    ({ state }) => `${state}, says the outbox, and delivered: ${taken()} taken by the double of ${company}`,
  )
}

const send = async (client: Client, provider: keyof typeof signedIn, account: string) => {
  const [mia] = customers
  const { body } = await client.send<Created>(
    'POST',
    '/v1/outbox',
    {
      email: {
        accountId: account,
        to: [{ address: mia.address, name: `${mia.firstName} ${mia.lastName}` }],
        subject: 'My other address',
        html: `<p>Hi ${mia.firstName}, you reach me here as well.</p>`,
        contactId: mia.id,
      },
      undoSeconds: 0,
    },
    { 'idempotency-key': `demo-${provider}` },
  )
  const sent = await until(
    'Sending',
    () => client.get<{ state: string }>(`/v1/outbox/${body.id}`),
    ({ state }) => state === 'sent',
  )
  await delivered(client, account, [body.id])
  return sent
}
