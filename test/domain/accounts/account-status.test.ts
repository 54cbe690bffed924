import t from 'tap'
import { credentialsMissing } from '../../../src/commands/ports/credentials.ts'
import {
  factsAfter,
  factsAfterChanges,
  freshFacts,
  type AccountFacts,
  type FactEvent,
} from '../../../src/domain/accounts/account-facts.ts'
import { accountStatus, DEFERRALS_IN_A_ROW } from '../../../src/domain/accounts/account-status.ts'
import {
  AccountConnectionChanged,
  AccountConnectionTested,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  defaultSettings,
} from '../../../src/domain/accounts/events.ts'
import { emailTooLarge } from '../../../src/adapters/imap-smtp/smtp-replies.ts'
import '../../../src/adapters/imap-smtp/smtp.ts'
import '../../../src/commands/sending/send-email.ts'
import { accountReceivesOnly } from '../../../src/domain/accounts/refusals.ts'
import { invalidAddress } from '../../../src/domain/mail.ts'
import { defineCode, definedCodes, internalError } from '../../../src/domain/refusal.ts'
import { EmailDeferred, EmailFailed, EmailSent } from '../../../src/domain/sending/events.ts'
import { noRecipient } from '../../../src/domain/sending/recipients.ts'
import { gaveUp } from '../../../src/domain/sending/refusals.ts'
import { MessageQuarantined, QuarantinedMessageSkipped } from '../../../src/domain/sync/events.ts'
import { idOf } from '../../support/example-emails.ts'
import {
  accountId,
  changesSynced,
  connected,
  messageIdOf,
  placeOf,
  runFinished,
} from '../../support/example-sync-events.ts'

const both = freshFacts({ ...connected().data, sends: true })
const sendOnly = freshFacts({ ...connected().data, sends: true, receives: false })
const dueAt = '2026-01-05T00:05:00.000Z'
const after = (facts: AccountFacts, ...events: FactEvent[]) =>
  accountStatus(events.reduce(factsAfter, facts), dueAt)
const statusAfter = (facts: AccountFacts, ...events: FactEvent[]) => after(facts, ...events).status

const about = { outgoingId: idOf('out', 1), accountId, attempt: 1 }
const deferred = (code = 'connection-lost') =>
  EmailDeferred({
    ...about,
    code,
    reason: 'No connection',
    refused: [],
    deferred: [],
    retryAt: '2026-01-05T00:00:00.000Z',
  })
const failed = (code: string) =>
  EmailFailed({ ...about, code, reason: 'not accepted', remedy: 'r', refused: [] })
const sent = EmailSent({
  ...about,
  template: null,
  sentAt: '2026-01-05T00:00:00.000Z',
  first: true,
  accepted: [],
  refused: [],
  deferred: [],
  retryAt: null,
  evidence: 'answer',
})
const login = { kind: 'sign-in-again', code: 'login-rejected', detail: 'd', remedy: 'r' } as const
const step = (ok: boolean, code: string) => {
  const { detail, remedy } = login
  return { service: 'smtp', step: 'login', ok, durationMs: 1, ...(ok ? {} : { code, detail, remedy }) }
}
const tested = (ok: boolean, code = 'login-rejected') =>
  AccountConnectionTested({ accountId, ok, steps: [step(true, ''), step(ok, code)] })
const quarantined = (n: number, attempts = 1) =>
  MessageQuarantined({
    messageId: messageIdOf(n),
    accountId,
    placement: placeOf(n),
    flags: [],
    receivedAt: '2026-01-05T00:00:00.000Z',
    size: 1,
    raw: 'b'.repeat(64),
    reason: 'x',
    attempts,
  })
const direction = (syncDirection: 'send' | 'both') =>
  AccountSettingsChanged({ accountId, settings: { ...defaultSettings, syncDirection } })

t.test('an account that only sends is active, whatever was before', async (t) => {
  t.equal(statusAfter(sendOnly), 'active')
  t.equal(statusAfter(both), 'connecting')
  t.equal(statusAfter(both, direction('send')), 'active')
  const partial = runFinished(1, 'failed', { kind: 'temporary', code: 'x' })
  t.equal(statusAfter(both, partial, quarantined(1), direction('send')), 'active')
})

t.test('it is connecting until a run has come to its end', async (t) => {
  t.equal(statusAfter(both, runFinished(1, 'abandoned'), runFinished(2, 'stopped')), 'connecting')
  t.equal(statusAfter(both, runFinished(1)), 'active')
  t.equal(statusAfter(both, runFinished(1, 'failed', login)), 'needs-reauthentication')
})

