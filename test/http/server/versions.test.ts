import t from 'tap'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { problemIn } from '../../support/problem-answers.ts'

const app = await startApp(t)
await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
])
const account = `/v1/email-accounts/${idOf('acc', 1)}`

/** The resource as it is now, and its ETag. */
const read = async (path: string, position: string | null = null) => {
  const query = position === null ? '' : `?min_position=${encodeURIComponent(position)}`
  const answer = await app.ask('GET', `${path}${query}`)
  return { ...answer, etag: answer.headers.get('etag') ?? '' }
}
const change = (method: string, path: string, body: object | undefined, headers: Record<string, string>) =>
  app.ask(method, path, { body, headers })

const makeTemplate = async () => {
  const body = { scope: 'shared', name: 'T', subject: 'S', body: { format: 'html', source: '<p>x</p>' } }
  const { body: made, position } = await app.client.send<{ id: string }>('POST', '/v1/templates', body)
  return { path: `/v1/templates/${made.id}`, position }
}
const makeDraft = async () => {
  const { body } = await app.client.send<{ id: string }>('POST', '/v1/drafts', {
    accountId: idOf('acc', 1),
    subject: 'One',
  })
  return `/v1/drafts/${body.id}`
}

t.test('a change or a deletion that names another version changes nothing, whatever it is of', async (t) => {
  const contact = '/v1/directory/contacts/c1'
  await app.client.send('PUT', contact, { firstName: 'Ada' })
  await app.client.send('PUT', '/v1/directory/organization', { name: 'Acme' })
  await app.client.send('POST', `${account}/exclude-patterns`, { pattern: '*@junk.test' })
  const template = await makeTemplate()
  const requests: [method: string, path: string, body?: object][] = [
    ['PUT', contact, { firstName: 'Bea' }],
    ['DELETE', contact],
    ['PUT', '/v1/directory/organization', { name: 'Other' }],
    ['DELETE', template.path],
    ['DELETE', await makeDraft()],
    ['POST', `${account}/pause`, {}],
    ['POST', `${account}/resume`],
    ['POST', `${account}/disconnect`, {}],
    ['POST', `${account}/sync-runs`],
    ['PUT', `${account}/default`],
    ['DELETE', `${account}/default`],
    ['POST', `${account}/exclude-patterns`, { pattern: '*@spam.test' }],
    ['DELETE', `${account}/exclude-patterns/*@junk.test`],
  ]
  for (const [method, path, body] of requests) {
    for (const other of ['"99"', 'W/"0"', '"99", "98-abc"', '"of-another-server"'])
      problemIn(t, await change(method, path, body, { 'if-match': other }), 412, 'stale-version')
    problemIn(t, await change(method, path, body, { 'if-match': '0' }), 400, 'invalid-if-match')
  }
  t.match((await read(contact)).json, { firstName: 'Ada' })
  t.match((await read('/v1/directory/organization')).json, { name: 'Acme' })
  t.equal((await read(template.path, template.position)).status, 200)

  for (const [method, path, body] of requests.slice(0, 5)) {
    const { etag } = await read(path)
    const answer = await change(method, path, body, { 'if-match': `"99", ${etag}` })
    t.ok(answer.status < 300, `${method} ${path}: one of a list is enough`)
  }
  const paused = await change('POST', `${account}/pause`, {}, { 'if-match': (await read(account)).etag })
  t.equal(paused.status, 200)
  const resumed = await change('POST', `${account}/resume`, undefined, {
    'if-match': paused.headers.get('etag') ?? '',
  })
  t.equal(resumed.status, 200, 'the version that a change answers is one to go on from')
})

t.test('the choice of a default account has a version of its own, which each answer gives', async (t) => {
  const choose = `${account}/default`
  const chosen = await change('PUT', choose, undefined, {})
  const version = { 'if-match': chosen.headers.get('etag') ?? '' }
  t.match(await change('DELETE', choose, undefined, version), { status: 200, json: { accountId: null } })
  problemIn(t, await change('PUT', choose, undefined, version), 412, 'stale-version')
  t.equal((await change('PUT', choose, undefined, { 'if-match': '*' })).status, 200)
})

t.test('304 is described where it is answered: of what has an ETag', async (t) => {
  type Described = Record<string, { get?: { responses: Record<string, { headers?: object }> } }>
  const { paths } = (await app.ask('GET', '/docs/json')).json as { paths: Described }
  const template = await makeTemplate()
  await read(template.path, template.position)
  await app.client.send('PUT', '/v1/directory/users/u5', { name: 'E' })
  await app.client.send('PUT', '/v1/directory/organization', { name: 'Acme' })
  const examples: Record<string, string> = {
    '/v1/email-accounts/{id}': account,
    '/v1/templates/{id}': template.path,
    '/v1/drafts/{id}': await makeDraft(),
    '/v1/directory/users/{id}': '/v1/directory/users/u5',
    '/v1/messages/{id}': `/v1/messages/${idOf('msg', 1)}`,
    '/v1/email-accounts/{id}/sync-status': `${account}/sync-status`,
    '/v1/event-log': '/v1/event-log?at=2026-01-05T12:00:00Z',
  }
  for (const [path, { get }] of Object.entries(paths)) {
    const example = examples[path] ?? path
    if (!get || !path.startsWith('/v1/') || example.includes('{')) continue
    const answer = await app.ask('GET', example)
    if (answer.status !== 200) continue
    const { 200: usual, 304: same } = get.responses
    t.equal(answer.headers.has('etag'), same !== undefined, path)
    t.equal(usual?.headers !== undefined && 'ETag' in usual.headers, same !== undefined, path)
  }
})

