import { randomUUID } from 'node:crypto'
import t from 'tap'
import { ApiProblem, until } from '../../../scripts/lib/client.ts'
import { conversationList } from '../../../src/projections/conversations/conversation-list.ts'
import { schemaOf } from '../../../src/projections/projection.ts'
import { readFeed } from '../../support/feed-reader.ts'
import { startApp } from '../../support/running-app.ts'
import { conversationWith, sharedMailbox, type Conversation } from '../../support/shared-mailbox.ts'

const box = await sharedMailbox(t)
box.deliver('history')
const app = await startApp(t, { ca: box.ca, ports: box.ports })
for (const id of ['ann', 'bob']) await app.client.send('PUT', `/v1/directory/users/${id}`, { name: id })
const account = await box.connect(app.client)
const ann = app.clientOf('ann')
const bob = app.clientOf('bob')

type Page<Item> = { data: Item[] }
type Email = { id: string; state: string }

/** A conversation of a mail that has just come. */
const opened = async (name: string, headers: Record<string, string> = {}): Promise<Conversation> => {
  box.deliver(name, headers)
  await box.sync(app.client, account)
  return conversationWith(app.client, `sender${name}@x.test`)
}
const once = (id: string, isRight: (found: Conversation) => boolean): Promise<Conversation> =>
  until(`The conversation ${id}`, () => ann.get<Conversation>(`/v1/conversations/${id}`), isRight, 120_000)
const replyTo = ({ lastMessage }: Conversation, more: object = {}) => ({
  email: {
    replyTo: { kind: 'message', id: lastMessage.id },
    subject: 'Re',
    html: '<p>Hello</p>',
  },
  undoSeconds: 0,
  ...more,
})
const problemOf = async (asked: Promise<unknown>): Promise<ApiProblem> => {
  try {
    await asked
  } catch (error) {
    if (error instanceof ApiProblem) return error
    throw error
  }
  throw new Error('no problem')
}

t.test('mail opens a conversation, and neither history nor what programs write does', async (t) => {
  box.deliver('robot', { 'Auto-Submitted': 'auto-replied' })
  const found = await opened('first')
  t.match(found, { accountId: account, status: 'open', version: 1, assigneeId: null, unread: null })
  const { data } = await app.client.get<Page<Conversation>>('/v1/conversations?limit=200')
  t.notOk(data.some(({ lastMessage }) => /history|robot/.test(lastMessage.from ?? '')))
  box.deliver('again', { From: 'sender-first@x.test', 'In-Reply-To': '<first@x.test>' })
  await box.sync(app.client, account)
  const later = await once(found.id, ({ version }) => version === 2)
  t.equal(later.lastMessage.from, 'sender-first@x.test')
})

t.test('a conversation is answered from here and with another program, and waits then', async (t) => {
  const found = await opened('asked')
  const path = `/v1/conversations/${found.id}`
  const { body } = await ann.send<Email>('POST', '/v1/outbox', replyTo(found, { conversationVersion: 1 }))
  await once(found.id, ({ status, version }) => status === 'waiting' && version === 2)
  box.deliver('asks again', {
    From: 'sender-asked@x.test',
    'In-Reply-To': '<asked@x.test>',
    'Message-ID': '<a2@x.test>',
  })
  await box.sync(app.client, account)
  await once(found.id, ({ status, version }) => status === 'open' && version === 3)
  box.deliver('outlook', { From: 'team@acme.test', To: 'a@x.test', 'In-Reply-To': '<a2@x.test>' }, 'Sent')
  await box.sync(app.client, account)
  await once(found.id, ({ status, version }) => status === 'waiting' && version === 4)
  const { data } = await ann.get<
    Page<{ type: string; summary: string; actor: { kind: string; id: string } }>
  >(`${path}/history`)
  t.strictSame(
    data.map(({ type }) => type),
    [
      'ConversationOpened',
      'ConversationReplyQueued',
      'ConversationAnswered',
      'ConversationMessageReceived',
      'ConversationAnswered',
    ],
  )
  t.match(data[1], { actor: { kind: 'user', id: 'ann' } })
  t.match(await app.client.get<Email>(`/v1/outbox/${body.id}`), { state: 'sent' })
})

t.test('a conversation that is closed before its answer goes out stays closed', async (t) => {
  const found = await opened('done')
  const { body } = await ann.send<Email>('POST', '/v1/outbox', {
    ...replyTo(found, { conversationVersion: 1 }),
    undoSeconds: 5,
  })
  await ann.send('PUT', `/v1/conversations/${found.id}/status`, { status: 'closed' })
  await once(found.id, ({ lastAnsweredAt }) => lastAnsweredAt !== null)
  t.match(await app.client.get<Email>(`/v1/outbox/${body.id}`), { state: 'sent' })
  t.match(await ann.get(`/v1/conversations/${found.id}`), { status: 'closed', version: 2 })
})

