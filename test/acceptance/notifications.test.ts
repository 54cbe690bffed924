import t, { type Test } from 'tap'
import { until, type Client } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import type { NotificationKind } from '../../src/domain/notifications/events.ts'
import { ConversationAssigned, ConversationNoteAdded } from '../../src/domain/conversations/events.ts'
import { EmailBounced } from '../../src/domain/sending/events.ts'
import { EmailReplied } from '../../src/domain/tracking/events.ts'
import { syncing } from '../support/awaited-sync-runs.ts'
import { idOf } from '../support/example-emails.ts'
import { readFeed } from '../support/feed-reader.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { logOf } from '../support/mail-in-log.ts'
import { mail } from '../support/mailbox-to-sync.ts'
import { startApp } from '../support/running-app.ts'
import { webhookReceiver } from '../support/webhook-receiver.ts'

// Real servers: mail comes in over IMAP, and what is mailed goes out over SMTP.

type Notification = {
  id: string
  userId: string
  kind: NotificationKind
  accountId: string
  conversationId: string | null
  messageId: string | null
  outgoingId: string | null
  gathered: number
  readAt: string | null
}

const own = 'sarah@acme.test'
const team = 'info@acme.test'
const password = 'secret'

const tls = await testTls()
const box = { password, folders: [{ path: 'INBOX', messages: [mail('old')] }] }
const imap = await imapServer({ encryption: 'tls', tls: tls.good, users: { [own]: box, [team]: box } })
const sink = await smtpSink({
  encryption: 'starttls',
  tls: tls.good,
  users: { [own]: password, [team]: password },
})
const receiver = await webhookReceiver(t)
t.teardown(() => Promise.all([imap.close(), sink.close()]))
let aheadMs = 0
const app = await startApp(t, {
  ca: tls.ca,
  ports: [imap.port, sink.port, receiver.port],
  env: { MAILTRAIL_CLEAR_TEXT_HOSTS: '127.0.0.1' },
  clock: () => new Date(Date.now() + aheadMs),
})
const { client } = app
const log = logOf(t, app)
for (const id of ['u1', 'u2', 'u3', 'u4', 'u5'])
  await client.send('PUT', `/v1/directory/users/${id}`, { name: `User ${id}`, email: `${id}@people.test` })

const connect = async (user: string, owner: object) => {
  const login = { host: 'localhost', username: user, password }
  const connection = {
    provider: 'imap-smtp',
    smtp: { ...login, port: sink.port },
    imap: { ...login, port: imap.port, encryption: 'tls' },
  }
  const { body, position } = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: user,
    owner,
    connection,
  })
  const sync = syncing(client, body.id, position)
  await sync.after(0)
  return { id: body.id, sync }
}
const ofSarah = await connect(own, { kind: 'user', userId: 'u1' })
const ofTeam = await connect(team, { kind: 'team' })

/** Puts mail into a mailbox, and has it synced. */
const receive = async (user: string, ...names: string[]) => {
  for (const name of names)
    imap.mailbox(user).append('INBOX', mail(name, { Date: new Date(Date.now() + 60_000).toUTCString() }))
  await (user === own ? ofSarah : ofTeam).sync.now()
}
const listed = async (user: string, filter = ''): Promise<Notification[]> => {
  const path = `/v1/notifications?limit=200&sort=at${filter}&${await upToNow(client)}`
  return (await app.clientOf(user).get<{ data: Notification[] }>(path)).data
}
/** Waits until nothing is to be told any more: what was to come has come. */
const told = async (user: string, wished: (all: Notification[]) => boolean) =>
  until('The notifications', () => listed(user), wished)
const messageWith = async (subject: string, account: string): Promise<string> => {
  type Page = { data: { id: string; subject: string }[] }
  const { data } = await client.get<Page>(
    `/v1/messages?account=${account}&limit=200&${await upToNow(client)}`,
  )
  return data.find((each) => each.subject === subject)!.id
}
const settle = async (user: string, settings: object): Promise<void> => {
  await app.clientOf(user).send('PUT', `/v1/users/${user}/notification-settings`, settings)
}
/** An email of the user's, queued for a time that never comes. */
const write = async (as: Client, accountId: string): Promise<string> => {
  const email = { accountId, to: [{ address: 'mia@client.test' }], subject: 'Offer', html: '<p>Hi</p>' }
  const { body } = await as.send<{ id: string }>('POST', '/v1/outbox', {
    email,
    scheduledAt: '2999-01-01T00:00:00Z',
  })
  return body.id
}
const about = (accountId: string, n: number) => ({ conversationId: idOf('thr', n), accountId })

