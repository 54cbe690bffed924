import t from 'tap'
import { AccountConnected, AccountPaused, AccountResumed } from '../../../src/domain/accounts/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailCancelled, EmailQueued } from '../../../src/domain/sending/events.ts'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { confirmDeliveries, confirmFoundEmails } from '../../../src/commands/sending/automations.ts'
import type { MailProvider } from '../../../src/commands/ports/mail-provider.ts'
import { sendEmail } from '../../../src/commands/sending/send-email.ts'
import { outgoingStream } from '../../../src/domain/sending/outgoing-email.ts'
import { figuresToday } from '../../../src/projections/sync/sync-status.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { connected, runFinished, runStarted } from '../../support/example-sync-events.ts'
import { never, until } from '../../support/sending-world.ts'
import { outboxWorld } from '../../support/outbox-world.ts'

const {
  pool,
  db,
  store,
  world,
  commands,
  queries,
  now,
  ask,
  post,
  processOf,
  one,
  two,
  caughtUp,
  state,
  sendUntil,
  timesSent,
  needs,
  sink,
} = await outboxWorld(t)

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
