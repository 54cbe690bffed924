import t from 'tap'
import {
  AccountConnected,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  defaultSettings,
} from '../../../src/domain/accounts/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import {
  DraftDiscarded,
  DraftSaved,
  DeliveryReportRead,
  EmailBounced,
  EmailDelivered,
  EmailSent,
  EmailCancelled,
  EmailQueued,
  EmailDeferred,
  EmailFailed,
  EmailOutcomeLost,
  EmailReleased,
  EmailRetried,
  SentCopyFiled,
  EmailOutcomeSettled,
} from '../../../src/domain/sending/events.ts'
import { EmailReplied } from '../../../src/domain/tracking/events.ts'
import { deliveriesDue } from '../../../src/projections/sending/deliveries-due.ts'
import { drafts } from '../../../src/projections/sending/drafts.ts'
import { outbox } from '../../../src/projections/sending/outbox.ts'
import { sentCopiesToFile } from '../../../src/projections/sending/sent-copies-to-file.ts'
import { reportsToRead } from '../../../src/projections/sending/reports-to-read.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { at, exampleDraft, exampleQueued, idOf } from '../../support/example-emails.ts'
import { placeOf, synced } from '../../support/example-sync-events.ts'

const outgoingId = idOf('out', 1)
const accountId = idOf('acc', 1)
const of = { outgoingId, accountId }
const stream = `outgoing-${outgoingId}`
const inStream = (...events: DomainEvent[]) => events.map((event) => ({ ...event, envelope: { stream } }))

const queued = EmailQueued(exampleQueued())
const released = (attempt: number) =>
  EmailReleased({ ...of, attempt, handle: null, recipients: ['ann@client.test'] })
const sent = EmailSent({
  ...of,
  attempt: 1,
  template: null,
  sentAt: at(30),
  first: true,
  accepted: ['ann@client.test'],
  deferred: [],
  retryAt: null,
  refused: [],
  evidence: 'answer',
})
const unknown = EmailOutcomeLost({ ...of, attempt: 1, reason: 'cut' })
const again = EmailOutcomeSettled({ ...of, decision: 'send-again', notBefore: at(60) })
const failed = EmailFailed({ ...of, attempt: 1, code: '550', reason: 'No', remedy: 'Do', refused: [] })
const replied = EmailReplied({ ...of, messageId: idOf('msg', 1), from: 'ann@client.test', at: at(500) })

const connected = AccountConnected({
  accountId,
  address: 'me@acme.test',
  owner: { kind: 'team' },
  connection: { provider: 'example' },
  sends: true,
  receives: false,
  credentialVersion: 1,
  settings: defaultSettings,
})
const paused = AccountPaused({ accountId, reason: '' })
const resumed = AccountResumed({ accountId })

const row = async (...events: DomainEvent[]) => {
  const { email } = await foldEvents(outbox, recordedEvents(inStream(...events)))
  return email[0]!
}

t.test('an email is due while it waits, and only then', async (t) => {
  t.match(await row(queued), { state: 'queued', due_at: at(10), attempts: 0, revision: 0 })
  t.match(await row(EmailQueued(exampleQueued({ scheduledAt: at(900), notBefore: at(900) }))), {
    state: 'scheduled',
    due_at: at(900),
  })
  t.match(await row(queued, released(1)), { state: 'sending', due_at: null, revision: 1 })
  const deferred = EmailDeferred({
    ...of,
    attempt: 1,
    code: '451',
    reason: 'Later',
    refused: [],
    deferred: [],
    retryAt: at(45),
  })
  t.match(await row(queued, released(1), deferred), {
    state: 'deferred',
    due_at: at(45),
    attempts: 1,
    code: '451',
    reason: 'Later',
  })
  t.match(await row(queued, deferred, released(2), sent), { state: 'sent', due_at: null, code: null })
  t.match(await row(queued, failed), { state: 'failed', due_at: null, remedy: 'Do' })
  t.match(await row(queued, failed, EmailRetried({ ...of, notBefore: at(70) })), {
    state: 'queued',
    due_at: at(70),
    code: null,
  })
  t.match(await row(queued, EmailCancelled({ ...of, draft: exampleDraft() })), {
    state: 'cancelled',
    due_at: null,
  })
  t.match(await row(queued, released(1), unknown, again), { state: 'queued', due_at: at(60), unclear: [1] })
  t.match(await row(queued, released(1), unknown, again, EmailCancelled({ ...of, draft: null })), {
    state: 'unknown',
    settled: true,
    due_at: null,
  })
  const giveUp = EmailOutcomeSettled({ ...of, decision: 'give-up', notBefore: null })
  t.match(await row(queued, released(1), unknown, giveUp), { state: 'unknown', settled: true, due_at: null })
  const lost = EmailOutcomeLost({ ...of, attempt: 2, reason: 'cut' })
  t.match(
    await row(queued, released(1), sent, released(2), lost, again),
    { state: 'sent', due_at: at(60) },
    'what was taken stays sent while the rest goes again',
  )
})

