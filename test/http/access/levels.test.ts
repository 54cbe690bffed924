import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { asker, type Asking } from '../../support/asked-words.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { readFeed } from '../../support/feed-reader.ts'
import type { Reading, Word } from '../../support/route-tables.ts'
import { startToldWorld } from '../../support/told-world.ts'

// Every route, asked by members of an account at each level, and by a stranger.

const { app, account, accountPath, readings, changes, owner } = await startToldWorld(t)
const ask = asker(app)
const as = (user: string): Asking => ({ headers: { 'mailtrail-user': user } })
const members = { u3: 'full', u4: 'read', u5: 'send' } as const
type Member = keyof typeof members
for (const [user, level] of Object.entries(members)) {
  await app.client.send('PUT', `/v1/directory/users/${user}`, { name: user })
  await owner.send('PUT', `${accountPath}/access/users/${user}`, { level })
}
const now = await upToNow(app.client)
const atNow = (path: string): string =>
  path.startsWith('/v1/') ? `${path}${path.includes('?') ? '&' : '?'}${now}` : path

type Told = { readonly status: number; readonly found: readonly Word[] }

/** What a user writes. */
const isOfWriter = (url: string): boolean => url.startsWith('/v1/drafts')
/** What of an account tells of all its mail, and how it is refused to whoever may not read that. */
const ofAllMail: Readonly<Record<string, number>> = {
  folders: 403,
  'thread-changes': 403,
  'assignment-rules': 403,
  linked: 404,
  'conversation-counts': 404,
  'deleted-messages': 404,
  'hidden-messages': 404,
}

/** Full access and access to read tell all but what others are writing. */
const toldToReader = (url: string, { to, tells }: Reading): Told => {
  if (isOfWriter(url)) return { status: to === 'own' ? 404 : 200, found: [] }
  return { status: 200, found: tells }
}
/** Access to send tells of the account itself, and nothing of what others sent or received. */
const toldToSender = (url: string, { to }: Reading): Told => {
  if (url.startsWith('/v1/email-accounts/:id'))
    return { status: ofAllMail[url.split('/').at(-1) ?? ''] ?? 200, found: [] }
  return { status: to === 'list' || to === 'own-list' ? 200 : 404, found: [] }
}
const toldTo = { u3: toldToReader, u4: toldToReader, u5: toldToSender }

for (const [user, level] of Object.entries(members))
  t.test(`GET of every route with the level ${level}`, async (t) => {
    for (const [url, rules] of Object.entries(readings))
      for (const rule of rules)
        for (const path of rule.paths) {
          const { status, found } = await ask('GET', atNow(path), as(user))
          if (rule.to === 'nobody') t.strictSame(found, [], path)
          else {
            const told = toldTo[user as Member](url, rule)
            t.strictSame({ status, found: found.toSorted() }, { ...told, found: told.found.toSorted() }, path)
          }
        }
  })

/** What is somebody's own, whatever one may do with the account. */
const isOthers = (route: string, body: object | undefined): boolean =>
  route.includes('/v1/templates/') ||
  route.includes('/v1/drafts/') ||
  (body !== undefined && 'draftId' in body)

const isMade = (answer: Told): boolean => answer.status === 201 || answer.status === 202

t.test('every change with the level read is refused', async (t) => {
  for (const [route, each] of Object.entries(changes))
    for (const { path, body } of each) {
      const asking = { headers: { ...as('u4').headers, 'if-match': '*' }, ...(body && { body }) }
      const status = isOthers(route, body) ? 404 : 403
      t.strictSame(await ask(route.split(' ')[0]!, path, asking), { status, found: [] }, `${route} ${path}`)
    }
})

t.test('with the level send, no change but to write and send', async (t) => {
  for (const [route, each] of Object.entries(changes))
    for (const { path, body } of each) {
      const asking = { headers: { ...as('u5').headers, 'if-match': '*' }, ...(body && { body }) }
      const answer = await ask(route.split(' ')[0]!, path, asking)
      const isWriting = /^POST \/v1\/(drafts|outbox)$/.test(route)
      const isReply = body !== undefined && 'replyTo' in body
      const isOfEmail = route.startsWith('POST /v1/outbox/')
      if (isWriting && !isReply && !isOthers(route, body)) t.ok(isMade(answer), `${route} ${answer.status}`)
      else {
        const status = isOthers(route, body) || isReply || isOfEmail ? 404 : 403
        t.strictSame(answer, { status, found: [] }, `${route} ${path}`)
      }
    }
})

