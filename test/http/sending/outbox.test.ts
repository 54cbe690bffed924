import { createHash } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import t from 'tap'
import { AccountConnected, AccountPaused, AccountResumed } from '../../../src/domain/accounts/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailCancelled, EmailQueued } from '../../../src/domain/sending/events.ts'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { postgresBlobStore } from '../../../src/adapters/postgres/blob-store.ts'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { postgresIdempotency } from '../../../src/adapters/postgres/idempotency.ts'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../../../src/adapters/postgres/projections/run/runner.ts'
import {
  confirmDeliveries,
  confirmFoundEmails,
  fileCopies,
  recoverDeadSends,
  sendDue,
} from '../../../src/commands/sending/automations.ts'
import type { MailProvider } from '../../../src/commands/ports/mail-provider.ts'
import { sendEmail } from '../../../src/commands/sending/send-email.ts'
import { sendingCommands } from '../../../src/commands/sending/sending.ts'
import { outgoingEmail, outgoingStream } from '../../../src/domain/sending/outgoing-email.ts'
import { storedKey } from '../../support/stored-key.ts'
import { attachmentRoutes } from '../../../src/http/sending/attachments.ts'
import { perMinute } from '../../../src/http/server/limits.ts'
import { draftRoutes } from '../../../src/http/sending/drafts.ts'
import { outboxRoutes } from '../../../src/http/sending/outbox.ts'
import { fileSeals } from '../../../src/http/sending/sealed-files.ts'
import { buildServer } from '../../../src/http/server/server.ts'
import { sendingProjections, sendingQueries } from '../../../src/projections/sending/sending.ts'
import { figuresToday, syncStatus } from '../../../src/projections/sync/sync-status.ts'
import { serverSettings } from '../../support/server-settings.ts'
import { testDatabase } from '../../support/test-database.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { connected, runFinished, runStarted } from '../../support/example-sync-events.ts'
import { never, sendingWorld, until } from '../../support/sending-world.ts'

const pool = createPool({ ...(await testDatabase(t)), max: 20 })
t.teardown(() => pool.end())
await migrate(pool)
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
const store = postgresEventStore(pool, { onError: (error) => t.comment(error.message) })
t.teardown(() => store.close())
const world = await sendingWorld(t, {
  store,
  blobs: postgresBlobStore(pool),
  realTime: true,
  withImap: true,
})
const { needs, sink } = world

const stopping = new AbortController()
const runner = projectionRunner({
  store,
  pool,
  leases: postgresLeases(pool, { owner: 'projections' }),
  projections: [...sendingProjections, syncStatus],
  log: { info: () => {}, error: (fields, message) => t.comment(message, fields) },
})
const running = runner.start(stopping.signal)
t.teardown(async () => {
  stopping.abort()
  await running
})
const commands = sendingCommands({ ...needs, deliveryWindowMinutes: 0 })
const queries = sendingQueries(db, {
  visibilityOf: async () => 'everything',
  visibleAccounts: async () => 'all',
  mayRead: async () => true,
  readableAccounts: async () => [],
  sendOnlyAccounts: async () => [],
})
const now = { filing: 0, unknown: 0, other: 0 }
const made = () =>
  Promise.all([
    figuresToday(db)(null, new Date()),
    queries.dueDeliveries(0, 1),
    queries.copiesToFile(1, now),
    queries.listDrafts({}, { descending: true, after: null, limit: 1 }),
    queries.foundEmails(1),
    queries.unreadReports(1),
  ])
await until(
  () =>
    made().then(
      () => true,
      () => false,
    ),
  'the tables are made',
)