t.test('while it is connecting it says how far it has been read, as far as the mailbox tells', async (t) => {
  const set = (folder: string, listed: number, left?: number, backfill?: string) =>
    changesSynced(
      1,
      { folder, listed, stored: listed, received: listed },
      { ...(left === undefined ? {} : { left: [{ folder, count: left }] }), ...(backfill && { backfill }) },
    ).data
  const told = (...sets: ReturnType<typeof set>[]) =>
    accountStatus(sets.reduce(factsAfterChanges, both), dueAt)
  t.match(told(), {
    status: 'connecting',
    reasons: [{ detail: 'The mailbox is being read for the first time.' }],
  })
  const sets = [set('INBOX', 200, 300), set('INBOX', 200, 100), set('Sent', 3)]
  t.match(told(...sets), {
    reasons: [{ code: 'first-sync', detail: /first time\. So far: INBOX 400 of 500, Sent 3\.$/ }],
  })
  const read = factsAfter(sets.reduce(factsAfterChanges, both), runFinished(1))
  t.strictSame(read.progress, [], 'and no longer once it was read to its end')
  t.equal(factsAfterChanges(read, set('INBOX', 1)), read)
  t.equal(factsAfterChanges(both, set('INBOX', 1, 0, '2020-01-01T00:00:00.000Z')), both)
})

t.test('what a run failed of decides, until one comes to its end', async (t) => {
  const kinds = {
    'sign-in-again': 'needs-reauthentication',
    'scope-missing': 'needs-reauthentication',
    throttled: 'throttled',
    gone: 'degraded',
    refused: 'degraded',
    temporary: 'degraded',
  } as const
  for (const [kind, status] of Object.entries(kinds)) {
    const run = runFinished(2, 'failed', { ...login, kind: kind as keyof typeof kinds })
    t.match(after(both, runFinished(1), run), { status, reasons: [{ detail: 'd', remedy: 'r' }] }, kind)
    t.equal(statusAfter(both, run, runFinished(3, 'abandoned')), status)
    t.equal(statusAfter(both, run, runFinished(3)), 'active')
  }
})

t.test('an open error keeps it degraded until somebody has decided about it', async (t) => {
  const events = [runFinished(1, 'partial'), quarantined(1), quarantined(2), quarantined(1, 2)]
  t.match(after(both, ...events, runFinished(2)), {
    status: 'degraded',
    reasons: [{ code: 'unreadable-messages', detail: /^2 messages/, remedy: /retry or skip/ }],
  })
  const skipped = [1, 2].map((n) => QuarantinedMessageSkipped({ messageId: messageIdOf(n), accountId }))
  t.match(after(both, ...events, ...skipped), { status: 'active', reasons: [] })
  const withheld = { ...events.slice(0, 1).reduce(factsAfter, both), withheld: 1 }
  t.match(accountStatus(withheld, dueAt), {
    status: 'degraded',
    reasons: [{ code: 'withheld-messages', detail: /^1 message could/ }],
  })
})

t.test('a folder that could not be read, or is missing, is a reason until it was read', async (t) => {
  const troubles = [
    { folder: 'Archive', code: 'folder-unavailable', detail: 'It cannot be opened', remedy: 'r' },
  ]
  const partial = runFinished(1, 'partial', { troubles })
  t.match(after(both, partial), {
    status: 'degraded',
    reasons: [{ code: 'folder-unavailable', detail: 'It cannot be opened: Archive', remedy: 'r' }],
  })
  t.equal(statusAfter(both, partial, runFinished(2, 'failed', login), runFinished(3)), 'active')
  const missing = [
    runFinished(1, 'failed', { ...login, missingFolders: ['sent', 'ACME'] }),
    runFinished(2, 'failed', login),
  ]
  const named = { code: 'chosen-folder-missing', detail: /sent, ACME/, remedy: /folderRoles/ }
  t.match(after(both, ...missing), { reasons: [{ code: 'login-rejected' }, named] })
  t.match(after(both, ...missing, runFinished(3)), { status: 'active', reasons: [] })
})

t.test('a login that is refused for sending needs a person, and deferrals in a row degrade', async (t) => {
  for (const facts of [sendOnly, factsAfter(both, runFinished(1))]) {
    t.match(after(facts, failed('login-rejected')), {
      status: 'needs-reauthentication',
      reasons: [{ code: 'login-rejected', detail: /not accepted/, remedy: /./ }],
    })
    t.equal(statusAfter(facts, deferred('login-rejected')), 'needs-reauthentication')
    t.equal(statusAfter(facts, deferred('throttled')), 'throttled')
    t.equal(statusAfter(facts, deferred('login-rejected'), sent), 'active')
    const row = Array.from({ length: DEFERRALS_IN_A_ROW }, () => deferred())
    t.equal(statusAfter(facts, ...row.slice(1)), 'active')
    t.match(after(facts, ...row), { status: 'degraded', reasons: [{ detail: /No connection/, remedy: /./ }] })
    t.equal(statusAfter(facts, ...row.slice(1), sent, deferred()), 'active')
  }
})

t.test('it says when it is tried again: the run that is due, or the email that was put off', async (t) => {
  t.match(after(both), { status: 'connecting', nextTryAt: dueAt })
  t.match(after(both, runFinished(1)), { status: 'active', nextTryAt: dueAt })
  t.match(after(both, runFinished(1, 'failed', { ...login, kind: 'throttled' })), {
    status: 'throttled',
    nextTryAt: dueAt,
  })
  const retryAt = '2026-01-05T00:00:00.000Z'
  t.match(after(both, runFinished(1), deferred('throttled')), { status: 'throttled', nextTryAt: retryAt })
  const alsoLogin = [runFinished(1, 'failed', login), deferred('throttled')]
  t.match(after(both, ...alsoLogin), { status: 'needs-reauthentication', nextTryAt: dueAt })
  t.match(after(both, runFinished(1), failed('sender-refused')), { status: 'active', nextTryAt: dueAt })
})

