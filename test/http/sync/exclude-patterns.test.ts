import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { readModelsEqualRebuild } from '../../../scripts/lib/equals-rebuild.ts'
import { imapServer } from '../../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { projections } from '../../../src/app/read-models.ts'
import type { ExcludePattern } from '../../../src/domain/accounts/events.ts'
import { syncing } from '../../support/awaited-sync-runs.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { mail } from '../../support/mailbox-to-sync.ts'
import { startApp } from '../../support/running-app.ts'

const user = 'me@acme.test'
const password = `right-${randomBytes(12).toString('hex')}`
const tls = await testTls()
const news = (n: number, subject: string) => mail(n, { From: 'news@shop.test', Subject: subject })
const years = new Date('2020-02-01T00:00:00Z')
const imap = await imapServer({
  encryption: 'tls',
  tls: tls.good,
  users: {
    [user]: {
      password,
      folders: [
        {
          path: 'INBOX',
          messages: [
            mail(1, { Subject: 'jane' }),
            news(2, 'news'),
            mail(3, { Subject: 'contract', Cc: 'Ann <ann@lawyer.test>', References: '<1@x.test>' }),
            { ...news(4, 'old news'), at: years },
          ],
        },
        {
          path: 'Sent',
          use: '\\Sent',
          messages: [mail(5, { From: user, To: 'ann@lawyer.test', Subject: 'to the lawyer' })],
        },
      ],
    },
  },
})
t.teardown(() => imap.close())
const app = await startApp(t, { ca: tls.ca, ports: [imap.port] })
const { client } = app
const shop: ExcludePattern = { pattern: 'news@*', match: 'sender' }
const lawyer: ExcludePattern = { pattern: '*@LAWYER.test', match: 'participant' }
const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
  address: user,
  owner: { kind: 'team' },
  connection: {
    provider: 'imap-smtp',
    imap: { host: 'localhost', port: imap.port, encryption: 'tls', username: user, password },
    smtp: null,
  },
  settings: { syncFrequencyMinutes: 60, historyDays: null, excludePatterns: [shop] },
})
const { id } = connected.body
const path = `/v1/email-accounts/${id}`
const sync = syncing(client, id, connected.position)
await sync.after(0)

type Listed = { data: { id: string; subject: string; hiddenBy?: ExcludePattern }[] }
type Run = {
  number: number
  status: string
  examined: number
  hidden: number
  shown: number
  toFetch: number
}
const get = async <Body>(what: string): Promise<Body> =>
  client.get<Body>(`${what}${what.includes('?') ? '&' : '?'}${await upToNow(client)}`)
const subjectsOf = ({ data }: Listed) => data.map(({ subject }) => subject).toSorted()
const shown = async () => subjectsOf(await get<Listed>(`/v1/messages?account=${id}`))
const hidden = () => get<Listed>(`${path}/hidden-messages`)
const idOf = async (subject: string) =>
  [...(await get<Listed>(`/v1/messages?account=${id}`)).data, ...(await hidden()).data].find(
    (each) => each.subject === subject,
  )!.id
const add = (pattern: ExcludePattern) => client.send('POST', `${path}/exclude-patterns`, pattern)
const remove = ({ pattern, match }: ExcludePattern) =>
  client.send('DELETE', `${path}/exclude-patterns/${encodeURIComponent(pattern)}?match=${match}`)
const preview = async (changes: object = {}) => {
  // What it looks at is up to now.
  await Promise.all([shown(), get(`${path}/exclude-patterns`)])
  const { body } = await client.send<Run & { sample: { change: string }[] }>(
    'POST',
    `${path}/exclude-patterns/preview`,
    changes,
  )
  return body
}
/** Applies the patterns, as the preview has said it would. */
const apply = async (t: Test) => {
  const { examined, hidden: toHide, shown: toShow, toFetch } = await preview()
  const { body, position } = await client.send<{ number: number }>('POST', `${path}/exclude-patterns/apply`)
  const { latestRun } = await until(
    'the patterns to be applied',
    () => client.get<{ latestRun: Run }>(`${path}/exclude-patterns?min_position=${position}`),
    (found) => found.latestRun.status === 'finished',
  )
  t.match(latestRun, { number: body.number, examined, hidden: toHide, shown: toShow, toFetch })
  return { hidden: toHide, shown: toShow, toFetch }
}
const figures = async () => (await get<{ statistics: object }>(`${path}/sync-status`)).statistics
const threads = async () =>
  (await get<{ data: { subject: string; messageCount: number }[] }>(`/v1/threads?account=${id}`)).data
const state = async () => ({
  shown: await shown(),
  hidden: subjectsOf(await hidden()),
  figures: await figures(),
  threads: (await threads()).map(({ subject, messageCount }) => `${subject}: ${messageCount}`).toSorted(),
})

