import t from 'tap'
import { ApiProblem, until } from '../../../scripts/lib/client.ts'
import { accountId, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { logOf } from '../../support/mail-in-log.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const log = logOf(t, app)

type Links = {
  links: { record: { kind: string; id: string }; rule: string; evidence: string; confidence: string }[]
  suggestions: { record: { kind: string; id: string }; rule: string }[]
  unlinked: { kind: string; id: string }[]
}
/** What was written into the log last, so that nothing is asked before it is known. */
let since = ''
const linksOf = (n: number) =>
  app.client.get<Links>(`/v1/messages/${messageIdOf(n)}/links?min_position=${since}`)
const store = async (...messages: ReturnType<typeof synced>[]) => {
  since = await log.storeMail(messages)
}
const shown = ({ links }: Links) => links.map(({ record, rule }) => `${record.kind}:${record.id} ${rule}`)
const untilLinked = (n: number, ...expected: string[]) =>
  until(
    `message ${n} linked to ${expected.join()}`,
    async () => shown(await linksOf(n)).toSorted(),
    (links) => links.join() === expected.toSorted().join(),
  )
const put = (path: string, body: object) => app.client.send('PUT', `/v1/directory/${path}`, body)
const fails = async (work: Promise<unknown>): Promise<number> => {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  return error instanceof ApiProblem ? error.status : 0
}
const from = (address: string, name?: string) => ({
  header: { from: [{ address, ...(name === undefined ? {} : { name }) }] },
})

await put('contacts/grace', {
  firstName: 'Grace',
  lastName: 'Hopper',
  emails: ['grace@navy.test'],
  companyId: 'navy',
})
await put('companies/navy', { name: 'Navy', domains: ['navy.test'] })
await put('deals/d1', { name: 'Renewal' })
since = await log.connect()

t.test('a new message is linked, with the reason', async (t) => {
  await store(synced(1, from('grace@navy.test')))
  await untilLinked(1, 'contact:grace address', 'company:navy address')
  t.strictSame((await linksOf(1)).links[1], {
    record: { kind: 'contact', id: 'grace' },
    rule: 'address',
    evidence: 'grace@navy.test',
    confidence: 'certain',
  })
})

t.test('what people decide goes before the rules, and can be undone', async () => {
  const contact = `/v1/messages/${messageIdOf(1)}/links/contact/grace`
  const deal = `/v1/messages/${messageIdOf(1)}/links/deal/d1`
  await app.client.send('DELETE', contact)
  await app.client.send('PUT', deal)
  await untilLinked(1, 'company:navy address', 'deal:d1 hand')
  await app.client.send('POST', `${contact}/undo`)
  await untilLinked(1, 'contact:grace address', 'company:navy address', 'deal:d1 hand')
})

t.test('a reply has the deal of what it answers', async () => {
  await store(
    synced(2, {
      header: { ...from('who@else.test').header, references: ['1@x.test'], inReplyTo: ['1@x.test'] },
    }),
  )
  await untilLinked(2, 'deal:d1 thread')
})

t.test('a contact that comes later, an address that changes, and one that goes reach back', async () => {
  await store(synced(3, from('ada@engine.test')), synced(4, from('ada@new.test')))
  await put('contacts/ada', { firstName: 'Ada', lastName: 'Lovelace', emails: ['ada@engine.test'] })
  await untilLinked(3, 'contact:ada address')
  await put('contacts/ada', { firstName: 'Ada', lastName: 'Lovelace', emails: ['ada@new.test'] })
  await untilLinked(4, 'contact:ada address')
  await untilLinked(3)
  await app.client.send('DELETE', '/v1/directory/contacts/ada')
  await untilLinked(4)
})

t.test('settings of the account reach back, and there and back again is as before', async (t) => {
  const account = `/v1/email-accounts/${accountId}`
  const change = async (settings: object) => {
    await app.client.send('PATCH', `${account}/settings`, settings, { 'if-match': '*' })
  }
  const before = await linksOf(1)
  await change({ autoLink: false })
  await untilLinked(1, 'deal:d1 hand')
  await untilLinked(2)
  await change({ autoLink: true, linkRules: { byName: false } })
  await change({ linkRules: { byName: true } })
  await untilLinked(1, 'contact:grace address', 'company:navy address', 'deal:d1 hand')
  await untilLinked(2, 'deal:d1 thread')
  t.strictSame(await linksOf(1), before)
})

t.test(
  'several contacts with one address wait for somebody to decide, for this mail or for good',
  async (t) => {
    type Suggestions = { data: { id: string; messageId: string; suggestion: { record: { id: string } } }[] }
    const suggestions = () =>
      app.client.get<Suggestions>(`/v1/link-suggestions?account=${accountId}&kind=contact`)
    for (const id of ['twin1', 'twin2']) await put(`contacts/${id}`, { emails: ['office@shared.test'] })
    await store(synced(5, from('office@shared.test')), synced(6, from('office@shared.test')))
    const { data } = await until('four suggestions', suggestions, (found) => found.data.length === 4)
    const of = (n: number, contact: string) =>
      data.find(
        ({ messageId, suggestion }) => messageId === messageIdOf(n) && suggestion.record.id === contact,
      )!.id
    await app.client.send('POST', `/v1/link-suggestions/${of(5, 'twin2')}/reject`, {})
    await app.client.send('POST', `/v1/link-suggestions/${of(5, 'twin1')}/accept`, { alwaysForSender: true })
    await untilLinked(5, 'contact:twin1 hand')
    await untilLinked(6, 'contact:twin1 sender')
    await until('no suggestion left', suggestions, (found) => found.data.length === 0)
    t.equal(await fails(app.client.send('POST', `/v1/link-suggestions/${of(5, 'twin2')}/accept`, {})), 404)
    await app.client.send('POST', '/v1/sender-assignments', {
      address: 'office@shared.test',
      record: { kind: 'contact', id: 'twin1' },
      assigned: false,
    })
    await untilLinked(6)
  },
)

t.test('contacts that are merged take their mail along, as the preview says', async (t) => {
  await store(synced(7, from('old@merged.test')))
  await put('contacts/gone', { emails: ['old@merged.test'] })
  await put('contacts/stays', { emails: ['new@merged.test'] })
  await untilLinked(7, 'contact:gone address')
  const { body } = await app.client.send('POST', '/v1/link-previews', {
    merge: [{ contactId: 'gone', into: 'stays' }],
  })
  t.match(body, { examined: 1, changed: 1, links: { address: { added: 1, removed: 1 } } })
  await app.client.send('POST', '/v1/directory/contacts/gone/merge', { into: 'stays' })
  await untilLinked(7, 'contact:stays address')
})

t.test('what is not there is told', async (t) => {
  const links = `/v1/messages/${messageIdOf(1)}/links`
  t.equal(await fails(app.client.send('PUT', `${links}/contact/nobody`)), 404)
  t.equal(await fails(app.client.send('DELETE', `${links}/contact/nobody`)), 404)
  t.equal(await fails(app.client.send('PUT', `${links}/invoice/grace`)), 400)
  t.equal(await fails(app.client.get(`/v1/messages/${messageIdOf(99)}/links`)), 404)
  t.equal(await fails(app.client.send('PUT', `/v1/messages/${messageIdOf(99)}/links/contact/grace`)), 404)
})
