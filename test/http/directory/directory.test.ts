import t from 'tap'
import { problemIn } from '../../support/problem-answers.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const put = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  app.ask('PUT', `/v1/directory/${path}`, { body, headers })
const idsOf = async (path: string) => {
  const { data } = await app.client.get<{ data: { id: string }[] }>(`/v1/directory/${path}`)
  return data.map(({ id }) => id)
}

t.test('a record comes back as it was put, with domains and addresses in one form', async (t) => {
  const contact = {
    firstName: 'Grace',
    lastName: 'Hopper',
    emails: ['Grace@Example.org', 'grace@example.net'],
    title: 'Rear admiral',
    phone: '+1 555 0100',
    companyId: 'co1',
    ownerId: 'u1',
    territory: 'North',
    product: 'Compilers',
    optOut: true,
  }
  const emails = [...contact.emails, 'grace@EXAMPLE.org']
  t.match(await put('contacts/g1', { ...contact, emails }), {
    status: 200,
    json: { ...contact, emails: contact.emails },
  })
  t.match(await app.client.get('/v1/directory/contacts/g1'), { id: 'g1', ...contact, emails: contact.emails })
  const domains = ['BÜCHER.example', 'xn--bcher-kva.example', 'Acme.test']
  t.match((await put('companies/co1', { name: 'Acme', domains, ownerId: 'u1', territory: 'North' })).json, {
    domains: ['xn--bcher-kva.example', 'acme.test'],
  })
  t.strictSame(await idsOf(`companies?domain=${encodeURIComponent('bücher.example')}`), ['co1'])
  const deal = { name: 'Renewal', companyId: 'co1', contactIds: ['g1'], stage: 'Open', ownerId: 'u1' }
  t.match((await put('deals/d1', deal)).json, { id: 'd1', ...deal })
  const organization = { name: 'Example', timeZone: 'UTC', domains: ['example.com'] }
  t.match((await put('organization', organization)).json, organization)
  t.match(await app.client.get('/v1/directory/organization'), organization)
})

t.test('what is no record is refused, place by place, and nothing is recorded', async (t) => {
  const wrong: [path: string, body: object, at: string][] = [
    ['contacts/w1', { emails: ['not an address'] }, 'body/emails/0'],
    ['contacts/w1', { emails: Array.from({ length: 21 }, (_, n) => `a${n}@x.test`) }, 'body/emails'],
    ['contacts/w1', { owner: 'u1' }, 'body/owner'],
    ['contacts/w1', { optOut: 'yes' }, 'body/optOut'],
    ['contacts/w1', { ownerId: 'ada@example.com' }, 'body/ownerId'],
    ['contacts/w1', { territory: 'North\nSouth' }, 'body/territory'],
    ['companies/w1', { name: 'W', domains: ['http://acme.test'] }, 'body/domains/0'],
    ['companies/w1', { name: 'W', domains: ['acme'] }, 'body/domains/0'],
    ['companies/w1', { name: 'W', domains: ['10.0.0.1'] }, 'body/domains/0'],
    ['companies/w1', { name: 'W', domains: ['a..test'] }, 'body/domains/0'],
    ['companies/w1', { name: 'W', domains: ['-a.test'] }, 'body/domains/0'],
    ['deals/w1', { name: 'W', contactIds: ['a b'] }, 'body/contactIds/0'],
    [
      'deals/w1',
      { name: 'W', contactIds: Array.from({ length: 101 }, (_, n) => `c${n}`) },
      'body/contactIds',
    ],
    ['users/w1', { name: 'W', email: 'nobody' }, 'body/email'],
  ]
  for (const [path, body, at] of wrong) {
    const { errors } = problemIn(t, await put(path, body), 400, 'invalid-request')
    t.match(errors, [{ path: at }], at)
  }
  for (const path of ['contacts/w1', 'companies/w1', 'deals/w1', 'users/w1'])
    problemIn(t, await app.ask('GET', `/v1/directory/${path}`), 404, 'not-found')
})

t.test('a company has no domain in which anybody can be', async (t) => {
  for (const domain of ['gmail.com', 'FastMail.com', 'co.uk', 'github.io']) {
    const { detail } = problemIn(
      t,
      await put('companies/w2', { name: 'W', domains: ['w2.test', domain] }),
      422,
      'everybodys-domain',
    )
    t.match(detail, domain.toLowerCase())
  }
  problemIn(t, await app.ask('GET', '/v1/directory/companies/w2'), 404, 'not-found')
  t.match(await put('companies/w2', { name: 'W', domains: ['w2.co.uk'] }), { status: 200 })
})