const reason = { rule: 'manual', detail: '' } as const
/** For `logOf`: a conversation of the team's that is assigned to a user. */
const assignedTo = (userId: string, n: number) => {
  const of = about(ofTeam.id, n)
  return [
    `conversation-${of.conversationId}`,
    ConversationAssigned({ ...of, userId, by: 'person', reason }),
  ] as const
}

t.test('the owner of a mailbox is told of a new email, and nobody else; older mail is no news', async (t) => {
  await receive(own, 'first')
  const all = await told('u1', ({ length }) => length > 0)
  t.match(all, [
    {
      kind: 'new-email',
      accountId: ofSarah.id,
      messageId: await messageWith('subject first', ofSarah.id),
      gathered: 1,
      readAt: null,
    },
  ])
  t.equal(all.length, 1)
  t.same(await listed('u2'), [])
})

t.test('of the mail of the team those are told who ask for it', async (t) => {
  await settle('u2', { accounts: [{ accountId: ofTeam.id, kinds: [] }] })
  await receive(team, 'asked')
  const all = await told('u2', ({ length }) => length > 0)
  t.match(all, [{ kind: 'new-email', accountId: ofTeam.id }])
  t.same(await listed('u3'), [])
  t.equal((await listed('u1')).length, 1, 'whoever may read it and did not ask is not told')
  const access = `/v1/email-accounts/${ofTeam.id}/access/users/u4`
  await client.send('PUT', access, { level: 'send' })
  await receive(team, 'for readers')
  await told('u2', ({ length }) => length === 2)
  t.same(await listed('u4'), [], 'who may send only is told of nothing that came in')
  await client.send('PUT', access, { level: 'read' })
  await receive(team, 'for members')
  t.match(await told('u4', ({ length }) => length > 0), [{ kind: 'new-email', accountId: ofTeam.id }])
})

t.test('whoever wrote an email that the server refuses is told, and nobody else', async (t) => {
  sink.faults.verdict = () => 550
  t.teardown(() => void delete sink.faults.verdict)
  const email = {
    accountId: ofTeam.id,
    to: [{ address: 'mia@client.test' }],
    subject: 'No',
    html: '<p>No</p>',
  }
  const asked = { email, undoSeconds: 0 }
  const { body } = await app.clientOf('u5').send<{ id: string }>('POST', '/v1/outbox', asked)
  const failed = (all: Notification[]) => all.filter(({ outgoingId }) => outgoingId === body.id)
  await told('u5', (all) => failed(all).length > 0)
  t.match(failed(await listed('u5')), [{ kind: 'failed-send', accountId: ofTeam.id }])
  for (const other of ['u1', 'u2', 'u3', 'u4']) t.same(failed(await listed(other)), [])
})

t.test('each kind is told to whom it concerns, and not to who did it', async (t) => {
  const email = await write(app.clientOf('u1'), ofSarah.id)
  const [note, assigned] = [idOf('not', 1), about(ofTeam.id, 1)]
  const ofEmail = { outgoingId: email, accountId: ofSarah.id }
  await log.append(
    `tracking-${email}`,
    EmailReplied({
      ...ofEmail,
      messageId: idOf('msg', 1),
      from: 'mia@client.test',
      at: new Date().toISOString(),
    }),
  )
  const bounced = {
    recipient: null,
    permanent: true,
    status: null,
    silentUntil: null,
    report: idOf('msg', 2),
  }
  await log.append(`planted-${email}`, EmailBounced({ ...ofEmail, ...bounced }))
  await log.append(
    `conversation-${assigned.conversationId}`,
    ConversationAssigned({ ...assigned, userId: 'u3', by: 'rules', reason }),
    ConversationNoteAdded({ ...assigned, noteId: note, userId: 'u2', text: 'Look', mentions: ['u2', 'u3'] }),
  )
  const ofOwner = await told('u1', (all) =>
    ['reply', 'bounce'].every((kind) => all.some((each) => each.kind === kind)),
  )
  t.match(
    ofOwner.find(({ kind }) => kind === 'reply'),
    { outgoingId: email, messageId: idOf('msg', 1) },
  )
  const ofAssignee = await told('u3', ({ length }) => length >= 2)
  t.match(ofAssignee.map(({ kind, conversationId }) => `${kind} ${conversationId}`).toSorted(), [
    `assignment ${assigned.conversationId}`,
    `mention ${assigned.conversationId}`,
  ])
  t.notOk(
    (await listed('u2')).some(({ kind }) => kind === 'mention'),
    'who mentions themselves is not told',
  )
})