const apiKeys = postgresApiKeys(pool)
const { token } = await storedKey(apiKeys)
const app = await buildServer({
  clock: world.clock,
  apiKeys,
  idempotency: postgresIdempotency(pool),
  fingerprintKey: Buffer.alloc(32, 7),
  waitFor: (name, position, ms) => runner.waitFor(name, position, ms),
  logLevel: 'silent',
  ...serverSettings,
  trustProxy: [],
})
const { load } = needs
const files = fileSeals(Buffer.alloc(32, 9))
draftRoutes(app, { commands, queries, files })
outboxRoutes(app, {
  commands,
  queries,
  accountList: queries.readModels.outbox,
  files,
  recipients: [],
})
attachmentRoutes(app, { commands, files, uploads: perMinute(2 ** 40, world.clock) })
t.teardown(() => app.close())

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
const ask = (method: Method, url: string, payload?: object, headers: Record<string, string> = {}) =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${token.reveal()}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  })
const email = (changes: object = {}) => ({
  accountId: world.account.now.accountId,
  to: [{ address: 'ann@client.test' }],
  subject: 'Our offer',
  html: '<p>Hello</p>',
  ...changes,
})
const post = async (changes: object = {}, when: object = { undoSeconds: 0 }) => {
  const answer = await ask('POST', '/v1/outbox', { email: email(changes), ...when })
  if (answer.statusCode !== 201) throw new Error(answer.body)
  return answer.json<{ id: string; state: string; dueAt: string }>()
}
/** The automations of one process: everything but the log and the database is its own. */
const processOf = (owner: string) => {
  const leases = postgresLeases(pool, { owner, termMs: 2000 })
  const common = {
    ...queries,
    leases,
    clock: world.clock,
    read: commands.read,
    send: commands.send,
    recover: commands.recoverReleased,
  }
  const file = fileCopies({
    leases,
    clock: world.clock,
    openMailbox: needs.openMailbox,
    copiesToFile: (limit) => queries.copiesToFile(limit, now),
    file: commands.fileSentCopy,
    giveUp: commands.giveUpOnCopy,
  })
  return { send: sendDue(common), file, recover: recoverDeadSends(common) }
}
const one = processOf('one')
const two = processOf('two')
const caughtUp = async () => {
  const head = await store.head()
  if (head === null) return
  for (const { name } of [...sendingProjections, syncStatus]) await runner.waitFor(name, head, 120_000)
}
const state = async (id: string) => (await load(outgoingEmail, outgoingStream(id))).state.status
/** Others may be due before it. */
const sendUntil = (wanted: string, id: string) =>
  until(async () => {
    await caughtUp()
    await one.send(never)
    return (await state(id)) === wanted
  }, `${id} is ${wanted}`)
const timesSent = (id: string) => sink.messages.filter(({ raw }) => raw.includes(id)).length

t.test('two processes send everything that is due, each email once, and file one copy of each', async (t) => {
  const before = (await figuresToday(db)(null, world.clock())).sent
  const ids = await Promise.all(Array.from({ length: 40 }, async () => (await post()).id))
  const busy = async ({ send, file }: ReturnType<typeof processOf>) => {
    await until(async () => {
      await send(never)
      await caughtUp()
      return (await Promise.all(ids.map(state))).every((status) => status === 'sent')
    }, 'everything is sent')
    await until(async () => {
      await file(never)
      await caughtUp()
      return (await queries.copiesToFile(10, now)).length === 0
    }, 'all copies are filed')
  }
  await Promise.all([busy(one), busy(two)])
  t.same(ids.map(timesSent), Array(ids.length).fill(1))
  const inSent = world.imap!.mailbox('me').messages('Sent')
  t.same(
    ids.map((id) => inSent.filter(({ raw }) => raw.includes(id)).length),
    Array(ids.length).fill(1),
  )
  const sentToday = async (accounts: string[]) => (await figuresToday(db)(accounts, world.clock())).sent
  t.equal(await sentToday([world.account.now.accountId]), before + ids.length)
  t.equal(await sentToday(['acc_of_nobody']), 0)

  const answer = await ask('GET', '/v1/outbox?state=sent&limit=30')
  const page = answer.json<{ data: { id: string; copy: string }[]; nextCursor: string; hasMore: boolean }>()
  t.equal(page.data.length, 30)
  t.ok(page.hasMore)
  const rest = await ask('GET', `/v1/outbox?state=sent&limit=200&cursor=${page.nextCursor}`)
  const listed = [...page.data, ...rest.json<typeof page>().data]
  const ours = listed.filter(({ id }) => ids.includes(id))
  t.same(ours.map(({ id }) => id).toSorted(), ids.toSorted(), 'each once')
  t.ok(ours.every(({ copy }) => copy === 'filed'))
})

