import t from 'tap'
import { ApiProblem, until } from '../../../scripts/lib/client.ts'
import { accountId, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { logOf } from '../../support/mail-in-log.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const log = logOf(t, app)
const { client } = app

type Entry = {
  id: string
  at: string
  kind: string
  title: string | null
  threadId: string | null
  records: { kind: string; id: string }[]
  position: string
}
type Page = { data: Entry[]; nextCursor: string | null; position: string }
const timelineOf = (query: string) => client.get<Page>(`/v1/timeline?${query}`)
const untilTitles = (query: string, ...titles: string[]) =>
  until(
    `${query}: ${titles.join()}`,
    async () => (await timelineOf(query)).data.map(({ title }) => title),
    (found) => found.join() === titles.join(),
  )
const put = (path: string, body: object) => client.send('PUT', `/v1/directory/${path}`, body)
const problemOf = async (work: Promise<unknown>): Promise<[number, string] | null> => {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  return error instanceof ApiProblem ? [error.status, error.problem.code] : null
}
const from = (address: string) => ({ header: { from: [{ address }] } })

await put('contacts/grace', { firstName: 'Grace', emails: ['grace@navy.test'], companyId: 'navy' })
await put('contacts/double', { firstName: 'Grace', emails: ['hopper@navy.test'] })
await put('companies/navy', { name: 'Navy' })
await put('deals/d1', { name: 'Renewal' })
await log.connect()

t.test('mail and notes are beside the records that they belong to, newest first', async (t) => {
  await log.storeMail([synced(1, from('grace@navy.test')), synced(2, from('grace@navy.test'))])
  await untilTitles('contact=grace', 'subject 2', 'subject 1')
  await untilTitles('company=navy', 'subject 2', 'subject 1')
  const note = { kind: 'call', title: 'Called', at: '2026-01-05T01:30:00Z' }
  const { body } = await client.send<{ id: string }>('POST', '/v1/timeline-entries', {
    ...note,
    records: [
      { kind: 'contact', id: 'grace' },
      { kind: 'deal', id: 'd1' },
    ],
  })
  await untilTitles('contact=grace', 'subject 2', 'Called', 'subject 1')
  const { data, position } = await timelineOf('contact=grace')
  t.match(data[0], {
    kind: 'received',
    direction: 'in',
    accountId,
    messageId: messageIdOf(2),
    emailId: null,
    threadId: `thr_${messageIdOf(2).slice(4)}`,
    from: [{ address: 'grace@navy.test' }],
    count: 1,
    visibility: 'everything',
  })
  t.match(data[1], { kind: 'call', id: body.id, accountId: null, text: '', visibility: 'everything' })
  t.ok(data.every((entry) => entry.position <= position))
  await untilTitles('deal=d1', 'Called')
  await untilTitles(`thread=${data[0]!.threadId}`, 'subject 2')
  await untilTitles(`contact=grace&account=${accountId}`, 'subject 2', 'subject 1')
  await untilTitles('contact=grace&kinds=call,meeting', 'Called')
  await untilTitles('contact=grace&direction=out')
  await untilTitles('contact=grace&from=2026-01-05T01:30:00Z&to=2026-01-05T01:59:00Z', 'Called')
})

t.test('an entry of the CRM is changed and removed as it was read', async (t) => {
  const note = {
    kind: 'task',
    title: 'Write',
    at: '2026-01-06T00:00:00Z',
    records: [{ kind: 'deal', id: 'd1' }],
  }
  const made = await client.send<{ id: string }>('POST', '/v1/timeline-entries', note)
  const path = `/v1/timeline-entries/${made.body.id}`
  t.match(await client.get(path), { ...note, text: '' })
  t.strictSame(await problemOf(client.send('PATCH', path, { title: 'Wrote' })), [428, 'if-match-required'])
  const stale = client.send('PATCH', path, { title: 'Wrote' }, { 'if-match': '"7"' })
  t.strictSame(await problemOf(stale), [412, 'stale-version'])
  await client.send('PATCH', path, { title: 'Wrote' }, { 'if-match': '"0"' })
  await untilTitles('deal=d1', 'Wrote', 'Called')
  await client.send('DELETE', path)
  await untilTitles('deal=d1', 'Called')
  t.strictSame(await problemOf(client.get(path)), [404, 'not-found'])
  t.strictSame(await problemOf(client.send('DELETE', path)), [404, 'not-found'])
})

t.test('a contact has the timelines of those that were merged into it, each entry once', async (t) => {
  await client.send('POST', '/v1/timeline-entries', {
    kind: 'note',
    title: 'Of the other',
    at: '2026-01-05T00:30:00Z',
    records: [{ kind: 'contact', id: 'double' }],
  })
  await client.send('PUT', `/v1/messages/${messageIdOf(1)}/links/contact/double`)
  await untilTitles('contact=double', 'subject 1', 'Of the other')
  await client.send('POST', '/v1/directory/contacts/double/merge', { into: 'grace' })
  const all = ['subject 2', 'Called', 'subject 1', 'Of the other']
  await untilTitles('contact=grace', ...all)
  await untilTitles('contact=double', ...all)
  const { data } = await timelineOf('contact=grace')
  t.strictSame(data.at(-1)?.records, [{ kind: 'contact', id: 'grace' }])
})

t.test('pages have neither gaps nor repeats while entries arrive', async (t) => {
  const count = 60
  await log.storeMail(Array.from({ length: count }, (_, n) => synced(100 + n, from('grace@navy.test'))))
  await until(
    'All are there',
    async () => (await timelineOf('company=navy&limit=200')).data.length,
    (length) => length === count + 2,
  )
  const before = (await timelineOf('company=navy&limit=200')).data.map(({ id }) => id)
  const seen: string[] = []
  let next = 300
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page = await timelineOf(`company=navy&limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`)
    seen.push(...page.data.map(({ id }) => id))
    cursor = page.nextCursor
    await log.storeMail([synced(next++, from('grace@navy.test'))])
  }
  t.strictSame(seen, before)
})

t.test('an account tells its own, and nobody else is told', async (t) => {
  await client.send('POST', `/v1/email-accounts/${accountId}/pause`, { reason: 'On leave' })
  await until(
    'paused',
    () => timelineOf(`account=${accountId}&kinds=paused,connected`),
    ({ data }) => data.map(({ kind }) => kind).join() === 'paused,connected',
  )
  const { data } = await timelineOf(`account=${accountId}&kinds=paused`)
  t.match(data, [{ text: 'On leave', actor: { kind: 'api-key' }, records: [] }])
})

t.test('what is asked wrongly is said', async (t) => {
  const one = [400, 'one-timeline']
  t.strictSame(await problemOf(timelineOf('limit=5')), one)
  t.strictSame(await problemOf(timelineOf('contact=a&deal=b')), one)
  t.strictSame(await problemOf(timelineOf('contact=a&kinds=read')), [400, 'invalid-request'])
  const note = {
    kind: 'note',
    title: 'x',
    at: '2026-01-06T00:00:00Z',
    records: [{ kind: 'deal', id: 'none' }],
  }
  t.strictSame(await problemOf(client.send('POST', '/v1/timeline-entries', note)), [404, 'not-found'])
  const nobody = { ...note, records: [] }
  t.strictSame(await problemOf(client.send('POST', '/v1/timeline-entries', nobody)), [400, 'invalid-request'])
})
