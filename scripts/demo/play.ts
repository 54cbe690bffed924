import { until, type Client } from '../lib/client.ts'
import type { SunkMessage } from '../lib/mail-servers/loopback.ts'
import { delivered } from './delivery.ts'
import { step } from './screen.ts'
import { shareInbox } from './shared-inbox.ts'
import { signIn } from './signing-in.ts'
import { syncOnce, type Run } from './sync-once.ts'
import { companies, companyOf, deals, followUp, signature } from './story.ts'
import {
  addressesIn,
  click,
  customers,
  open,
  openThroughProxy,
  rep,
  reply,
  scan,
  team,
  type Customer,
  type World,
} from './world.ts'

type Created = { id: string }
type Page<Item> = { data: Item[] }
type Tracking = {
  sentAt: string | null
  summary: { opens: number; linkClicks: number; replies: number; machine: { clicks: number } }
}

export type Played = {
  readonly repAccount: string
  readonly teamAccount: string
  readonly messages: readonly { readonly id: string; readonly customer: Customer }[]
}

/** The main job, from connecting a mailbox to recording a reply, through the public API only. */
export const play = async (clientOf: (user: string) => Client, world: World): Promise<Played> => {
  const client = clientOf(rep.id)
  await step('The CRM puts its users, contacts and deals', () => putDirectory(client))
  const accounts = await connect(client, world)
  const template = await step(
    'A template in MJML, with variables and three links',
    async () => (await client.send<Created>('POST', '/v1/templates', { scope: 'shared', ...followUp })).body,
    () => followUp.name,
  )
  const messages = await sendAll(client, world, accounts.rep, template.id)
  await behave(world)
  await step('What became of it: opens, clicks, and what machines did', () =>
    until(
      'The hits',
      () => Promise.all(messages.map(({ id }) => client.get<Tracking>(`/v1/outbox/${id}/tracking`))),
      ([mia, omar, lena]) =>
        (mia?.summary.opens ?? 0) >= 2 &&
        (mia?.summary.linkClicks ?? 0) >= 1 &&
        (omar?.summary.opens ?? 0) >= 1 &&
        (lena?.summary.machine.clicks ?? 0) >= 3,
    ),
  )
  await step('Sync again, and the reply is found', async () => {
    await syncOnce(client, accounts.rep)
    await until(
      'The reply',
      () => client.get<Tracking>(`/v1/outbox/${messages[0]!.id}/tracking`),
      ({ summary }) => summary.replies === 1,
    )
  })
  await signIn(client, world)
  await shareInbox(clientOf, world, accounts.team)
  return { repAccount: accounts.rep, teamAccount: accounts.team, messages }
}

const putDirectory = async (client: Client): Promise<void> => {
  await client.send('PUT', '/v1/directory/organization', {
    name: 'Acme Corporation',
    timeZone: 'Europe/Berlin',
  })
  await client.send('PUT', `/v1/directory/users/${rep.id}`, {
    name: rep.name,
    email: rep.address,
    title: 'Senior Sales Representative',
    phone: '(555) 123-4567',
  })
  for (const { id, name } of companies) await client.send('PUT', `/v1/directory/companies/${id}`, { name })
  for (const { id, firstName, lastName, address } of customers) {
    await client.send('PUT', `/v1/directory/contacts/${id}`, {
      firstName,
      lastName,
      emails: [address],
      companyId: companyOf[id],
    })
    const { id: dealId, ...deal } = deals[id]
    await client.send('PUT', `/v1/directory/deals/${dealId}`, deal)
  }
}

