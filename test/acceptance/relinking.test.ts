import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { readModelsEqualRebuild } from '../../scripts/lib/equals-rebuild.ts'
import { until } from '../../scripts/lib/client.ts'
import { imapServer } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { linkingProjections } from '../../src/projections/linking/linking.ts'
import { messageLinks } from '../../src/projections/linking/message-links.ts'
import { schemaOf } from '../../src/projections/projection.ts'
import { accountId, messageIdOf, synced as messageSynced } from '../support/example-sync-events.ts'
import { runs } from '../support/long-runs.ts'
import { logOf } from '../support/mail-in-log.ts'
import { mail } from '../support/mailbox-to-sync.ts'
import { startApp } from '../support/running-app.ts'

// Older mail is linked to contacts that come later, while new mail arrives and people ask; `--long` with 100,000 messages.

const MESSAGES = runs(2_000, 100_000)
/** More than are looked for at once. */
const CONTACTS = runs(150, 1_000)
/** One for each contact, as long as there are any. */
const NEW_MESSAGES = runs(50, 500)

const user = 'sarah@acme.test'
const tls = await testTls()
const imap = await imapServer({
  encryption: 'tls',
  tls: tls.good,
  users: { [user]: { password: 'secret', folders: [{ path: 'INBOX', messages: [] }] } },
})
t.teardown(() => imap.close())
const app = await startApp(t, { ca: tls.ca, ports: [imap.port] })
const log = logOf(t, app)
await log.connect()
/** An account whose mail is synced, beside the one whose mail was there before. */
const { body: synced } = await app.client.send<{ id: string }>('POST', '/v1/email-accounts', {
  address: user,
  owner: { kind: 'team' },
  connection: {
    provider: 'imap-smtp',
    imap: { host: 'localhost', port: imap.port, encryption: 'tls', username: user, password: 'secret' },
  },
})

const addressOf = (contact: number): string => `person${contact}@customer${contact % 10}.example`
const mailFrom = (n: number) =>
  messageSynced(n, {
    header: { from: [{ address: addressOf(n % CONTACTS), name: `Person Number${n % CONTACTS}` }] },
  })

const newMailFrom = (n: number) => mail(`new ${n}`, { From: `Person Number${n} <${addressOf(n)}>`, To: user })

type Preview = {
  examined: number
  changed: number
  isComplete: boolean
  links: Record<string, { added: number }>
}
type Figures = { linked: number; byRule: Record<string, number> }
type Link = { record: { kind: string; id: string }; rule: string; evidence: string; confidence: string }
type Links = { links: Link[] }
const figures = (of = accountId) => app.client.get<Figures>(`/v1/email-accounts/${of}/linked`)
const linksOf = (n: number) => app.client.get<Links>(`/v1/messages/${messageIdOf(n)}/links`)
const contactOf = (n: number) => ({
  firstName: 'Person',
  lastName: `Number${n}`,
  // With an odd number of keys in all, some message is found by keys that are not looked for at once.
  emails: n === 0 ? [addressOf(0), 'person@elsewhere.example'] : [addressOf(n)],
})
const linkOf = (n: number): Link => ({
  record: { kind: 'contact', id: `c${n % CONTACTS}` },
  rule: 'address',
  evidence: addressOf(n % CONTACTS),
  confidence: 'certain',
})
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