t.test('a conversation is closed, snoozed, assigned and tagged, each once and at its version', async (t) => {
  const { id } = await opened('worked')
  const path = `/v1/conversations/${id}`
  const closed = await ann.send<Conversation>('PUT', `${path}/status`, { status: 'closed' })
  t.equal(closed.body.status, 'closed')
  const stale = await problemOf(ann.send('PUT', `${path}/status`, { status: 'open' }, { 'if-match': '"0"' }))
  t.equal(stale.status, 412)
  const until = new Date(Date.now() + 1500).toISOString()
  t.match((await ann.send<Conversation>('POST', `${path}/snooze`, { until })).body, {
    status: 'snoozed',
    snoozedUntil: until,
  })
  await once(id, ({ status }) => status === 'open')
  const past = await problemOf(ann.send('POST', `${path}/snooze`, { until: '2020-01-01T00:00:00Z' }))
  t.equal(past.problem.code, 'snoozed-into-the-past')
  t.match((await ann.send('PUT', `${path}/assignee`, { userId: 'bob' })).body, { assigneeId: 'bob' })
  t.equal((await problemOf(ann.send('PUT', `${path}/assignee`, { userId: 'nobody' }))).status, 404)
  t.match((await ann.send('POST', `${path}/tags`, { tag: 'very urgent' })).body, { tags: ['very urgent'] })
  const found = async (query: string) => {
    const { data } = await ann.get<Page<Conversation>>(`/v1/conversations?limit=200&${query}`)
    return data.some((each) => each.id === id)
  }
  await once(id, ({ tags }) => tags.length === 1)
  t.ok(await found('assignedTo=bob&tag=very%20urgent&status=open'))
  t.notOk(await found('assignedTo=ann'))
  t.notOk(await found('unassigned=true'))
  t.ok(await found(`accountId=${account}&unassigned=false&sort=-lastReceivedAt`))
  const counts = await ann.get<{ open: number; assignees: { assigneeId: string | null; count: number }[] }>(
    `/v1/email-accounts/${account}/conversation-counts`,
  )
  t.ok(counts.open > 0)
  t.strictSame(
    counts.assignees.filter(({ assigneeId }) => assigneeId === 'bob'),
    [{ assigneeId: 'bob', count: 1 }],
  )
  t.match((await ann.send('DELETE', `${path}/tags/very%20urgent`)).body, { tags: [] })
  t.match((await ann.send('PUT', `${path}/assignee`, { userId: null })).body, { assigneeId: null })
})

t.test('a note is written once however often it is sent, and mentions users that there are', async (t) => {
  const { id } = await opened('noted')
  const path = `/v1/conversations/${id}/notes`
  const note = { text: 'Ask the warehouse.', mentions: ['bob'] }
  const key = { 'idempotency-key': randomUUID() }
  const { body, position } = await ann.send<{ id: string }>('POST', path, note, key)
  t.equal((await ann.send<{ id: string }>('POST', path, note, key)).body.id, body.id)
  t.equal((await problemOf(ann.send('POST', path, { ...note, mentions: ['nobody'] }))).status, 404)
  const listed = await ann.get<Page<object>>(`${path}?min_position=${encodeURIComponent(position ?? '')}`)
  t.match(listed.data, [{ id: body.id, userId: 'ann', ...note }])
  t.equal((await problemOf(bob.send('DELETE', `${path}/${body.id}`))).problem.code, 'not-your-note')
  await ann.send('DELETE', `${path}/${body.id}`)
  await until(
    'No note',
    () => ann.get<Page<object>>(path),
    ({ data }) => data.length === 0,
  )
})

t.test('what a user has read is read by that user alone, until mail comes', async (t) => {
  const { id } = await opened('unread')
  const path = `/v1/conversations/${id}/read`
  await ann.send('PUT', path)
  await once(id, ({ unread }) => unread === false)
  t.match(await bob.get<Conversation>(`/v1/conversations/${id}`), { unread: true })
  const { data } = await ann.get<Page<Conversation>>('/v1/conversations?limit=200&unreadBy=me')
  t.notOk(data.some((each) => each.id === id))
  await ann.send('DELETE', path)
  await once(id, ({ unread }) => unread === true)
  t.equal((await problemOf(app.client.send('PUT', path))).problem.code, 'user-required')
  const byNobody = await problemOf(app.client.get('/v1/conversations?unreadBy=me'))
  t.equal(byNobody.problem.code, 'user-required')
})

