import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import type { Change } from '../../src/domain/audit/changes.ts'
import type { Json } from '../../src/domain/event.ts'
import type { EmailTracking } from '../../src/projections/tracking/email-timeline-queries.ts'
import { syncing } from '../support/awaited-sync-runs.ts'
import { eventStoreDbDouble } from '../../scripts/lib/event-store-db/double.ts'
import { CHROME } from '../support/example-hits.ts'
import { startApp } from '../support/running-app.ts'

// One email, really sent, opened, clicked and answered: its history alone says all that the product says of it.

type Replayed = {
  readonly type: string
  readonly summary: string
  readonly stream: string
  readonly position: string
  readonly recordedAt: string
  readonly actor: { readonly kind: string; readonly id: string }
  readonly changes: readonly Change[]
}
type Page = { readonly data: Replayed[]; readonly nextCursor: string | null; readonly hasMore: boolean }
type Outbox = { readonly state: string; readonly copy: string | null; readonly sentAt: string | null }

const user = 'sarah@acme.test'
const tls = await testTls()

/** The document that the changes lead to; what a change is part of is made where it is missing. */
const documentOf = (replayed: readonly Replayed[]): Json => {
  const root: { [name: string]: Json } = {}
  for (const { op, path, ...change } of replayed.flatMap(({ changes }) => changes)) {
    const names = path
      .split('/')
      .slice(1)
      .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = names.pop() ?? ''
    const parent = names.reduce((of, name) => (of[name] ??= {}) as { [name: string]: Json }, root)
    if (op === 'remove' && Array.isArray(parent)) parent.pop()
    else if (op === 'remove') delete parent[last]
    else parent[last] = structuredClone('after' in change ? change.after : null)
  }
  return root
}

const scenario = async (t: Test, env: Record<string, string>) => {
  const password = randomBytes(12).toString('hex')
  const users = { [user]: { password, folders: [{ path: 'Sent', use: '\\Sent' }] } }
  const imap = await imapServer({ encryption: 'tls', tls: tls.good, users })
  const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: password } })
  t.teardown(() => Promise.all([imap.close(), sink.close()]))
  const app = await startApp(t, { ca: tls.ca, ports: [imap.port, sink.port], env })
  const sarah = app.clientOf('u_sarah')
  await sarah.send('PUT', '/v1/directory/users/u_sarah', { name: 'Sarah' })
  const server = (port: number, encryption: string) => ({
    host: 'localhost',
    port,
    encryption,
    username: user,
    password,
  })
  const connected = await sarah.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: user,
    owner: { kind: 'user', userId: 'u_sarah' },
    connection: {
      provider: 'imap-smtp',
      smtp: server(sink.port, 'starttls'),
      imap: server(imap.port, 'tls'),
    },
  })
  const account = connected.body.id
  const sync = syncing(sarah, account, connected.position)
  await sync.after(0)

  const draft = await sarah.send<{ id: string }>('POST', '/v1/drafts', {
    accountId: account,
    to: [{ address: 'mia@client.test' }],
    subject: 'Offer',
    html: '<p>Hi</p><p><a href="https://acme.test/offer">Offer</a></p>',
  })
  const { id } = draft.body
  await sarah.send('POST', '/v1/outbox', { draftId: id, undoSeconds: 0 }, { 'if-match': draft.etag ?? '' })
  const sent = (await sink.mailWith(id)).raw.toString()
  const plain = sent.replaceAll(/=\r\n/g, '').replaceAll('=3D', '=')
  const outbox = () => sarah.get<Outbox>(`/v1/outbox/${id}`)
  const report = () => sarah.get<EmailTracking>(`/v1/outbox/${id}/tracking`)
  const { sentAt } = await until('The sending', outbox, (of) => of.sentAt !== null && of.copy !== null)

  // Nobody reads within two seconds of sending, the classifier says.
  const soon = Date.parse(sentAt ?? '') + 2_500
  await until(
    'Time to read',
    async () => Date.now(),
    (now) => now > soon,
  )
  const follow = async (url = '') =>
    (await fetch(url, { redirect: 'manual', headers: { 'user-agent': CHROME } })).arrayBuffer()
  await follow(/src="([^"]+\/t\/o\/[^"]+)"/.exec(plain)?.[1])
  await until('The open', report, ({ activity }) => activity.some(({ event }) => event === 'opened'))
  await follow(/href="([^"]+\/t\/c\/[^"]+)"/.exec(plain)?.[1])
  const messageId = /^Message-ID: (<[^>]+>)/im.exec(sent)?.[1]
  const reply = `From: Mia <mia@client.test>\r\nTo: ${user}\r\nSubject: Re: Offer\r\nMessage-ID: <r1@client.test>\r\nIn-Reply-To: ${messageId}\r\n\r\nYes, please\r\n`
  imap.mailbox(user).append('INBOX', { raw: Buffer.from(reply) })
  await sync.now()
  // Until 15 s have passed a click may be a scanner's.
  const complete = await until(
    'The whole story',
    report,
    ({ summary: { opens, linkClicks, replies } }) => opens === 1 && linkClicks === 1 && replies === 1,
  )
  return { app, sarah, account, id, password, complete, outbox: await outbox() }
}