t.test(
  '1,000 new contacts reach back to 100,000 messages, as the preview says',
  { timeout: 590_000 },
  async (t) => {
    let since: string = ''
    for (let from = 0; from < MESSAGES; from += 5_000)
      since = await log.storeMail(numbers(Math.min(5_000, MESSAGES - from)).map((n) => mailFrom(from + n)))
    const contacts = numbers(CONTACTS).map((n) => ({ id: `c${n}`, ...contactOf(n) }))
    const asked = performance.now()
    const preview = await until(
      'the preview of all messages',
      async () => (await app.client.send<Preview>('POST', '/v1/link-previews', { contacts })).body,
      ({ examined }) => examined === MESSAGES,
      300_000,
    )
    t.comment(`since ${since}: preview after ${Math.round(performance.now() - asked)} ms`)
    t.match(preview, { changed: MESSAGES, isComplete: true, links: { address: { added: MESSAGES } } })

    const began = performance.now()
    const working = new AbortController()
    const work = async () => {
      for (const [n, { id, ...contact }] of contacts.entries()) {
        if (n < NEW_MESSAGES) imap.mailbox(user).append('INBOX', newMailFrom(n))
        await app.client.send('PUT', `/v1/directory/contacts/${id}`, contact)
      }
      await app.client.send('POST', `/v1/email-accounts/${synced.id}/sync-runs`)
      const linked = (of: string, all: number) =>
        until(
          'all mail to be linked',
          () => figures(of),
          (found) => found.linked === all,
          500_000,
        )
      await Promise.all([linked(accountId, MESSAGES), linked(synced.id, NEW_MESSAGES)])
    }
    const [answers] = await Promise.all([askMeanwhile(working.signal), work().finally(() => working.abort())])
    t.comment(`all mail linked after ${Math.round(performance.now() - began)} ms`)
    t.comment(`${answers.length} answers meanwhile, the slowest after ${Math.max(...answers)} ms`)
    t.strictSame(await figures(), { linked: MESSAGES, byRule: { address: MESSAGES } })
    t.strictSame(await figures(synced.id), { linked: NEW_MESSAGES, byRule: { address: NEW_MESSAGES } })
    const explained = await explanations()
    t.equal(explained.size, MESSAGES + NEW_MESSAGES)
    const wrong = numbers(MESSAGES).filter(
      (n) => !isDeepStrictEqual(explained.get(messageIdOf(n)), [linkOf(n)]),
    )
    t.strictSame(wrong, [], 'every link is explained')
    const senders = await sendersOfNewMail()
    t.equal(senders.size, NEW_MESSAGES)
    for (const [id, n] of senders) t.strictSame(explained.get(id), [linkOf(n)])
  },
)

/** The number of the person from whom each of the new messages is, by its id. */
const sendersOfNewMail = async (): Promise<ReadonlyMap<string, number>> => {
  type Listed = { data: { id: string; from: { address: string }[] }[]; nextCursor: string | null }
  const senders = new Map<string, number>()
  for (let cursor: string | null = ''; cursor !== null;) {
    const next: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: Listed = await app.client.get<Listed>(`/v1/messages?account=${synced.id}&limit=200${next}`)
    for (const { id, from } of page.data) senders.set(id, Number(/\d+/.exec(from[0]!.address)?.[0]))
    cursor = page.nextCursor
  }
  return senders
}

/** Asks for mail and its links, one question after the other, until there is nothing more to wait for: how long each took. */
const askMeanwhile = async (until: AbortSignal): Promise<number[]> => {
  const took: number[] = []
  for (let n = 0; !until.aborted; n = (n + 997) % MESSAGES) {
    const asked = performance.now()
    const { links } = await linksOf(n)
    const { data } = await app.client.get<{ data: unknown[] }>(`/v1/messages?account=${accountId}&limit=50`)
    took.push(Math.round(performance.now() - asked))
    if (data.length !== 50 || (links.length > 0 && !isDeepStrictEqual(links, [linkOf(n)])))
      throw new Error(`Message ${n} has the links ${JSON.stringify(links)}, the list ${data.length} messages`)
  }
  return took
}

/** All links that there are, by message. */
const explanations = async (): Promise<ReadonlyMap<string, Link[]>> => {
  const { rows } = await app.pool.query<{ message_id: string; links: Link[] }>(
    `select message_id, jsonb_agg(link) as links from ${schemaOf(messageLinks)}.link group by message_id`,
  )
  return new Map(rows.map(({ message_id, links }) => [message_id, links]))
}

t.test('a rule changed there and back gives the state of before', { timeout: 590_000 }, async (t) => {
  const before = await figures()
  const settings = (byAddress: boolean) =>
    app.client.send(
      'PATCH',
      `/v1/email-accounts/${accountId}/settings`,
      { linkRules: { byAddress, byName: true, byDomain: true, confirmAll: false } },
      { 'if-match': '*' },
    )
  await settings(false)
  await until('nothing to be linked', figures, ({ linked }) => linked === 0, 500_000)
  await settings(true)
  t.strictSame(
    await until('all to be linked', figures, ({ linked }) => linked === before.linked, 500_000),
    before,
  )
})

t.test('links equal a rebuild', { timeout: 590_000 }, async (t) => {
  const compared = await readModelsEqualRebuild({ ...log, pool: app.pool, projections: linkingProjections })
  t.strictSame(
    compared.filter(({ equal }) => !equal),
    [],
  )
})