t.test('who is in a conversation is told at once to those who may read it, and may be asked', async (t) => {
  const { id } = await opened('watched')
  const reader = await readFeed(app.url, app.key, { headers: { 'mailtrail-user': 'bob' } })
  const { body } = await ann.send<Page<object>>('PUT', `/v1/conversations/${id}/presence`, {
    doing: 'writing',
  })
  t.strictSame(body.data, [{ userId: 'ann', doing: 'writing' }])
  // Its line may not have been there yet.
  await until(
    'What ann does',
    async () => {
      await ann.send('PUT', `/v1/conversations/${id}/presence`, { doing: 'writing' })
      return reader.presence
    },
    (told) => told.length > 0,
  )
  t.match(reader.presence[0], { conversationId: id, accountId: account, userId: 'ann', doing: 'writing' })
  await reader.close()
  t.match(await bob.get(`/v1/conversations/${id}/presence`), { data: [{ userId: 'ann' }] })
})

t.test('of two answers one is refused and told of the other, unless it is sent anyway', async (t) => {
  const found = await opened('raced')
  const asked = replyTo(found, { conversationVersion: 1, undoSeconds: 60 })
  const key = { 'idempotency-key': randomUUID() }
  const { body } = await ann.send<Email>('POST', '/v1/outbox', asked, key)
  t.equal((await ann.send<Email>('POST', '/v1/outbox', asked, key)).body.id, body.id, 'repeated')
  const { status, json } = await app.ask('POST', '/v1/outbox', {
    body: asked,
    headers: { 'mailtrail-user': 'bob' },
  })
  t.equal(status, 409)
  t.match(json, {
    code: 'conversation-changed',
    details: {
      conversationId: found.id,
      version: 2,
      changes: [{ kind: 'reply', id: body.id, userId: 'ann' }],
    },
  })
  const unknowing = await problemOf(bob.send('POST', '/v1/outbox', replyTo(found)))
  t.equal(unknowing.problem.code, 'conversation-changed', 'without a version, too')
  const anyway = await bob.send<Email>('POST', '/v1/outbox', { ...asked, sendAnyway: true })
  for (const { id } of [body, anyway.body]) await ann.send('POST', `/v1/outbox/${id}/cancellation`)
  const withdrawn = await once(found.id, ({ version }) => version === 5)
  const { data } = await ann.get<Page<{ summary: string }>>(`/v1/conversations/${withdrawn.id}/history`)
  t.ok(data.some(({ summary }) => summary.includes('although the conversation might have changed')))
  await bob.send('POST', '/v1/outbox', asked)
  await once(found.id, ({ version }) => version === 6)
})

t.test('a reply that is told a version of no conversation is refused', async (t) => {
  const { data } = await app.client.get<Page<{ id: string; from: { address: string }[] }>>(
    `/v1/messages?account=${account}&limit=200`,
  )
  const history = data.find(({ from }) => from[0]?.address === 'senderhistory@x.test')!
  const reply = (more: object) => ({
    email: { replyTo: { kind: 'message', id: history.id }, subject: 'Re', html: '<p>Hi</p>' },
    ...more,
  })
  const { problem } = await problemOf(ann.send('POST', '/v1/outbox', reply({ conversationVersion: 1 })))
  t.equal(problem.code, 'not-in-a-conversation')
  await ann.send('POST', '/v1/outbox', reply({}))
})

t.test('threads that are merged are one conversation, and two again once that is undone', async (t) => {
  const one = await opened('kept')
  const other = await opened('joined')
  await ann.send('POST', `/v1/conversations/${other.id}/tags`, { tag: 'joined' })
  await ann.send('PUT', `/v1/conversations/${one.id}/status`, { status: 'closed' })
  type Change = { change: number; threadId: string; other: string }
  const { body } = await ann.send<Change>('POST', `/v1/threads/${one.id}/merge`, { thread: other.id })
  const merged = await once(one.id, ({ tags }) => tags.includes('joined'))
  t.equal(merged.status, 'open', 'somebody waits in one of them')
  t.equal((await once(other.id, ({ id }) => id === merged.id)).id, merged.id, 'both ids lead to it')
  await ann.send('POST', `/v1/email-accounts/${account}/thread-changes/${body.change}/undo`)
  const gone = [one.id, other.id].find((id) => id !== merged.id)!
  t.match(await once(gone, ({ id }) => id === gone), { id: gone })
})