const shownByReplay = async (t: Test, env: Record<string, string>) => {
  const { app, sarah, account, id, password, complete, outbox } = await scenario(t, env)
  const whole = await sarah.get<Page>(`/v1/audit/replay?email=${id}&limit=200`)
  t.equal(whole.hasMore, false)

  const types = whole.data.map(({ type }) => type)
  const inOrder = ['DraftSaved', 'EmailQueued', 'EmailReleased', 'EmailSent', 'OpenTracked', 'ClickTracked']
  t.same(
    types.filter((type) => inOrder.includes(type)),
    inOrder,
    'from the draft to the click',
  )
  for (const type of ['SentCopyFiled', 'EmailReplied'])
    t.equal(types.filter((each) => each === type).length, 1, type)
  const synced = whole.data.filter(({ type }) => type === 'MessageSynced').map(({ summary }) => summary)
  t.ok(
    synced.some((summary) => summary.includes(`copy of the email ${id}`)),
    'the copy in Sent',
  )
  t.ok(
    synced.some((summary) => summary === 'The message “Re: Offer” from mia@client.test was found in INBOX'),
    'the answer',
  )
  const queued = whole.data.find(({ type }) => type === 'EmailQueued')
  t.match(queued, {
    summary: 'The email “Offer” to mia@client.test was queued',
    actor: { kind: 'user', id: 'u_sarah' },
  })

  const { [`outgoing`]: emails, tracking } = documentOf(whole.data) as {
    outgoing: Record<string, { status: string; taken: { copy: string; sentAt: string } }>
    tracking: Record<string, Pick<EmailTracking, 'delivery' | 'outcomes' | 'sentAt' | 'summary'>>
  }
  t.match(emails[id], { status: outbox.state, taken: { copy: outbox.copy, sentAt: outbox.sentAt } })
  const { recipients: _, attribution: _1, classifierVersion: _2, ...figures } = complete.summary
  const { lastActivity: _3, ...summary } = figures as typeof figures & { lastActivity?: string }
  t.same(
    tracking[id],
    { delivery: complete.delivery, outcomes: complete.outcomes, sentAt: complete.sentAt, summary },
    'the replay says what the tracking report says',
  )

  const clicked = whole.data.find(({ type }) => type === 'ClickTracked')
  t.match(clicked?.changes, [
    { op: 'replace', path: `/tracking/${id}/summary/linkClicks`, before: 0, after: 1 },
  ])
  const before = await sarah.get<Page>(`/v1/audit/replay?email=${id}&until=${queued?.position}`)
  t.same(
    before.data.map(({ type }) => type),
    ['DraftSaved', 'EmailQueued'],
    'up to a position',
  )
  const paged: Replayed[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const next = cursor === '' ? '' : `&cursor=${cursor}`
    const page: Page = await sarah.get(`/v1/audit/replay?email=${id}&limit=3${next}`)
    paged.push(...page.data)
    cursor = page.nextCursor
  }
  t.same(paged, whole.data, 'page by page it is the same history')

  const listed = await sarah.get<Page>(`/v1/audit/events?email=${id}&sort=position&limit=200`)
  t.same(
    listed.data.map(({ position }) => position),
    whole.data.map(({ position }) => position),
  )
  const bounds = (['from', 'to'] as const).map(
    (name) => `${name}=${encodeURIComponent(queued?.recordedAt ?? '')}`,
  )
  const then = await sarah.get<Page>(
    `/v1/audit/events?account=${account}&type=EmailQueued&${bounds.join('&')}`,
  )
  t.same(
    then.data.map(({ position }) => position),
    [queued?.position],
    'found by type and time',
  )
  const ofAccount = await sarah.get<Page>(`/v1/audit/events?account=${account}&sort=position&limit=200`)
  const there = new Set(ofAccount.data.map(({ position }) => position))
  t.ok(
    whole.data.every(({ position }) => there.has(position)),
    "an email's history is part of its account's",
  )
  const { data: threads } = await sarah.get<{ data: { id: string }[] }>(`/v1/threads?account=${account}`)
  const ofThread = await sarah.get<Page>(`/v1/audit/events?thread=${threads[0]?.id}&sort=position&limit=200`)
  t.same(
    ofThread.data.map(({ position }) => position),
    whole.data.map(({ position }) => position),
    'and this thread has nothing else',
  )
  const stranger = app.clientOf('u_tom')
  for (const path of [`events?email=${id}`, `replay?email=${id}`, `events?account=${account}`])
    t.same((await stranger.get<Page>(`/v1/audit/${path}`)).data, [], `${path} is empty for somebody else`)
  t.same(await app.leaks([password]), [])
}

t.test('a history on PostgreSQL', (t) => shownByReplay(t, {}))

t.test('a history on EventStoreDB', async (t) => {
  const double = await eventStoreDbDouble()
  t.teardown(() => double.stop())
  await shownByReplay(t, { EVENT_STORE_URL: process.env['EVENTSTOREDB_URL'] ?? double.url })
})
