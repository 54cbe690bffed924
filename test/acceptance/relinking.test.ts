import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { readModelsEqualRebuild } from '../../scripts/lib/equals-rebuild.ts'
import { until } from '../../scripts/lib/client.ts'
import { linkingProjections } from '../../src/projections/linking/linking.ts'
import { messageLinks } from '../../src/projections/linking/message-links.ts'
import { schemaOf } from '../../src/projections/projection.ts'
import { accountId, messageIdOf, synced } from '../support/example-sync-events.ts'
import { runs } from '../support/long-runs.ts'
import { logOf } from '../support/mail-in-log.ts'
import { startApp } from '../support/running-app.ts'

// Older mail is linked to contacts that come later, while new mail arrives and people ask; `--long` with 100,000 messages.

const MESSAGES = runs(2_000, 100_000)
/** More than are looked for at once. */
const CONTACTS = runs(150, 1_000)
const NEW_MESSAGES = runs(50, 500)

const app = await startApp(t)
const log = logOf(t, app)
await log.connect()

const addressOf = (contact: number): string => `person${contact}@customer${contact % 10}.example`
const mailFrom = (n: number) =>
  synced(n, {
    header: { from: [{ address: addressOf(n % CONTACTS), name: `Person Number${n % CONTACTS}` }] },
  })

type Preview = {
  examined: number
  changed: number
  isComplete: boolean
  links: Record<string, { added: number }>
}
type Figures = { linked: number; byRule: Record<string, number> }
type Link = { record: { kind: string; id: string }; rule: string; evidence: string; confidence: string }
type Links = { links: Link[] }
const figures = () => app.client.get<Figures>(`/v1/email-accounts/${accountId}/linked`)
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
    const all = MESSAGES + NEW_MESSAGES
    const working = new AbortController()
    const work = async () => {
      const storing = log.storeMail(numbers(NEW_MESSAGES).map((n) => mailFrom(MESSAGES + n)))
      for (const { id, ...contact } of contacts)
        await app.client.send('PUT', `/v1/directory/contacts/${id}`, contact)
      await storing
      await until('all mail to be linked', figures, ({ linked }) => linked === all, 500_000)
    }
    const [answers] = await Promise.all([askMeanwhile(working.signal), work().finally(() => working.abort())])
    t.comment(`${all} messages linked after ${Math.round(performance.now() - began)} ms`)
    t.comment(`${answers.length} answers meanwhile, the slowest after ${Math.max(...answers)} ms`)
    t.strictSame(await figures(), { linked: all, byRule: { address: all } })
    t.strictSame((await linksOf(all - 1)).links, [linkOf(all - 1)])
    const explained = await explanations()
    t.equal(explained.size, all)
    const wrong = numbers(all).filter((n) => !isDeepStrictEqual(explained.get(messageIdOf(n)), [linkOf(n)]))
    t.strictSame(wrong, [], 'every link is explained')
  },
)

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