t.test('a failing server costs time and never a second copy: put off, refused, lost', async (t) => {
  const rate = new Map<string, 'late' | 'lost' | 'no'>()
  const seen = new Set<string>()
  const ids = await Promise.all(
    Array.from({ length: 12 }, async (_, nth) => {
      const { id } = await post()
      rate.set(id, (['late', 'lost', 'no'] as const)[nth % 3]!)
      return id
    }),
  )
  sink.faults.verdict = ({ raw }) => {
    const id = ids.find((each) => raw.includes(each)) ?? ''
    const fate = rate.get(id)
    if (fate === 'lost') return 'drop'
    if (fate === 'no') return 554
    if (seen.has(id)) return 'accept'
    seen.add(id)
    return 451
  }
  // The jitter of the first retry is half of 15 s: nobody waits for it here.
  const [quick, slow] = [processOf('quick'), processOf('slow')]
  await until(async () => {
    await Promise.all([quick.send(never), slow.send(never)])
    await caughtUp()
    return (await Promise.all(ids.map(state))).every((status) => status !== 'queued')
  }, 'all were tried')
  delete sink.faults.verdict
  const after = await Promise.all(ids.map(state))
  t.same(
    after,
    ids.map((id) => ({ late: 'deferred', lost: 'unknown', no: 'failed' })[rate.get(id)!]),
  )
  t.same(
    ids.map(timesSent),
    ids.map((id) => (rate.get(id) === 'lost' ? 1 : 0)),
  )
  const unknown = ids.find((id) => rate.get(id) === 'lost')!
  const got = await ask('GET', `/v1/outbox/${unknown}`)
  t.match(got.json(), { state: 'unknown', remedy: /Sent folder/, settled: false })
  t.match(got.headers.etag, /^"2-/)
  const settled = await ask('POST', `/v1/outbox/${unknown}/settlement`, { decision: 'give-up' })
  t.equal(settled.statusCode, 200)
  const position = String(settled.headers['event-position'])
  t.match((await ask('GET', `/v1/outbox/${unknown}?min_position=${position}`)).json(), { settled: true })
  const list = await ask('GET', '/v1/outbox?state=failed')
  const { data } = list.json<{ data: { id: string }[] }>()
  for (const id of ids.filter((each) => rate.get(each) === 'no'))
    t.match(
      data.find((each) => each.id === id),
      { code: String, remedy: /./ },
      'with a remedy',
    )
})

t.test(
  'cancels race two processes that send: each email has one end, and the cancelled never go',
  async (t) => {
    const ids = await Promise.all(Array.from({ length: 60 }, async () => (await post()).id))
    await caughtUp()
    const over = new AbortController()
    const sending = [one, two].map(async ({ send }) => {
      while (!over.signal.aborted) await send(never)
    })
    // The senders begin with what has waited the longest, the cancels at the other end: they meet on the way.
    const cancelled = new Set<string>()
    for (const id of ids.toReversed()) {
      const { statusCode } = await ask('POST', `/v1/outbox/${id}/cancellation`)
      if (statusCode === 200) cancelled.add(id)
      else if (statusCode !== 422) t.fail(`answered ${statusCode}`)
    }
    await until(
      async () =>
        (await Promise.all(ids.map(state))).every((each) => each === 'sent' || each === 'cancelled'),
      'each has its end',
    )
    over.abort()
    await Promise.all(sending)
    t.comment(`${cancelled.size} of ${ids.length} cancelled`)
    t.same(
      await Promise.all(ids.map(state)),
      ids.map((id) => (cancelled.has(id) ? 'cancelled' : 'sent')),
    )
    t.same(
      ids.map(timesSent),
      ids.map((id) => (cancelled.has(id) ? 0 : 1)),
    )
  },
)

t.test(
  'what a dead process left in mid-release is unknown, until a mailbox shows that it went',
  async (t) => {
    const { id } = await post()
    const dying: MailProvider = {
      ...world.provider,
      send: async (_access, _email, release) => {
        await release(null)
        throw new TypeError('killed')
      },
    }
    const handle: typeof needs.handle = (decider, stream, command, caller, options) =>
      (command as { do: string }).do === 'release'
        ? needs.handle(decider, stream, command, caller, options)
        : Promise.reject(new TypeError('killed'))
    await t.rejects(
      sendEmail({ ...needs, handle, providerOf: () => dying })(world.caller(), id, never),
      /killed/,
    )
    // It died holding the lease of its account.
    const dead = await postgresLeases(pool, { owner: 'dead', termMs: 600_000 }).acquire(
      `send:${world.account.now.accountId}`,
      never,
    )
    await caughtUp()
    await one.recover(never)
    t.equal(await state(id), 'sending', 'somebody may still be at it')
    await dead?.release()
    await one.recover(never)
    t.equal(await state(id), 'unknown')
    await caughtUp()
    t.same(await queries.foundEmails(10), [])

    const confirm = confirmFoundEmails({
      clock: world.clock,
      foundEmails: queries.foundEmails,
      confirm: commands.confirmFound,
    })
    const { EmailReplied } = await import('../../../src/domain/tracking/events.ts')
    const { newEvent, newCommandId } = await import('../../../src/commands/handle.ts')
    const { idOf } = await import('../../support/example-emails.ts')
    const at = world.clock().toISOString()
    const reply = EmailReplied({
      outgoingId: id,
      accountId: world.account.now.accountId,
      messageId: idOf('msg', 1),
      from: 'ann@client.test',
      at,
    })
    const event = newEvent(reply, newCommandId(world.clock()), world.caller(), at)
    await store.append({ stream: `tracking-${id}`, expected: 'no_stream', events: [event] })
    await caughtUp()
    await confirm(never)
    t.equal(await state(id), 'sent')
    await caughtUp()
    t.match((await ask('GET', `/v1/outbox/${id}`)).json(), { evidence: 'found', state: 'sent' })
    t.equal(timesSent(id), 0, 'and not sent again')
  },
)

t.test('what is queued in a paused account is not due before it is resumed', async (t) => {
  const { newEvent, newCommandId } = await import('../../../src/commands/handle.ts')
  const [accountId, outgoingId] = [idOf('acc', 77), idOf('out', 77)]
  let revision = -1
  const say = async (stream: string, expected: number, event: DomainEvent) => {
    const at = world.clock().toISOString()
    const events = [newEvent(event, newCommandId(world.clock()), world.caller(), at)]
    await store.append({ stream, expected: expected === -1 ? 'no_stream' : expected, events })
    await caughtUp()
  }
  const ofAccount = (event: DomainEvent) => say(`account-${accountId}`, revision++, event)
  const due = async () => [
    (await queries.dueEmails(accountId, 10)).includes(outgoingId),
    (await queries.accountsWithDue(1000)).includes(accountId),
  ]
  await ofAccount(AccountConnected({ ...connected().data, accountId }))
  await say(outgoingStream(outgoingId), -1, EmailQueued(exampleQueued({ outgoingId, accountId })))
  t.same(await due(), [true, true])
  await ofAccount(AccountPaused({ accountId, reason: 'holiday' }))
  t.same(await due(), [false, false])
  await ofAccount(AccountResumed({ accountId }))
  t.same(await due(), [true, true])
  await say(outgoingStream(outgoingId), 0, EmailCancelled({ outgoingId, accountId, draft: null }))
  t.same(await due(), [false, false])
})

t.test('what is cancelled or scheduled does not go', async (t) => {
  const cancelled = await post({}, { undoSeconds: 60 })
  t.match(cancelled, { state: 'queued' })
  const answer = await ask('POST', `/v1/outbox/${cancelled.id}/cancellation`, undefined, {
    'idempotency-key': 'cancel-1',
  })
  t.match(answer.json(), { state: 'cancelled', dueAt: null })
  const again = await ask('POST', `/v1/outbox/${cancelled.id}/cancellation`, undefined, {
    'idempotency-key': 'cancel-1',
  })
  t.equal(again.headers['idempotent-replayed'], 'true')
  const scheduledAt = new Date(Date.now() + 3_600_000).toISOString()
  const scheduled = await post({}, { scheduledAt: scheduledAt.replace('Z', '+00:00') })
  t.match(scheduled, { state: 'scheduled', dueAt: scheduledAt })
  await caughtUp()
  await one.send(never)
  t.same([timesSent(cancelled.id), timesSent(scheduled.id)], [0, 0])
  t.equal((await ask('POST', `/v1/outbox/${scheduled.id}/cancellation`)).statusCode, 200)
  const draft = await ask('GET', `/v1/drafts/${scheduled.id}`)
  t.match(draft.json(), { id: scheduled.id, subject: 'Our offer' })
  await caughtUp()
  t.match((await ask('GET', `/v1/outbox/${scheduled.id}`)).json(), { state: 'cancelled' })
  t.ok(
    (await queries.listDrafts({}, { descending: true, after: null, limit: 100 })).some(
      (each) => each.id === scheduled.id,
    ),
  )
  const sentAnew = await ask('POST', '/v1/outbox', { draftId: scheduled.id, undoSeconds: 0 })
  t.match(sentAnew.json(), { id: scheduled.id, state: 'queued', otherContactIds: [] })
  await sendUntil('sent', scheduled.id)
  t.equal(timesSent(scheduled.id), 1)
  const { id } = await post()
  await sendUntil('sent', id)
  const late = await ask('POST', `/v1/outbox/${id}/cancellation`)
  t.equal(late.statusCode, 422)
  t.match(late.json(), { code: 'too-late-to-cancel', remedy: /./ })
})

t.test('a sent email counts as delivered after the window', async (t) => {
  await caughtUp()
  t.same(await queries.dueDeliveries(60, 10), [])
  const { id } = await post()
  await sendUntil('sent', id)
  await caughtUp()
  t.same(await queries.dueDeliveries(0, 1000), [], 'nobody has looked whether something came back')
  const { newEvent, newCommandId } = await import('../../../src/commands/handle.ts')
  const happened = (event: DomainEvent) =>
    newEvent(event, newCommandId(world.clock()), world.caller(), world.clock().toISOString())
  const { accountId } = world.account.now
  await store.append({
    stream: `account-${accountId}`,
    expected: 'no_stream',
    events: [happened(connected())],
  })
  await store.append({
    stream: `syncrun-${accountId}.1`,
    expected: 'no_stream',
    events: [happened(runStarted(1)), happened(runFinished(1))],
  })
  await caughtUp()
  t.ok((await queries.dueDeliveries(0, 1000)).some((due) => due.id === id))
  const confirm = confirmDeliveries({
    clock: world.clock,
    dueDeliveries: (limit) => queries.dueDeliveries(0, limit),
    confirm: commands.confirmDelivery,
  })
  await until(async () => {
    await confirm(never)
    await caughtUp()
    return !(await queries.dueDeliveries(0, 1000)).some((due) => due.id === id)
  }, 'it is confirmed')
  t.match(await queries.findEmail(id, null), {
    delivery: { status: 'delivered', basis: 'no-bounce' },
    outcomes: [{ address: 'ann@client.test', outcome: 'delivered' }],
  })
})

t.test('drafts over HTTP: begun, listed, changed at their version, previewed, sent with files', async (t) => {
  const pdf = Buffer.from('%PDF-1.7 {"not":"json"}')
  const upload = (name: string, content: Buffer, type = 'application/pdf') =>
    app.inject({
      method: 'POST',
      url: `/v1/attachments?name=${encodeURIComponent(name)}`,
      headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': type },
      payload: content,
    })
  const uploaded = await upload('Angebot é.pdf', pdf)
  t.equal(uploaded.statusCode, 201, uploaded.body)
  const file = uploaded.json<{ name: string; blob: string }>()
  t.match(file, {
    name: 'Angebot é.pdf',
    contentType: 'application/pdf',
    size: pdf.length,
    blob: /^[0-9a-f]{64}\.[\w-]{43}$/,
  })
  t.match(
    (await upload('a.json', Buffer.from('{"a":'), 'application/json')).json(),
    { size: 5 },
    'taken as bytes',
  )
  t.equal((await upload('a', Buffer.alloc(0))).statusCode, 400)
  const large = await upload('b', Buffer.alloc(50 * 1024 * 1024))
  t.equal(large.statusCode, 413)
  t.match(large.json(), { code: 'body-too-large', remedy: /25 MB/ })
  t.equal((await upload('x\r\ny', pdf)).statusCode, 400)

  const user = { 'mailtrail-user': 'u1' }
  const begun = await ask(
    'POST',
    '/v1/drafts',
    { accountId: world.account.now.accountId, html: 'Hi {contact.first_name}', attachments: [file] },
    user,
  )
  t.equal(begun.statusCode, 201, begun.body)
  const { id } = begun.json<{ id: string }>()
  t.equal(begun.headers.etag, '"0"')

  // Of another's file one may know the hash; our own seal is only over our own.
  const [hash = '', seal = ''] = file.blob.split('.')
  const foreign = createHash('sha256').update('somebody else’s').digest('hex')
  await world.blobs.put([{ hash: foreign, content: Buffer.from('somebody else’s') }])
  for (const [blob, status] of [
    [foreign, 400],
    [`${foreign}.`, 400],
    [`${foreign}.${seal}`, 422],
    [`${hash}.${seal.toUpperCase()}`, 422],
    [`${'0'.repeat(64)}.${seal}`, 422],
  ] as const) {
    const attachments = [{ ...file, blob }]
    const answers = [
      await ask('POST', '/v1/drafts', { accountId: world.account.now.accountId, attachments }, user),
      await ask('PATCH', `/v1/drafts/${id}`, { attachments }, { ...user, 'if-match': '"0"' }),
      await ask('POST', '/v1/outbox', { email: email({ attachments }) }, user),
    ]
    for (const answer of answers) {
      t.equal(answer.statusCode, status)
      t.match(answer.json(), { code: status === 400 ? 'invalid-request' : 'attachment-missing' })
    }
  }
  t.same(begun.json<{ attachments: unknown }>().attachments, [file], 'what is answered can be sent again')
  const change = (payload: object, etag?: string) =>
    ask('PATCH', `/v1/drafts/${id}`, payload, { ...user, ...(etag ? { 'if-match': etag } : {}) })
  t.equal((await change({ subject: 'A' })).statusCode, 428)
  const patched = await change({ subject: 'Offer', to: [{ address: 'ann@client.test' }] }, '"0"')
  t.match(patched.json(), { id, subject: 'Offer', html: 'Hi {contact.first_name}', userId: 'u1' })
  t.equal((await change({ subject: 'B' }, '"0"')).statusCode, 412)
  for (const address of ['a@b.test\r\nBcc: evil@x.test', 'a b@c.test', ''])
    t.equal((await change({ to: [{ address }] }, '"1"')).statusCode, 400)
  const position = String(patched.headers['event-position'])
  const listed = await ask('GET', `/v1/drafts?min_position=${position}`, undefined, user)
  t.match(listed.json(), { data: [{ id, subject: 'Offer' }], hasMore: false })
  const others = await ask('GET', '/v1/drafts', undefined, { 'mailtrail-user': 'u2' })
  t.same(others.json<{ data: unknown[] }>().data, [])
  t.equal((await ask('GET', `/v1/drafts/${id}`, undefined, { 'mailtrail-user': 'u2' })).statusCode, 404)
  t.match((await ask('GET', `/v1/drafts/${id}`, undefined, user)).headers.etag, /^"1-/)
  t.match((await ask('POST', `/v1/drafts/${id}/preview`, undefined, user)).json(), {
    html: 'Hi Ann',
    missing: [],
  })

  const refused = await ask('POST', '/v1/outbox', {
    email: email({ html: '{contact.phone}{deal.name}' }),
  })
  t.equal(refused.statusCode, 422)
  t.match(refused.json(), {
    code: 'variable-without-value',
    details: { missing: [{ variable: 'contact.phone' }, { variable: 'deal.name' }] },
  })
  const sent = await ask(
    'POST',
    '/v1/outbox',
    { draftId: id, undoSeconds: 0 },
    { ...user, 'idempotency-key': 's1' },
  )
  t.equal(sent.statusCode, 201, sent.body)
  const repeated = await ask(
    'POST',
    '/v1/outbox',
    { draftId: id, undoSeconds: 0 },
    { ...user, 'idempotency-key': 's1' },
  )
  t.equal(repeated.body, sent.body)
  t.equal((await ask('GET', `/v1/drafts/${id}`, undefined, user)).statusCode, 404)
  await sendUntil('sent', id)
  const { raw } = await sink.mailWith(id)
  t.match(raw.toString(), 'Hi Ann')
  const wire = await ask('GET', `/v1/outbox/${id}/raw?form=wire`)
  t.equal(wire.headers['content-type'], 'message/rfc822')
  t.ok(wire.rawPayload.equals(raw))

  const thrown = await ask('POST', '/v1/drafts', { accountId: world.account.now.accountId })
  const { id: other } = thrown.json<{ id: string }>()
  t.equal((await ask('DELETE', `/v1/drafts/${other}`)).statusCode, 204)
  t.equal((await ask('GET', `/v1/drafts/${other}`)).statusCode, 404)
})

t.test('bad requests are told as problems', async (t) => {
  const codes = async (payload: object) => (await ask('POST', '/v1/outbox', payload)).statusCode
  t.equal(await codes({}), 400)
  t.equal(await codes({ email: email(), undoSeconds: 61 }), 400)
  t.equal(await codes({ email: email(), scheduledAt: 'tomorrow' }), 400)
  t.equal(await codes({ email: email({ to: [{ address: 'a@b.test\nBcc: e@x.test' }] }) }), 400)
  t.equal(await codes({ email: email({ subject: 'a\r\nBcc: e@x.test' }) }), 400)
  t.equal(await codes({ email: email({ to: [] }) }), 422)
  t.equal(await codes({ draftId: 'out_00000000000000000000000000' }), 404)
  t.equal((await ask('GET', '/v1/outbox/out_00000000000000000000000000')).statusCode, 404)
  t.equal((await ask('POST', '/v1/outbox/out_00000000000000000000000000/cancellation')).statusCode, 404)
  t.equal((await ask('GET', '/v1/outbox?state=nonsense')).statusCode, 400)
  t.equal((await ask('GET', '/v1/outbox?cursor=nonsense')).statusCode, 400)
})