t.test('what a code says of the mailbox comes of its definition, whichever provider it is of', async (t) => {
  const words = { title: 'Token revoked', meaning: 'It was revoked.', remedy: 'Sign in.' }
  for (const [trouble, status] of [
    ['sign-in-again', 'needs-reauthentication'],
    ['scope-missing', 'needs-reauthentication'],
    ['throttled', 'throttled'],
  ] as const) {
    const { code } = defineCode(`cloud-mail-${trouble}`, { ...words, trouble })
    t.match(after(sendOnly, deferred(code)), { status, reasons: [{ code, remedy: 'Sign in.' }] })
    t.match(after(sendOnly, tested(false, code)), { status, reasons: [{ code }] })
  }
  t.equal(statusAfter(sendOnly, deferred(credentialsMissing.code)), 'needs-reauthentication')
})

t.test('what is wrong with single emails says nothing of the account, however many they are', async (t) => {
  const read = factsAfter(both, runFinished(1))
  const ofOneEmail = [invalidAddress, noRecipient, emailTooLarge, gaveUp, accountReceivesOnly, internalError]
  const inWords = ['recipients-refused', 'recipients-deferred', 'email-deferred', 'smtputf8-not-offered']
  const whenDue = [
    'overdue',
    'sender-removed',
    'sender-without-access',
    'content-missing',
    'content-damaged',
    'release-not-recorded',
  ]
  for (const code of [...ofOneEmail.map((of) => of.code), ...inWords, ...whenDue]) {
    t.ok(definedCodes.has(code), `${code} is a code`)
    const row = Array.from({ length: DEFERRALS_IN_A_ROW }, () => [failed(code), deferred(code)]).flat()
    t.match(after(read, ...row), { status: 'active', reasons: [] }, code)
  }
  const row = Array.from({ length: DEFERRALS_IN_A_ROW }, () => failed('sender-refused'))
  t.equal(statusAfter(read, ...row), 'degraded', 'that the sender is refused is about the account')
  const putOff = Array.from({ length: DEFERRALS_IN_A_ROW }, () => deferred('sender-deferred'))
  t.equal(statusAfter(read, ...putOff), 'degraded', 'and so is that it is put off')
})

t.test(
  'a connection test that failed is told, and one that passed clears what stood in the way',
  async (t) => {
    const read = factsAfter(both, runFinished(1))
    t.match(after(read, tested(false)), {
      status: 'needs-reauthentication',
      reasons: [{ code: 'login-rejected', detail: 'd', remedy: 'r' }],
    })
    t.equal(statusAfter(read, tested(false, 'timeout')), 'degraded')
    t.equal(statusAfter(read, tested(false), tested(true)), 'active')
    const stuck = [runFinished(2, 'failed', login), deferred('login-rejected'), tested(false)]
    t.equal(statusAfter(read, ...stuck, tested(true)), 'active')
    t.equal(statusAfter(both, ...stuck, tested(true)), 'connecting', 'where it was never read yet')
    const { connection, sends, receives } = connected().data
    const change = AccountConnectionChanged({ accountId, connection, sends, receives, credentialVersion: 2 })
    t.equal(statusAfter(read, ...stuck, change), 'active', 'a connection is tested before it is changed')
    t.equal(statusAfter(sendOnly, tested(false), sent), 'active', 'what was sent shows that it works')
  },
)

t.test('paused and disconnected say why, and resuming shows what there was', async (t) => {
  const bad = runFinished(1, 'failed', login)
  t.match(after(both, bad, AccountPaused({ accountId, reason: 'holiday' })), {
    status: 'paused',
    reasons: [{ code: 'account-paused', detail: 'holiday', remedy: /Resume/ }],
  })
  t.match(after(both, AccountDisconnected({ accountId, reason: '' })), {
    status: 'disconnected',
    reasons: [{ detail: /passwords were destroyed/, remedy: /again/ }],
  })
  const resumed = [bad, AccountPaused({ accountId, reason: '' }), AccountResumed({ accountId })]
  t.equal(statusAfter(both, ...resumed), 'needs-reauthentication')
})

t.test('each status but active has a reason with a remedy', async (t) => {
  const all: FactEvent[] = [
    runFinished(1, 'failed', login),
    quarantined(1),
    tested(false, 'timeout'),
    deferred('throttled'),
  ]
  for (let length = 0; length <= all.length; length++) {
    const { status, reasons } = after(both, ...all.slice(0, length))
    t.ok(reasons.length > 0, status)
    for (const { code, detail, remedy } of reasons) t.ok(code && detail && remedy, `${status} ${code}`)
  }
})
