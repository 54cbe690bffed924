import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../src/commands/ports/clock.ts'
import { apiClient, until, type Client } from '../scripts/lib/client.ts'
import { connectBySigningIn } from '../scripts/lib/connect-by-signing-in.ts'
import { freePort } from '../scripts/lib/free-port.ts'
import { addressOf, startDoubles, type Doubles } from './doubles.ts'
import { idleRuns, MAILBOXES } from './idle-runs.ts'
import { inTurn, rate, type Bench, type Measured, type Row } from './measure.ts'
import { bareGmail, bareGraph, type BareMailbox } from './official-clients.ts'
import { benchService, temporaryFolder, type BenchService } from './service.ts'

const MESSAGES = 1000
const BYTES = 17_000
const MESSAGES_OF_IDLE_ONES = 5

type Peer = {
  readonly provider: 'gmail' | 'outlook'
  readonly company: string
  readonly bare: (doubles: Doubles, mailbox: number) => BareMailbox
}

const gmail: Peer = { provider: 'gmail', company: 'Gmail', bare: bareGmail }
const outlook: Peer = { provider: 'outlook', company: 'Outlook', bare: bareGraph }

const firstSync = ({ provider, company, bare }: Peer): Row => ({
  name: `${provider}-first-sync`,
  what: `first sync of ${MESSAGES} messages of 17 kB from a double of ${company}: read, parsed, stored, recorded`,
  ceilingWhat: 'the bare official client that lists the mailbox and fetches every message',
  unit: 'messages/s',
  reach: 0.5,
  run: (bench) =>
    withDoubles({ mailboxes: 1, messages: MESSAGES }, async (doubles, port) => {
      const mailbox = bare(doubles, 0)
      const ours = async () => {
        const service = await registered(bench, doubles, port)
        const { client } = service
        const account = await connected(client, provider, 0)
        const measured = await rate(MESSAGES, async () => {
          const { count, status } = await firstRun(client, account)
          if (count !== MESSAGES) throw new Error(`Synced ${count}: ${status}`)
        })
        await service.stop()
        return measured
      }
      const ceiling = () =>
        rate(MESSAGES, async () => {
          const read = await mailbox.readAll()
          if (read !== MESSAGES) throw new Error(`Read ${read}`)
        })
      return inTurn(2, ours, ceiling)
    }),
})

const idleRun = ({ provider, company, bare }: Peer, ceilingWhat: string): Row => ({
  name: `${provider}-idle-run`,
  what: `sync runs that find nothing new in ${MAILBOXES} mailboxes at a double of ${company}`,
  ceilingWhat: `${ceilingWhat} of the bare official client for each, as many at once`,
  unit: 'runs/s',
  reach: 0.1,
  run: (bench) =>
    withDoubles({ mailboxes: MAILBOXES, messages: MESSAGES_OF_IDLE_ONES }, (doubles, port) =>
      idleRuns(bench, {
        start: (clock) => registered(bench, doubles, port, clock),
        connect: (client, mailbox) => connected(client, provider, mailbox),
        bare: async (mailbox) => {
          const { readAll, askForNews } = bare(doubles, mailbox)
          await readAll()
          return askForNews
        },
      }),
    ),
})

export const providerSync: readonly Row[] = [
  firstSync(gmail),
  firstSync(outlook),
  idleRun(gmail, 'one history.list'),
  idleRun(outlook, 'the delta calls'),
]

const withDoubles = async (
  mail: { readonly mailboxes: number; readonly messages: number },
  work: (doubles: Doubles, port: number) => Promise<Measured>,
): Promise<Measured> => {
  const port = await freePort()
  const redirectUri = `http://127.0.0.1:${port}/oauth/callback`
  const doubles = await startDoubles({ redirectUri, ...mail, bytes: BYTES })
  try {
    return await work(doubles, port)
  } finally {
    await doubles.close()
  }
}

/** The whole service, registered with the doubles, which have no quota. */
const registered = async (
  bench: Bench,
  { env, ca }: Doubles,
  port: number,
  clock?: Clock,
): Promise<BenchService> => {
  const folder = temporaryFolder()
  const file = join(folder.path, 'ca.pem')
  writeFileSync(file, ca)
  const settings = {
    ...env,
    MAILTRAIL_EXTRA_CA: file,
    MAILTRAIL_PORT: String(port),
    MAILTRAIL_GMAIL_UNITS_PER_MINUTE: '100000000',
    MAILTRAIL_GMAIL_PROJECT_UNITS_PER_MINUTE: '100000000',
  }
  const service = await benchService(bench, settings, clock)
  folder.remove()
  await service.start()
  const { app, key } = service
  return { ...service, client: apiClient(app.url, key, 'u-sarah') }
}

const connected = (client: Client, provider: Peer['provider'], mailbox: number): Promise<string> =>
  connectBySigningIn(client, { provider, address: addressOf(mailbox), settings: {} })

type Run = { readonly finishedAt: string | null; readonly count: number; readonly status: string }

const firstRun = async (client: Client, account: string): Promise<Run> => {
  const { data } = await until(
    'The sync',
    () => client.get<{ data: Run[] }>(`/v1/email-accounts/${account}/sync-runs`),
    (runs) => runs.data.some(({ finishedAt }) => finishedAt !== null),
    600_000,
  )
  return data.at(-1)!
}