t.test(
  'an unclear email that was met is to be confirmed until it is sent, whichever came first',
  async (t) => {
    t.match(await row(queued, released(1), unknown), { confirm_at: null })
    t.match(await row(queued, released(1), unknown, replied), { confirm_at: at(500) })
    t.match(await row(queued, released(1), replied, unknown), { confirm_at: at(500) })
    t.match(await row(queued, released(1), unknown, replied, sent), { confirm_at: null, found_at: at(500) })
    t.match(await row(queued, released(1), sent, replied), { confirm_at: null })
    t.match(
      await row(queued, released(1), unknown, replied, failed),
      { confirm_at: null },
      'a late no is a no',
    )
    const { email } = await foldEvents(outbox, recordedEvents([replied]))
    t.same(email, [], 'an email that is not ours is left alone')
  },
)

t.test('the outbox shows the copy, and which accounts are paused', async (t) => {
  const copied = SentCopyFiled({ ...of, outcome: 'filed', folder: 'Sent' })
  t.match(await row(queued, released(1), sent, copied), { copy: 'filed' })
  const { account } = await foldEvents(outbox, recordedEvents([connected, paused]))
  t.same(account, [{ id: accountId, status: 'paused' }])
  const disconnected = AccountDisconnected({ accountId, reason: '' })
  const later = await foldEvents(outbox, recordedEvents([connected, paused, resumed, disconnected]))
  t.same(later.account, [{ id: accountId, status: 'disconnected' }])
})

t.test('a draft is listed until it is sent or discarded', async (t) => {
  const saved = DraftSaved({ outgoingId, draft: exampleDraft() })
  const changed = DraftSaved({ outgoingId, draft: exampleDraft({ subject: 'Other' }) })
  const fold = async (...events: DomainEvent[]) =>
    (await foldEvents(drafts, recordedEvents(inStream(...events)))).draft
  const [draft] = await fold(saved, changed)
  t.match(draft, { id: outgoingId, draft: { subject: 'Other' }, revision: 1, account_id: accountId })
  t.not(draft?.created_at, draft?.changed_at)
  t.same(await fold(saved, DraftDiscarded({ outgoingId })), [])
  t.same(await fold(saved, queued), [])
})

t.test('copies and deliveries are to do from the sending to the event that ends it', async (t) => {
  const copies = async (...events: DomainEvent[]) => foldEvents(sentCopiesToFile, recordedEvents(events))
  t.same((await copies(connected, sent)).email, [
    { id: outgoingId, account_id: accountId, sent_at: at(30), met: false },
  ])
  t.same((await copies(sent, SentCopyFiled({ ...of, outcome: 'found', folder: 'Sent' }))).email, [])
  t.match((await copies(connected, paused)).account, [{ account_id: accountId, paused: true }])
  t.match((await copies(connected, paused, resumed)).account, [{ paused: false }])

  const filed = (outcome: 'filed' | 'found') => SentCopyFiled({ ...of, outcome, folder: 'Sent' })
  const met = (n: number) => synced(n, { outgoingId, direction: 'out', placement: placeOf(n, 'Sent') })
  const learnt = async (...events: DomainEvent[]) =>
    (await copies(connected, ...events)).account[0]?.files_copies
  t.equal(await learnt(sent), null, 'nothing is known before the first email')
  t.equal(await learnt(sent, filed('filed')), false)
  t.equal(await learnt(sent, filed('found')), true)
  t.equal(await learnt(sent, filed('filed'), met(1)), false, 'the copy that was met is ours')
  t.equal(await learnt(sent, filed('filed'), met(1), met(2)), true, 'and the mailbox filed another later')
  t.match((await copies(connected, sent, met(1))).email, [{ met: true }])
  const atKnownHost = AccountConnected({ ...connected.data, filesCopies: true })
  t.match((await copies(atKnownHost, sent, filed('filed'))).account, [{ files_copies: true }])

  const due = async (...events: DomainEvent[]) =>
    (await foldEvents(deliveriesDue, recordedEvents(events))).email
  const bounced = (permanent: boolean) =>
    EmailBounced({
      ...of,
      recipient: 'ann@client.test',
      permanent,
      status: null,
      report: idOf('msg', 2),
      silentUntil: permanent ? null : at(9000),
    })
  t.same(await due(sent), [
    {
      id: outgoingId,
      account_id: accountId,
      sent_at: at(30),
      silent_from: at(30),
      open: ['ann@client.test'],
    },
  ])
  const delivered = { recipients: ['ann@client.test'], basis: 'report' as const, windowMinutes: null }
  t.same(await due(sent, EmailDelivered({ ...of, ...delivered })), [])
  t.same(await due(sent, bounced(true)), [])
  t.match(await due(sent, bounced(false)), [{ silent_from: at(9000) }])
})

t.test('a report is to be read from its sync to its reading', async (t) => {
  const due = async (...events: DomainEvent[]) =>
    (await foldEvents(reportsToRead, recordedEvents(events))).report.map(({ id }) => id)
  const messageId = idOf('msg', 2)
  const synced = (automatic: 'report' | 'list' | null) => ({
    type: 'MessageSynced',
    data: { messageId, accountId, raw: 'a'.repeat(64), receivedAt: at(5), automatic },
  })
  t.same(await due(synced('report')), [messageId])
  t.same(await due(synced('list'), synced(null)), [])
  t.same(
    await due(
      synced('report'),
      DeliveryReportRead({ messageId, accountId, outgoingId: null, recipients: [] }),
    ),
    [],
  )
})
