import t from 'tap'
import { imapServer, smtpSink } from '../../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { syncing } from '../../support/awaited-sync-runs.ts'
import { listedMessages, upToNow } from '../../support/mailbox-comparison.ts'
import { mail } from '../../support/mailbox-to-sync.ts'
import { startApp } from '../../support/running-app.ts'

const user = 'sarah@acme.test'
const tls = await testTls()
const ann = { From: 'Ann <ann@client.test>', To: user }
const imap = await imapServer({
  encryption: 'tls',
  tls: tls.good,
  users: {
    [user]: {
      password: 'secret',
      folders: [
        {
          path: 'INBOX',
          messages: [
            mail(1, { ...ann, Subject: 'Offer' }),
            mail(2, { ...ann, Subject: 'Re: Offer', 'In-Reply-To': '<1@x.test>' }),
            // From a program that writes no References.
            mail(3, { ...ann, Subject: 'AW: Re: Offer' }),
            mail(4, { From: 'ben@other.test', To: user, Subject: 'Offer' }),
            mail(5, { From: 'ann@client.test', To: user, Subject: 'Away', 'Auto-Submitted': 'auto-replied' }),
          ],
        },
      ],
    },
  },
})
const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: 'secret' } })
t.teardown(() => Promise.all([imap.close(), sink.close()]))
const app = await startApp(t, { ca: tls.ca, ports: [imap.port, sink.port] })
const { client } = app
const login = { host: 'localhost', username: user, password: 'secret' }
const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
  address: user,
  owner: { kind: 'user', userId: 'u_sarah' },
  connection: {
    provider: 'imap-smtp',
    smtp: { ...login, port: sink.port },
    imap: { ...login, port: imap.port, encryption: 'tls' },
  },
})
const account = connected.body.id
await syncing(client, account, connected.position).after(0)

type Thread = { id: string; subject: string; messageCount: number; merged: string[] }
type Message = { id: string; subject: string; messageId: string; threadId: string }
type Change = { change: number; kind: string; threadId: string; other: string; undone: boolean }

const upTo = await upToNow(client)
const listed = await listedMessages(client, account)
const stored = await Promise.all(listed.map(({ id }) => client.get<Message>(`/v1/messages/${id}?${upTo}`)))
const [first, second, reply, stranger] = [1, 2, 3, 4].map((number) =>
  stored.find(({ messageId }) => messageId === `${number}@x.test`)!,
)
const threadAt = async (id: string, position: string | null) =>
  client.get<Thread & { messages: { data: { id: string }[] } }>(`/v1/threads/${id}?min_position=${position}`)
const changes = `/v1/email-accounts/${account}/thread-changes`

t.test('a reply without References is suggested, merged by hand, and parted again', async (t) => {
  const { data } = await client.get<{ data: Thread[] }>(`/v1/threads/${first!.threadId}/suggestions?${upTo}`)
  t.strictSame(
    data.map(({ id }) => id),
    [reply!.threadId],
    'with the same subject and one of its people; a stranger with the same subject is not suggested',
  )
  const merged = await client.send<Change>('POST', `/v1/threads/${first!.threadId}/merge`, {
    thread: reply!.threadId,
  })
  t.match(merged.body, { kind: 'merge', threadId: first!.threadId, other: reply!.threadId, undone: false })
  const thread = await threadAt(reply!.threadId, merged.position)
  t.match(thread, { id: first!.threadId, messageCount: 3, merged: [reply!.threadId] })
  t.strictSame(
    thread.messages.data.map(({ id }) => id).toSorted(),
    [first!.id, second!.id, reply!.id].toSorted(),
  )
  const undone = await client.send<Change>('POST', `${changes}/${merged.body.change}/undo`)
  t.match(undone.body, { ...merged.body, undone: true })
  t.match(await threadAt(reply!.threadId, undone.position), { id: reply!.threadId, messageCount: 1 })
  t.match(await threadAt(first!.threadId, undone.position), { messageCount: 2, merged: [] })
})

t.test('messages are split off, and come back', async (t) => {
  const done = await client.send<Change>('POST', `/v1/threads/${first!.threadId}/split`, {
    messages: [second!.id],
  })
  t.match(await threadAt(done.body.other, done.position), { messageCount: 1, subject: 'Re: Offer' })
  t.match(await threadAt(first!.threadId, done.position), { messageCount: 1 })
  const undone = await client.send<Change>('POST', `${changes}/${done.body.change}/undo`)
  t.match(await threadAt(done.body.other, undone.position), { id: first!.threadId, messageCount: 2 })
  const again = await client.send<Change>('POST', `${changes}/${done.body.change}/undo`)
  t.equal(again.body.undone, true, 'undoing twice is undoing once')
  const { data } = await client.get<{ data: Change[] }>(changes)
  t.ok(data.length >= 2)
  t.ok(data.every((each) => each.undone))
})

t.test('a thread in which no person wrote is listed where it is asked for', async (t) => {
  const subjects = async (query: string) =>
    (await client.get<{ data: Thread[] }>(`/v1/threads?account=${account}${query}&${upTo}`)).data.map(
      ({ subject }) => subject,
    )
  t.notOk((await subjects('')).includes('Away'))
  t.ok((await subjects('&automatic=true')).includes('Away'))
})

t.test('what makes no sense is refused, and others find no thread', async (t) => {
  const refused = async (path: string, body?: object, userId?: string) => {
    const headers: Record<string, string> = userId === undefined ? {} : { 'mailtrail-user': userId }
    const { status, bytes } = await app.ask('POST', path, { headers, ...(body && { body }) })
    return [status, (JSON.parse(bytes.toString()) as { code?: string }).code]
  }
  const thread = `/v1/threads/${first!.threadId}`
  t.strictSame(await refused(`${thread}/merge`, { thread: first!.threadId }), [422, 'same-thread'])
  t.strictSame(await refused(`${thread}/split`, { messages: [stranger!.id] }), [422, 'message-not-in-thread'])
  t.strictSame(await refused(`${thread}/split`, { messages: [first!.id, second!.id] }), [422, 'whole-thread'])
  t.strictSame(await refused(`${changes}/4711/undo`), [404, 'not-found'])
  t.strictSame(await refused(`${thread}/split`, { messages: [second!.id] }, 'u_other'), [404, 'not-found'])
})