t.test('notes are found however often their conversation was merged, and a circle ends', async (t) => {
  const first = await opened('chained')
  await ann.send('POST', `/v1/conversations/${first.id}/notes`, { text: 'Kept', mentions: [] })
  const second = await opened('link')
  await ann.send('POST', `/v1/threads/${first.id}/merge`, { thread: second.id })
  await until(
    'One of both',
    () => Promise.all([first, second].map(({ id }) => ann.get<Conversation>(`/v1/conversations/${id}`))),
    ([one, other]) => one?.id === other?.id,
    120_000,
  )
  const largest = await opened('largest')
  for (const more of ['m1', 'm2'])
    box.deliver(more, { From: 'sender-largest@x.test', 'In-Reply-To': '<largest@x.test>' })
  await box.sync(app.client, account)
  await once(largest.id, ({ version }) => version === 3)
  await ann.send('POST', `/v1/threads/${first.id}/merge`, { thread: largest.id })
  await once(first.id, ({ id }) => id === largest.id)
  const { data } = await ann.get<Page<{ text: string }>>(`/v1/conversations/${largest.id}/notes`)
  t.match(data, [{ text: 'Kept' }])
  const table = `${schemaOf(conversationList)}.conversation`
  await app.pool.query(`update ${table} set merged_into = $2 where id = $1`, [largest.id, first.id])
  t.equal((await problemOf(ann.get(`/v1/conversations/${first.id}`))).status, 404)
})

t.test('what is split off is a conversation of its own', async (t) => {
  const found = await opened('whole')
  box.deliver('part', { From: 'sender-part@x.test', 'In-Reply-To': '<whole@x.test>' })
  await box.sync(app.client, account)
  const grown = await once(found.id, ({ version }) => version === 2)
  const { body } = await ann.send<{ other: string }>('POST', `/v1/threads/${found.id}/split`, {
    messages: [grown.lastMessage.id],
  })
  const part = await until(
    'The new one',
    () => ann.get<Conversation>(`/v1/conversations/${body.other}`).catch(() => null),
    (each) => each !== null,
    120_000,
  )
  t.match(part, { status: 'open', lastMessage: { from: 'sender-part@x.test' } })
})

t.test(
  'conversations are changed with full access, read with access to read, and nobody else’s',
  async (t) => {
    const { id } = await opened('levelled')
    const access = `/v1/email-accounts/${account}/access`
    for (const [user, level] of Object.entries({ ann: 'full', cara: 'read', dave: 'send' })) {
      await app.client.send('PUT', `/v1/directory/users/${user}`, { name: user })
      await app.client.send('PUT', `${access}/users/${user}`, { level })
    }
    const { position } = await app.client.send('DELETE', `${access}/everyone`)
    const now = `min_position=${encodeURIComponent(position ?? '')}`
    const path = `/v1/conversations/${id}`
    const listed = async (user: string) => {
      const { data } = await app.clientOf(user).get<Page<Conversation>>(`/v1/conversations?limit=200&${now}`)
      return data.some((each) => each.id === id)
    }
    const changes = [
      ['PUT', `${path}/status`, { status: 'closed' }],
      ['POST', `${path}/snooze`, { until: '2100-01-01T00:00:00Z' }],
      ['PUT', `${path}/assignee`, { userId: 'ann' }],
      ['POST', `${path}/tags`, { tag: 'x' }],
      ['DELETE', `${path}/tags/x`, undefined],
      ['POST', `${path}/notes`, { text: 'x' }],
      ['DELETE', `${path}/notes/not_00000000000000000000000000`, undefined],
    ] as const
    const refused = async (user: string) => {
      const client = app.clientOf(user)
      const answers = changes.map(([method, of, body]) => problemOf(client.send(method, of, body)))
      return new Set((await Promise.all(answers)).map(({ status }) => status))
    }
    t.ok(await listed('ann'))
    t.ok(await listed('cara'))
    t.same(await refused('cara'), new Set([403]))
    t.match((await app.clientOf('cara').send('PUT', `${path}/read`)).body, { id })
    t.equal(
      (await problemOf(ann.send('PUT', `${path}/assignee`, { userId: 'cara' }))).problem.code,
      'assignee-has-no-access',
    )
    t.notOk(await listed('dave'))
    t.same(await refused('dave'), new Set([403]))
    t.notOk(await listed('bob'))
    t.same(await refused('bob'), new Set([404]))
    for (const user of ['dave', 'bob'])
      for (const asked of [path, `${path}/notes`, `${path}/history`, `${path}/presence`]) {
        const { status } = await problemOf(
          app.clientOf(user).get(asked === `${path}/presence` ? asked : `${asked}?${now}`),
        )
        t.ok(status === 404 || status === 403, `${asked} to ${user}`)
      }
    for (const [method, of, body] of changes.slice(0, 4)) await ann.send(method, of, body)
  },
)
