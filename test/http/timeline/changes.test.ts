import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { readModelsEqualRebuild } from '../../../scripts/lib/equals-rebuild.ts'
import { until } from '../../../scripts/lib/client.ts'
import { outgoingStream } from '../../../src/domain/sending/outgoing-email.ts'
import { trackingStream } from '../../../src/domain/tracking/fold-hits.ts'
import { timelineProjections } from '../../../src/projections/timeline/timeline.ts'
import { exampleQueued } from '../../support/example-emails.ts'
import { accountId, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { logOf } from '../../support/mail-in-log.ts'
import { startApp } from '../../support/running-app.ts'
import { sentEmail } from '../../support/sent-email.ts'

// Whoever follows timelines by their changes alone knows in the end what the lists say.

const app = await startApp(t)
const log = logOf(t, app)
const { client } = app

type Entry = { id: string; kind: string; title: string | null; position: string }
type List = { data: Entry[]; position: string | null }
type Changes = {
  data: { id: string; position: string; entry: Entry | null }[]
  nextCursor: string | null
  position: string | null
}
type Followed = { query: string; known: Map<string, Entry>; position: string }

const put = (path: string, body: object) => client.send('PUT', `/v1/directory/${path}`, body)
const startOfLog = `p:${'0'.repeat(20)}`
const timelines: Followed[] = [
  'contact=grace',
  'contact=double',
  'company=navy',
  'deal=d1',
  'contact=grace&kinds=received,call',
  'company=navy&direction=out',
  'contact=grace&from=2026-01-05T02:00:00Z',
  `account=${accountId}`,
  `account=${accountId}&verdict=any&direction=in`,
].map((query) => ({ query, known: new Map(), position: startOfLog }))

/** Reads all changes since, in small pages. */
const catchUp = async (followed: Followed): Promise<void> => {
  const since = followed.position
  for (let cursor: string | null = ''; cursor !== null;) {
    const more = cursor === '' ? '' : `&cursor=${cursor}`
    const page: Changes = await client.get(
      `/v1/timeline/changes?${followed.query}&since=${since}&limit=3${more}`,
    )
    for (const { id, entry } of page.data)
      if (entry) followed.known.set(id, entry)
      else followed.known.delete(id)
    followed.position = page.position ?? since
    cursor = page.nextCursor
  }
}

const sorted = (entries: readonly Entry[]) => entries.toSorted((a, b) => (a.id < b.id ? -1 : 1))
/** What a follower knows is what the list says, whatever happens meanwhile. */
const agree = async (what: string): Promise<void> => {
  for (const followed of timelines)
    await until(
      `${what}: ${followed.query}`,
      async () => {
        const { data, position } = await client.get<List>(`/v1/timeline?${followed.query}&limit=200`)
        await catchUp(followed)
        const known = sorted([...followed.known.values()])
        return { isSamePosition: (position ?? startOfLog) === followed.position, known, listed: sorted(data) }
      },
      ({ isSamePosition, known, listed }) => isSamePosition && isDeepStrictEqual(known, listed),
    )
}
const untilShown = (query: string, ...titles: string[]) =>
  until(
    `${query}: ${titles.join()}`,
    async () =>
      (await client.get<List>(`/v1/timeline?${query}`)).data.map(({ title }) => title ?? '').toSorted(),
    (found) => isDeepStrictEqual(found, titles.toSorted()),
  )

const from = (address: string, references: string[] = []) => ({
  header: { from: [{ address }], references },
})
await put('companies/navy', { name: 'Navy' })
await put('contacts/grace', { firstName: 'Grace', emails: ['grace@navy.test'], companyId: 'navy' })
await put('contacts/double', { firstName: 'Grace', emails: ['hopper@navy.test'] })
await put('deals/d1', { name: 'Renewal' })
await log.connect()
const [first, second] = [messageIdOf(1), messageIdOf(2)]

t.test('mail and notes', async () => {
  await log.storeMail([
    synced(1, from('grace@navy.test')),
    synced(2, from('grace@navy.test', ['1@x.test'])),
    synced(3, from('hopper@navy.test')),
    synced(4, from('stranger@x.test')),
  ])
  await untilShown('contact=grace', 'subject 1', 'subject 2')
  await untilShown('contact=double', 'subject 3')
  await agree('mail')
  const note = { kind: 'call', title: 'Called', at: '2026-01-05T01:30:00Z' }
  const records = [{ kind: 'contact', id: 'grace' }]
  const { body } = await client.send<{ id: string }>('POST', '/v1/timeline-entries', { ...note, records })
  await untilShown('contact=grace', 'subject 1', 'subject 2', 'Called')
  await agree('a note')
  const path = `/v1/timeline-entries/${body.id}`
  const elsewhere = { records: [{ kind: 'deal', id: 'd1' }], at: '2026-01-05T03:00:00Z' }
  await client.send('PATCH', path, elsewhere, { 'if-match': '"0"' })
  await untilShown('deal=d1', 'Called')
  await agree('a note that moved')
  await client.send('DELETE', path)
  await untilShown('deal=d1')
  await agree('a note that is gone')
})

t.test('an email and what became of it', async () => {
  const { header } = exampleQueued()
  const to = [{ address: 'grace@navy.test' }]
  const email = sentEmail(50, {
    contactId: 'grace',
    header: { ...header, to },
    envelope: { from: 'me@acme.test', recipients: ['grace@navy.test'] },
  })
  const { outgoingId } = email
  const at = (minute: number) => `2026-01-05T12:${String(minute).padStart(2, '0')}:00.000Z`
  await log.append(outgoingStream(outgoingId), email.queued, email.released(at(0)), email.sent(at(0)))
  await agree('sent')
  await log.append(
    trackingStream(outgoingId),
    email.open('2026-01-05T12:00:00.100Z'),
    email.open(at(5)),
    email.open(at(6)),
    email.click(at(7)),
    email.click(at(8), 1),
    email.replied(at(9), 5),
  )
  const told = ['Our offer', 'Our offer', 'Our offer', 'Our offer', 'Our offer']
  await untilShown('contact=grace&kinds=sent,opened,clicked,replied', ...told)
  await agree('opened, clicked and replied to')
})

t.test('links that people make, unmake and undo', async () => {
  const link = `/v1/messages/${messageIdOf(4)}/links/deal/d1`
  await client.send('PUT', link)
  await untilShown('deal=d1', 'subject 4')
  await agree('linked')
  await client.send('DELETE', link)
  await untilShown('deal=d1')
  await agree('unlinked')
  await client.send('DELETE', `/v1/messages/${first}/links/contact/grace`)
  await untilShown('contact=grace&kinds=received', 'subject 2')
  await agree('taken off')
  await client.send('POST', `/v1/messages/${first}/links/contact/grace/undo`)
  await untilShown('contact=grace&kinds=received', 'subject 1', 'subject 2')
  await agree('decided by the rules again')
})

t.test('threads that people split and merge move nothing from record to record', async () => {
  const { threadId } = await client.get<{ threadId: string }>(`/v1/messages/${second}`)
  const before = await client.get<List>('/v1/timeline?contact=grace')
  await client.send('POST', `/v1/threads/${threadId}/split`, { messages: [second] })
  const { threadId: split } = await until(
    'another thread',
    () => client.get<{ threadId: string }>(`/v1/messages/${second}`),
    (message) => message.threadId !== threadId,
  )
  await untilShown(`thread=${split}`, 'subject 2')
  await untilShown(`thread=${threadId}`, 'subject 1')
  await client.send('POST', `/v1/threads/${threadId}/merge`, { thread: split })
  await untilShown(`thread=${threadId}`, 'subject 1', 'subject 2')
  await agree('threads')
  const after = await client.get<List>('/v1/timeline?contact=grace')
  t.strictSame(
    after.data.map(({ id }) => id),
    before.data.map(({ id }) => id),
  )
})

t.test('a message that is deleted says nothing any more, until that is undone', async (t) => {
  const since = timelines.find(({ query }) => query === 'contact=grace')!.position
  await client.send('DELETE', `/v1/messages/${second}`)
  await untilShown('contact=grace&kinds=received', 'subject 1')
  await agree('deleted')
  for (const query of ['contact=grace', 'company=navy', `account=${accountId}`]) {
    const list = await client.get<object>(`/v1/timeline?${query}&verdict=any`)
    const changes = await client.get<Changes>(`/v1/timeline/changes?${query}&since=${since}`)
    t.notMatch(JSON.stringify([list, changes]), /subject 2/, query)
    t.match(changes.data, [{ id: `${second}.mail`, entry: null }], query)
  }
  await client.send('POST', `/v1/messages/${second}/restore`)
  await untilShown('contact=grace&kinds=received', 'subject 1', 'subject 2')
  await agree('restored')
})

t.test('contacts that are merged have one timeline', async () => {
  await client.send('POST', '/v1/directory/contacts/double/merge', { into: 'grace' })
  await untilShown('contact=grace&kinds=received', 'subject 1', 'subject 2', 'subject 3')
  await untilShown('contact=double&kinds=received', 'subject 1', 'subject 2', 'subject 3')
  await agree('merged')
})

t.test('what is asked wrongly is said', async (t) => {
  for (const [query, code] of [
    [`since=${startOfLog}`, 'one-timeline'],
    [`contact=a&deal=b&since=${startOfLog}`, 'one-timeline'],
    ['contact=a&since=yesterday', 'invalid-position'],
    ['contact=a', 'invalid-request'],
  ] as const) {
    const { status, json } = await app.ask('GET', `/v1/timeline/changes?${query}`)
    t.match({ status, json }, { status: 400, json: { code } }, query)
  }
})

t.test('timelines are what a rebuild makes of the log', async (t) => {
  const { store } = log
  const compared = await readModelsEqualRebuild({ store, pool: app.pool, projections: timelineProjections })
  t.strictSame(
    compared.filter(({ equal }) => !equal),
    [],
  )
  for (const { table, liveRows } of compared) if (table !== 'signed_out') t.ok(liveRows > 0, table)
})
