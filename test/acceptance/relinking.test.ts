import t from 'tap'
import { readModelsEqualRebuild } from '../../scripts/lib/equals-rebuild.ts'
import { until } from '../../scripts/lib/client.ts'
import { linkingProjections } from '../../src/projections/linking/linking.ts'
import { accountId, messageIdOf, synced } from '../support/example-sync-events.ts'
import { runs } from '../support/long-runs.ts'
import { logOf } from '../support/mail-in-log.ts'
import { startApp } from '../support/running-app.ts'

// Older mail is linked to contacts that come later, while new mail arrives and people ask; `--long` with 100,000 messages.

const MESSAGES = runs(2_000, 100_000)
const CONTACTS = runs(50, 1_000)
const NEW_MESSAGES = runs(20, 500)

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
type Links = {
  links: { record: { kind: string; id: string }; rule: string; evidence: string; confidence: string }[]
}
const figures = () => app.client.get<Figures>(`/v1/email-accounts/${accountId}/linked`)
const linksOf = (n: number) => app.client.get<Links>(`/v1/messages/${messageIdOf(n)}/links`)
const contactOf = (n: number) => ({
  firstName: 'Person',
  lastName: `Number${n}`,
  emails: [addressOf(n)],
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
    for (const { id, ...contact } of contacts)
      await app.client.send('PUT', `/v1/directory/contacts/${id}`, contact)
    // New mail and questions meanwhile.
    await log.storeMail(numbers(NEW_MESSAGES).map((n) => mailFrom(MESSAGES + n)))
    const all = MESSAGES + NEW_MESSAGES
    await until('all mail to be linked', figures, ({ linked }) => linked === all, 500_000)
    t.comment(`${all} messages linked after ${Math.round(performance.now() - began)} ms`)
    t.strictSame(await figures(), { linked: all, byRule: { address: all } })
    for (const n of [0, 1, CONTACTS, MESSAGES - 1, all - 1])
      t.strictSame((await linksOf(n)).links, [
        {
          record: { kind: 'contact', id: `c${n % CONTACTS}` },
          rule: 'address',
          evidence: addressOf(n % CONTACTS),
          confidence: 'certain',
        },
      ])
  },
)

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