t.test('`*` is any version, but something must be there', async (t) => {
  const contact = '/v1/directory/contacts/c2'
  const any = { 'if-match': '*' }
  problemIn(t, await change('PUT', contact, { firstName: 'A' }, any), 412, 'stale-version')
  t.equal((await read(contact)).status, 404)
  await app.client.send('PUT', contact, { firstName: 'A' })
  t.equal((await change('PUT', contact, { firstName: 'B' }, any)).status, 200)
  t.equal((await change('PATCH', await makeDraft(), { subject: 'Two' }, any)).status, 200)
  t.equal((await change('DELETE', contact, undefined, any)).status, 204)
  problemIn(t, await change('PUT', contact, { firstName: 'C' }, any), 412, 'stale-version')
})

t.test('with `If-None-Match: *` a record is made, and never replaced', async (t) => {
  const contact = '/v1/directory/contacts/c3'
  const none = { 'if-none-match': '*' }
  t.equal((await change('PUT', contact, { firstName: 'A' }, none)).status, 200)
  const { details } = problemIn(
    t,
    await change('PUT', contact, { firstName: 'B' }, none),
    412,
    'stale-version',
  )
  t.match(details, { actual: '"0"' })
  t.match((await read(contact)).json, { firstName: 'A' })
  await app.client.send('DELETE', contact)
  t.equal(
    (await change('PUT', contact, { firstName: 'C' }, none)).status,
    200,
    'one that was removed is made anew',
  )
})

t.test('whoever has what is there already is told so, and gets no body', async (t) => {
  const contact = '/v1/directory/contacts/c4'
  await app.client.send('PUT', contact, { firstName: 'A' })
  const template = await makeTemplate()
  await read(template.path, template.position)
  for (const path of [contact, template.path, await makeDraft(), account]) {
    const { etag } = await read(path)
    for (const method of ['GET', 'HEAD'])
      for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const answer = await change(method, path, undefined, { 'if-none-match': known })
        t.match(answer, { status: 304, bytes: { length: 0 } }, `${method} ${path} ${known}`)
        t.equal(answer.headers.get('etag'), etag)
      }
    t.equal((await change('GET', path, undefined, { 'if-none-match': '"0"' })).status, 200)
  }
})

t.test(
  'what is shown of an account changes without a new version, and then it is not said to be the same',
  async (t) => {
    const own = `/v1/email-accounts/${idOf('acc', 2)}`
    const { etag } = await read(own)
    const { position } = await app.client.send('PUT', '/v1/directory/users/u1', { name: 'Mia Meyer' })
    const answer = await app.ask('GET', `${own}?min_position=${encodeURIComponent(position ?? '')}`, {
      headers: { 'if-none-match': etag },
    })
    t.match(answer, { status: 200, json: { user: 'Mia Meyer' } })
    t.equal(answer.headers.get('etag')?.split('-')[0], etag.split('-')[0], 'the version is the same')
    const changed = await change('PATCH', `${own}/settings`, { displayName: 'x' }, { 'if-match': etag })
    t.equal(changed.status, 200, 'and it is the version that a change is based on')
  },
)

t.test('a stale version is answered with what has changed since, by name', async (t) => {
  const draft = await makeDraft()
  const { etag } = await read(draft)
  await change('PATCH', draft, { subject: 'Two', html: '<p>two</p>' }, { 'if-match': '"0"' })
  await change('PATCH', draft, { to: [{ address: 'a@b.test' }] }, { 'if-match': '"1"' })
  const answer = await change('PATCH', draft, { subject: 'Three' }, { 'if-match': etag })
  const { details } = problemIn(t, answer, 412, 'stale-version')
  t.match(details, {
    expected: etag,
    actual: '"2"',
    changes: [
      { version: '"1"', event: 'DraftSaved', fields: ['draft.subject', 'draft.html'] },
      { version: '"2"', event: 'DraftSaved', fields: ['draft.to'] },
    ],
  })
  t.notMatch(JSON.stringify(details), /a@b\.test|two/, 'and no value')
})

t.test('of what one may not see, no version is told', async (t) => {
  const headers = { 'mailtrail-user': 'u2', 'if-match': '"99"' }
  const own = `/v1/email-accounts/${idOf('acc', 2)}`
  for (const [method, path, body] of [
    ['PATCH', `${own}/settings`, { displayName: 'x' }],
    ['PUT', `${own}/signature`, { html: '' }],
    ['POST', `${own}/pause`, {}],
  ] as const)
    problemIn(t, await app.ask(method, path, { body, headers }), 404, 'not-found')
})