const connect = async (client: Client, { sink, imap }: World) => {
  const connectionOf = ({ address, password }: { address: string; password: string }) => ({
    provider: 'imap-smtp',
    smtp: { host: 'localhost', port: sink.port, encryption: 'starttls', username: address, password },
    imap: { host: 'localhost', port: imap.port, encryption: 'tls', username: address, password },
  })
  await step(
    'Connection test, step by step',
    async () =>
      (
        await client.send<{ ok: boolean; steps: { step: string }[] }>('POST', '/v1/connection-tests', {
          connection: connectionOf(rep),
        })
      ).body,
    ({ ok, steps }) => `${ok ? 'passed' : 'failed'}: ${steps.map((each) => each.step).join(', ')}`,
  )
  const connected = await step(`Connect ${rep.address}`, () =>
    client.send<Created>('POST', '/v1/email-accounts', {
      address: rep.address,
      owner: { kind: 'user', userId: rep.id },
      settings: {
        displayName: rep.name,
        excludePatterns: ['noreply@*', 'webmaster@*'].map((pattern) => ({ pattern, match: 'sender' })),
      },
      connection: connectionOf(rep),
    }),
  )
  const repAccount = connected.body.id
  const teamAccount = await step(
    `Connect ${team.address}, the team's`,
    async () =>
      (
        await client.send<Created>('POST', '/v1/email-accounts', {
          address: team.address,
          owner: { kind: 'team' },
          settings: { displayName: team.name },
          connection: connectionOf(team),
        })
      ).body.id,
  )
  await client.send('PUT', `/v1/email-accounts/${repAccount}/default`)
  await client.send(
    'PUT',
    `/v1/email-accounts/${repAccount}/signature`,
    { html: signature },
    { 'if-match': '"0"' },
  )

  const first = await step(
    'First sync: the last 30 days, newest first',
    () =>
      until(
        'The first sync',
        () =>
          client.get<Page<Run>>(
            `/v1/email-accounts/${repAccount}/sync-runs?min_position=${connected.position}`,
          ),
        ({ data }) => data.some((run) => run.finishedAt !== null),
      ),
    ({ data }) => `${data.find((run) => run.finishedAt !== null)?.count ?? 0} messages`,
  )
  await step(
    'Conversations, threaded by their references',
    () =>
      until(
        'Threading',
        () => client.get<Page<{ messageCount: number }>>(`/v1/threads?account=${repAccount}&limit=200`),
        ({ data }) =>
          data.reduce((sum, thread) => sum + thread.messageCount, 0) ===
          first.data.reduce((sum, run) => sum + run.count, 0),
      ),
    ({ data }) =>
      `${data.length} threads, the longest of ${Math.max(...data.map((thread) => thread.messageCount))} messages`,
  )
  return { rep: repAccount, team: teamAccount }
}

const sendAll = async (client: Client, { sink }: World, account: string, template: string) => {
  const messages: { id: string; customer: Customer }[] = []
  await step(
    'Send to three customers: composed, tracked, released once',
    async () => {
      for (const customer of customers) {
        const { body } = await client.send<Created>(
          'POST',
          '/v1/outbox',
          {
            email: {
              accountId: account,
              to: [{ address: customer.address, name: `${customer.firstName} ${customer.lastName}` }],
              template: { templateId: template, version: 1 },
              contactId: customer.id,
              dealId: deals[customer.id].id,
            },
            undoSeconds: 0,
          },
          { 'idempotency-key': `demo-${customer.id}` },
        )
        messages.push({ id: body.id, customer })
      }
      await sink.arrived(customers.length)
    },
    () => `${sink.messages.length} taken by the SMTP server`,
  )
  await step('Delivered: no bounce in the inbox after the window (shortened here)', () =>
    delivered(
      client,
      account,
      messages.map(({ id }) => id),
    ),
  )
  return messages
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

/** The customers: Mia reads and answers, Omar reads in Gmail, Lena's gateway scans and she never looks. */
const behave = async ({ sink, imap }: World): Promise<void> => {
  const mailOf = (customer: Customer): SunkMessage => {
    const found = sink.messages.find(({ envelope }) => envelope.recipients.includes(customer.address))
    if (!found) throw new Error(`No mail for ${customer.address}`)
    return found
  }
  const [mia, omar, lena] = customers
  const forMia = addressesIn(mailOf(mia))
  const forOmar = addressesIn(mailOf(omar))
  const forLena = addressesIn(mailOf(lena))
  // Hits within two seconds of sending count as a machine's for that reason alone.
  await pause(2500)
  await step("Lena's security gateway follows every link at once", () => scan(forLena.links))
  await step('Mia opens, looks at the pricing, opens again, and answers', async () => {
    await open(forMia.pixel ?? '')
    await click(forMia.links[1] ?? '')
    // Repeats by the same reader within 30 s are one hit with a count; another program of hers is a separate hit.
    await openThroughProxy(forMia.pixel ?? '')
    // A mailbox stores arrival times in whole seconds.
    await pause(1200)
    reply(imap, mia, mailOf(mia), 'Thanks, Sarah. The pricing works for us, let us talk on Thursday.')
  })
  await step('Omar opens in Gmail', () => openThroughProxy(forOmar.pixel ?? ''))
}