t.test('a stranger is told nothing of the account', async (t) => {
  for (const [url, rules] of Object.entries(readings))
    for (const { to, paths } of rules)
      for (const path of paths) {
        const { status, found } = await ask('GET', atNow(path), as('u6'))
        t.strictSame(found, [], path)
        if (to === 'own' || to === 'level') t.equal(status, 404, `${url} ${path}`)
      }
  for (const [route, each] of Object.entries(changes))
    for (const { path, body } of each) {
      const asking = { headers: { ...as('u6').headers, 'if-match': '*' }, ...(body && { body }) }
      t.strictSame(await ask(route.split(' ')[0]!, path, asking), { status: 404, found: [] }, route)
    }
})

type Emails = { data: { id: string; userId: string | null; subject: string | null }[] }

t.test('who may only send sees what they sent', async (t) => {
  const sender = app.clientOf('u5')
  const subject = 'Numbers of the sender'
  const email = { accountId: account, to: [{ address: 'mia@client.test' }], subject, html: '<p>Hello</p>' }
  const { body } = await sender.send<{ id: string }>('POST', '/v1/outbox', { email, undoSeconds: 0 })
  const path = `/v1/outbox/${body.id}`
  await until(
    'The email',
    () => sender.get<{ sentAt: string | null }>(path),
    ({ sentAt }) => sentAt !== null,
  )
  const upTo = await upToNow(app.client)
  const outbox = await sender.get<Emails>(`/v1/outbox?state=sent&${upTo}`)
  t.strictSame(
    outbox.data.map(({ id }) => id),
    [body.id],
  )
  const messages = await sender.get<Emails>(`/v1/messages?account=${account}&${upTo}`)
  t.strictSame(
    messages.data.map(({ id, userId }) => ({ id, userId })),
    [{ id: body.id, userId: 'u5' }],
  )
  const found = await sender.get<Emails>(`/v1/search?q=numbers&${upTo}`)
  t.strictSame(
    found.data.map(({ id }) => id),
    [body.id],
  )
  const message = await sender.get<{ threadId: string; subject: string }>(`/v1/messages/${body.id}?${upTo}`)
  t.equal(message.subject, subject)
  const threads = await sender.get<Emails>(`/v1/threads?account=${account}&${upTo}`)
  t.strictSame(
    threads.data.map(({ id, subject: shown }) => ({ id, shown })),
    [{ id: message.threadId, shown: subject }],
  )
  const events = await sender.get<{ data: { stream: string }[] }>(`/v1/audit/events?email=${body.id}&${upTo}`)
  t.ok(events.data.some(({ stream }) => stream === `outgoing-${body.id}`))
  t.equal((await ask('GET', `${path}/tracking?${upTo}`, as('u5'))).status, 200)
  t.equal((await ask('GET', `${path}/raw?${upTo}`, as('u5'))).status, 200)
})

t.test('whose access is revoked is a stranger from then on', async (t) => {
  const feed = await readFeed(app.url, app.key, {
    query: `?account=${account}`,
    headers: { 'mailtrail-user': 'u4' },
  })
  t.equal(feed.status, 200)
  const { position } = await owner.send('DELETE', `${accountPath}/access/users/u4`)
  await feed.ended
  t.notOk(
    feed.items.some(({ type }) => type === 'AccountAccessRevoked'),
    'the feed of the account ends before it tells of that',
  )
  const after = `min_position=${position}`
  t.equal((await ask('GET', `${accountPath}?${after}`, as('u4'))).status, 404)
  const { data } = await app.clientOf('u4').get<Emails>(`/v1/messages?account=${account}&${after}`)
  t.strictSame(data, [])
  const sent = {
    email: { accountId: account, to: [{ address: 'mia@client.test' }], subject: 'x', html: 'x' },
  }
  const { status } = await ask('POST', '/v1/outbox', { ...as('u4'), body: sent })
  t.equal(status, 404)
})