t.test('nobody is told of an account that they may not see', async (t) => {
  await settle('u2', {
    accounts: [
      { accountId: ofSarah.id, kinds: [] },
      { accountId: ofTeam.id, kinds: [] },
    ],
  })
  const before = await listed('u2')
  const hidden = about(ofSarah.id, 2)
  await log.append(
    `conversation-${hidden.conversationId}`,
    ConversationNoteAdded({ ...hidden, noteId: idOf('not', 2), userId: 'u1', text: 'x', mentions: ['u2'] }),
  )
  await receive(own, 'not for u2')
  await told('u1', (all) => all.filter(({ kind }) => kind === 'new-email').length === 2)
  t.same(await listed('u2'), before)
  t.equal(
    (await app.ask('GET', '/v1/users/u1/notification-settings', { headers: { 'mailtrail-user': 'u2' } }))
      .status,
    404,
  )
})

t.test('each channel gets what the user wants there, and nothing else', async (t) => {
  await client.send('PUT', '/v1/directory/organization', {
    name: 'Acme',
    notificationsFrom: ofTeam.id,
    crmUrl: 'https://crm.test/mail',
  })
  await client.send('POST', '/v1/webhook-endpoints', { url: receiver.url, types: ['UserNotified'] })
  const feed = await readFeed(app.url, app.key, { headers: { 'mailtrail-user': 'u3' } })
  const others = await readFeed(app.url, app.key, { headers: { 'mailtrail-user': 'u2' } })
  t.teardown(() => Promise.all([feed.close(), others.close()]))
  await settle('u3', {
    kinds: [
      { kind: 'mention', channels: ['mail'] },
      { kind: 'assignment', channels: ['webhook'] },
      { kind: 'bounce', channels: [] },
    ],
  })
  const conversation = about(ofTeam.id, 3)
  await log.append(
    `conversation-${conversation.conversationId}`,
    ConversationNoteAdded({
      ...conversation,
      noteId: idOf('not', 3),
      userId: 'u2',
      text: 'Look',
      mentions: ['u3'],
    }),
    ConversationAssigned({ ...conversation, userId: 'u3', by: 'person', reason }),
  )
  const { raw, envelope } = await sink.mailWith('mentions you')
  const text = raw.toString('latin1')
  t.same(envelope.recipients, ['u3@people.test'])
  t.match(text, /^Auto-Submitted: auto-generated\r$/m)
  t.match(text, /https:\/\/crm\.test\/mail/)
  t.notMatch(text, /Look|\/t\/[oc]\//, 'neither what the note says, nor anything that tracks')
  await until(
    'The webhook',
    async () => receiver.accepted,
    (posts) => posts.some(({ data }) => data?.['kind'] === 'assignment' && data['userId'] === 'u3'),
  )
  t.notOk(receiver.accepted.some(({ data }) => data?.['kind'] === 'mention'))
  const list = await listed('u3')
  t.equal(list.length, 2, 'neither is in the list')
  await settle('u3', {})
  await log.append(...assignedTo('u3', 4))
  await told('u3', ({ length }) => length === 3)
  await until(
    'The feed',
    async () => feed.items,
    (items) => items.some(({ type }) => type === 'UserNotified'),
  )
  t.equal(feed.items.filter(({ type }) => type === 'UserNotified').length, 1)
  t.notOk(
    others.items.some(({ stream }) => stream.startsWith('notifications-u3')),
    'it is for that user alone',
  )
  const mails = sink.messages.filter(({ raw: each }) => each.includes('Auto-Submitted'))
  t.equal(mails.length, 1)
})

t.test(
  'a mail of mail says whom it is from and its subject, and what cannot be mailed is recorded',
  async (t) => {
    await settle('u1', { kinds: [{ kind: 'new-email', channels: ['mail'] }] })
    await receive(own, 'by {mail} <b>')
    const { raw } = await sink.mailWith('Sender by')
    t.match(raw.toString('latin1').replaceAll('=\r\n', ''), /Subject: subject by \{mail\} (?:<|&lt;|=3C)b/)
    await client.send('PUT', '/v1/directory/organization', { name: 'Acme' })
    await settle('u2', { kinds: [{ kind: 'assignment', channels: ['mail'] }] })
    await log.append(...assignedTo('u2', 5))
    type Events = { data: { type: string; data: { code: string } }[] }
    const failed = await until(
      'The failure',
      async () => (await client.get<Events>('/v1/audit/events?type=NotificationMailFailed')).data,
      ({ length }) => length > 0,
    )
    t.match(failed, [{ data: { code: 'notification-not-mailed' } }])
    await settle('u1', {})
  },
)

t.test('a notification is read once, one by one or all together, by its user alone', async (t) => {
  const as = app.clientOf('u3')
  const [first] = await listed('u3')
  const path = `/v1/notifications/${first!.id}/read`
  t.equal((await app.ask('PUT', path, { headers: { 'mailtrail-user': 'u2' } })).status, 404)
  t.match(await app.ask('PUT', path), { status: 422, json: { code: 'user-required' } })
  await as.send('PUT', path)
  await as.send('PUT', path)
  const isRead = ({ readAt }: Notification) => readAt !== null
  t.same((await listed('u3')).map(isRead), [true, false, false])
  t.equal((await listed('u3', '&unread=true')).length, 2)
  await as.send('PUT', '/v1/notifications/read')
  t.ok((await listed('u3')).every(isRead))
  t.same(await listed('u3', '&unread=true'), [])
  const readAt = (await listed('u3')).map((each) => each.readAt)
  // Three were told already.
  aheadMs += 6 * 60_000
  await log.append(...assignedTo('u3', 6))
  await told('u3', ({ length }) => length > readAt.length)
  await as.send('PUT', '/v1/notifications/read')
  const after = await listed('u3')
  t.ok(after.every(isRead))
  t.same(
    after.slice(0, readAt.length).map((each) => each.readAt),
    readAt,
    'it stays as it was',
  )
  t.ok((await listed('u2', '&unread=true')).length > 0, "others' are as they were")
})

t.test('settings are as at the beginning until they are replaced, and a version is obeyed', async (t) => {
  type Settings = { kinds: { kind: string; channels: string[] }[]; digest: object }
  const at = '/v1/users/u3/notification-settings'
  const begin = await app.clientOf('u1').get<Settings>('/v1/users/u1/notification-settings')
  t.ok(begin.kinds.every(({ channels }) => channels.join() === 'feed,webhook'))
  t.match(begin, { digest: { isOn: false, hour: 8 } })
  const { headers } = await app.ask('GET', at)
  const put = (ifMatch: string) =>
    app.ask('PUT', at, { body: { digest: { isOn: true, hour: 7 } }, headers: { 'if-match': ifMatch } })
  t.equal((await put(headers.get('etag')!)).status, 200)
  t.equal((await put(headers.get('etag')!)).status, 412)
  const twice = {
    kinds: [
      { kind: 'reply', channels: [] },
      { kind: 'reply', channels: ['feed'] },
    ],
  }
  t.match(await app.ask('PUT', at, { body: twice }), { status: 400, json: { code: 'invalid-request' } })
  t.equal((await app.ask('PUT', '/v1/users/nobody/notification-settings', { body: {} })).status, 404)
})

t.test('a storm is told once, with its count', async (t) => {
  await settle('u2', { accounts: [{ accountId: ofTeam.id, kinds: [] }] })
  const names = Array.from({ length: 40 }, (_, n) => `storm ${n}`)
  const before = (await listed('u2')).length
  await receive(team, ...names)
  const gatheredOf = (all: Notification[]) =>
    all.slice(before).reduce((sum, { gathered }) => sum + gathered, 0)
  await until(
    'The storm',
    async () => {
      // What was held back is told when the time is over.
      aheadMs += 60_000
      return gatheredOf(await listed('u2'))
    },
    (count) => count === names.length,
  )
  const after = (await listed('u2')).slice(before)
  t.ok(after.length < 10, `${after.length} notifications of ${names.length} emails`)
  t.ok(after.some(({ gathered, messageId }) => gathered > 1 && messageId === null))
})

t.test('an account that needs a new sign-in is told of once, to whoever can mend it', async (t) => {
  const needed = (all: Notification[]) => all.filter(({ kind }) => kind === 'sign-in-needed')
  imap.faults.refuseLogin = true
  for (const _ of [1, 2]) t.equal((await ofSarah.sync.now()).status, 'Failed')
  await told('u1', (all) => needed(all).length > 0)
  t.match(needed(await listed('u1')), [{ accountId: ofSarah.id }])
  t.same(needed(await listed('u3')), [])
  imap.faults.refuseLogin = false
  await ofSarah.sync.now()
})

t.test('what a user may be told again after a crash is told once', async (t: Test) => {
  type Events = { data: { data: { kind: string; accountId: string; userId: string; upTo: string } }[] }
  const { data } = await client.get<Events>('/v1/audit/events?type=UserNotified&limit=200')
  const keys = data.map(({ data: { userId, kind, accountId, upTo } }) =>
    [userId, kind, accountId, upTo].join(),
  )
  t.equal(new Set(keys).size, keys.length)
})