t.test(
  'a pattern for participants hides what is here, as its preview said, and nothing before',
  async (t) => {
    const before = await state()
    t.same(before.shown, ['contract', 'jane', 'to the lawyer'])
    t.match(await preview({ add: [lawyer] }), {
      examined: 3,
      isComplete: true,
      hidden: 2,
      shown: 0,
      toFetch: 0,
      sample: [
        { change: 'hide', pattern: lawyer },
        { change: 'hide', pattern: lawyer },
      ],
    })
    t.match(await preview({ remove: [shop] }), { hidden: 0, shown: 0, toFetch: 2 })
    await add(lawyer)
    t.same(await state(), before, 'a pattern alone concerns mail to come')
    t.same(await apply(t), { hidden: 2, shown: 0, toFetch: 0 })

    const after = await state()
    t.match(after, { shown: ['jane'], hidden: ['contract', 'to the lawyer'], figures: { emailsSynced: 1 } })
    t.same(after.threads, ['jane: 1'])
    t.match(await hidden(), { data: [{ hiddenBy: lawyer }, { hiddenBy: lawyer }] })
    t.match(await get(`/v1/search?q=contract`), { data: [] })
    const contract = await idOf('contract')
    for (const what of ['', '/raw', '/links'])
      t.match(await app.ask('GET', `/v1/messages/${contract}${what}`), { status: 404 })

    imap.mailbox(user).append('INBOX', mail(6, { To: 'ann@lawyer.test', Subject: 'more of it' }))
    t.match(await sync.now(), { folders: [{ folder: 'INBOX', excluded: 1, stored: 0 }, {}] })
    t.same(await state(), after, 'later syncs respect it')
    t.same(await apply(t), { hidden: 0, shown: 0, toFetch: 0 }, 'a second time changes nothing')
  },
)

t.test('a hidden message is shown by hand whatever the patterns say, until that is undone', async (t) => {
  const [contract, before] = [await idOf('contract'), await state()]
  const show = (more = '') => client.send('POST', `/v1/messages/${contract}/show${more}`)
  t.match((await show()).body, { id: contract, status: 'present', hiddenBy: null, shownByHand: true })
  t.same(await shown(), ['contract', 'jane'])
  t.match(await preview(), { hidden: 0, shown: 0 })
  await apply(t)
  t.same(await shown(), ['contract', 'jane'])
  t.match((await show('/undo')).body, { status: 'hidden', hiddenBy: lawyer, shownByHand: false })
  t.same(await state(), before)
  const deleted = await client.send<object>('DELETE', `/v1/messages/${contract}`)
  t.match(deleted.body, { status: 'deleted', hiddenBy: lawyer })
  t.same(subjectsOf(await hidden()), ['to the lawyer'], 'what was deleted is in its own list')
  await client.send('POST', `/v1/messages/${contract}/restore`)
  t.same(await state(), before, 'restored, it is hidden as before')
  const foreign = { headers: { 'if-match': '"77"' } }
  t.match(await app.ask('POST', `/v1/messages/${contract}/show`, foreign), { status: 412 })
})

t.test('what patterns had left out comes back, however old it is, and hiding is undone', async (t) => {
  const etag = (await app.ask('GET', `${path}/exclude-patterns`)).headers.get('etag') ?? ''
  await client.send('PATCH', `${path}/settings`, { historyDays: 30 }, { 'if-match': etag })
  for (const pattern of [shop, lawyer]) await remove(pattern)
  t.same((await state()).shown, ['jane'], 'a pattern that is gone concerns mail to come as well')
  t.same(await apply(t), { hidden: 0, shown: 2, toFetch: 3 })
  const all = ['contract', 'jane', 'more of it', 'news', 'old news', 'to the lawyer']
  t.match(await state(), { shown: all, hidden: [], figures: { emailsSynced: 6 } })
  t.same(await apply(t), { hidden: 0, shown: 0, toFetch: 0 })

  for (const pattern of [shop, lawyer]) await add(pattern)
  t.same(await apply(t), { hidden: 5, shown: 0, toFetch: 0 })
  t.match(await state(), { shown: ['jane'], hidden: all.filter((subject) => subject !== 'jane') })
  await remove(shop)
  t.same(await apply(t), { hidden: 0, shown: 2, toFetch: 0 })
  t.match(await state(), { shown: ['jane', 'news', 'old news'] })
})

t.test('what is left out by another pattern stays out, and is fetched again only once', async (t) => {
  await add(shop)
  imap.mailbox(user).append('INBOX', news(7, 'offer'))
  await sync.now()
  await add({ pattern: '*@shop.test', match: 'participant' })
  await remove(shop)
  t.match(await apply(t), { toFetch: 1, hidden: 2 })
  t.notOk((await shown()).includes('offer'))
  t.match(await apply(t), { toFetch: 0 })
})

t.test('every read model equals its rebuild', async (t) => {
  await upToNow(client)
  const store = postgresEventStore(app.pool)
  const compared = await readModelsEqualRebuild({ store, pool: app.pool, projections })
  t.same(
    compared.filter(({ equal }) => !equal),
    [],
  )
})