const merge = (from: string, into: string, headers: Record<string, string> = {}) =>
  app.ask('POST', `/v1/directory/contacts/${from}/merge`, { body: { into }, headers })

t.test(
  'a merged contact leaves its addresses and its opt-out to the survivor, to which its id leads',
  async (t) => {
    await put('contacts/m1', { firstName: 'Ann', emails: ['Ann@x.test', 'old@x.test'], optOut: true })
    await put('contacts/m2', { firstName: 'Anna', emails: ['anna@x.test', 'ann@x.test'] })
    await put('deals/m', { name: 'Merged', contactIds: ['m1'] })
    const emails = ['anna@x.test', 'ann@x.test', 'old@x.test']
    const survivor = { id: 'm2', firstName: 'Anna', emails, optOut: true }
    const merged = await merge('m1', 'm2')
    t.match(merged, { status: 200, json: survivor })
    t.match(await app.client.get('/v1/directory/contacts/m1'), survivor)
    const found = await app.ask('GET', '/v1/directory/contacts/m2')
    t.match(found.json, survivor)
    t.ok(found.headers.get('etag')?.startsWith(merged.headers.get('etag')!.slice(0, -1)), 'one version')
    t.strictSame(await idsOf('contacts?email=old@x.test'), ['m2'])
    t.notOk((await idsOf('contacts?limit=200')).includes('m1'))
    for (const id of ['m1', 'm2']) t.strictSame(await idsOf(`deals?contact=${id}`), ['m'], `deals of ${id}`)

    const head = await app.client.get<{ data: { type: string }[] }>('/v1/audit/events?contact=m2')
    t.match(
      head.data.map(({ type }) => type),
      ['ContactMerged', 'ContactRecorded', 'ContactRecorded'],
      'the survivor knows of it',
    )
    t.match(await merge('m1', 'm2'), { status: 200, json: survivor }, 'again, it is the same')
    const after = await app.client.get<{ data: object[] }>('/v1/audit/events?contact=m2')
    t.equal(after.data.length, head.data.length, 'and nothing more happens')

    await put('contacts/m3', { emails: [] })
    t.match(problemIn(t, await put('contacts/m1', { emails: [] }), 422, 'contact-merged'), {
      details: { into: 'm2' },
    })
    problemIn(t, await merge('m1', 'm3'), 422, 'contact-merged')
    t.match(await merge('m2', 'm3'), { status: 200, json: { id: 'm3', emails, optOut: true } })
    t.match(await app.client.get('/v1/directory/contacts/m1'), { id: 'm3' }, 'over two steps')
    t.strictSame(await idsOf('deals?contact=m3'), ['m'])
    problemIn(t, await merge('m3', 'm1'), 422, 'merged-into-itself')
    problemIn(t, await merge('m3', 'm3'), 422, 'merged-into-itself')
    problemIn(t, await merge('m3', 'nobody'), 404, 'not-found')
    problemIn(t, await merge('nobody', 'm3'), 404, 'not-found')

    t.equal((await app.ask('DELETE', '/v1/directory/contacts/m1')).status, 204)
    problemIn(t, await app.ask('GET', '/v1/directory/contacts/m1'), 404, 'not-found')
    t.match(await put('contacts/m1', { emails: ['new@x.test'] }), { status: 200 }, 'its id is free again')
  },
)

t.test('what a merge may not do is refused before anything changes', async (t) => {
  const addresses = (name: string) => Array.from({ length: 11 }, (_, n) => `${name}${n}@x.test`)
  const { headers } = await put('contacts/f1', { emails: addresses('one') })
  await put('contacts/f2', { emails: addresses('two') })
  problemIn(t, await merge('f1', 'f2'), 422, 'too-many-addresses')
  problemIn(t, await merge('f1', 'f2', { 'if-match': '"7"' }), 412, 'stale-version')
  t.match(await app.client.get('/v1/directory/contacts/f2'), { emails: addresses('two') })
  await put('contacts/f2', { emails: [] })
  t.match(await merge('f1', 'f2', { 'if-match': headers.get('etag')! }), { status: 200 })
})
