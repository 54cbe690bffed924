import t from 'tap'
import {
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountConnectionChanged,
  AccountSettingsChanged,
  defaultSettings,
  type AccountSettings,
} from '../../../src/domain/accounts/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { DeliveryReportRead, EmailSent } from '../../../src/domain/sending/events.ts'
import { deliveriesDue, dueDeliveries } from '../../../src/projections/sending/deliveries-due.ts'
import { idOf } from '../../support/example-emails.ts'
import {
  accountId,
  connected,
  messageIdOf,
  runFinished,
  runStarted,
  synced,
} from '../../support/example-sync-events.ts'
import { followedLog } from '../../support/followed-log.ts'

// Each case is an account of its own that sends one email, ten minutes after twelve.

const SENT = 10
const WINDOW = 60
const { db, append, caughtUp } = await followedLog(t, [deliveriesDue])

type Told = readonly [minute: number, event: DomainEvent]
const time = (minute: number): string => new Date(Date.UTC(2026, 0, 5, 12, minute)).toISOString()

let account = 0
/** Whether an email that an account sends is taken for delivered after all this, told in the order of time. */
const isDue = async (...told: readonly Told[]): Promise<boolean> => {
  account++
  const of = { accountId: idOf('acc', account), outgoingId: idOf('out', account) }
  const sent = EmailSent({
    ...of,
    attempt: 1,
    template: null,
    sentAt: time(SENT),
    first: true,
    accepted: ['ann@client.test'],
    refused: [],
    deferred: [],
    retryAt: null,
    evidence: 'answer',
  })
  const all: Told[] = [[0, connected()], ...told, [SENT, sent]]
  const events = all
    .toSorted(([one], [other]) => one - other)
    .map(([minute, event]) => ({
      ...event,
      data: { ...(event.data as object), accountId: of.accountId },
      envelope: { stream: `test-${account}`, at: time(minute) },
    }))
  await append(...events)
  await caughtUp()
  return (await dueDeliveries(db)(WINDOW, 1000)).some(({ id }) => id === of.outgoingId)
}

const settings = (changes: Partial<AccountSettings>) =>
  AccountSettingsChanged({ accountId, settings: { ...defaultSettings, ...changes } })
/** A run from one minute to another, and how it ended. */
const run = (
  number: number,
  from: number,
  to: number,
  ...how: [Parameters<typeof runFinished>[1]?, Parameters<typeof runFinished>[2]?]
): Told[] => [
  [from, runStarted(number)],
  [to, runFinished(number, ...how)],
]
const inTime = run(1, SENT + WINDOW, SENT + WINDOW + 1)

t.test('silence says something once a run has read what came in within the window', async (t) => {
  t.equal(await isDue(), false, 'nobody has looked')
  t.equal(await isDue(...run(1, 5, 6)), false, 'nobody has looked since')
  t.equal(await isDue(...run(1, SENT + WINDOW - 1, 200)), false, 'the run began before the window was over')
  t.equal(await isDue(...inTime), true)
})

t.test('where nothing is read, silence says nothing', async (t) => {
  const { connection, sends, credentialVersion } = connected().data
  const onlySends = AccountConnectionChanged({
    accountId,
    connection,
    sends,
    receives: false,
    credentialVersion,
  })
  const login = { kind: 'sign-in-again', code: 'login-rejected', detail: 'd', remedy: 'r' } as const
  for (const [why, event] of [
    ['there is no IMAP', onlySends],
    ['sync is paused', AccountPaused({ accountId, reason: '' })],
    ['the account is disconnected', AccountDisconnected({ accountId, reason: '' })],
    ['it only sends', settings({ syncDirection: 'send' })],
    [
      'a pattern keeps reports out',
      settings({ excludePatterns: [{ pattern: 'mailer-daemon@*', match: 'sender' }] }),
    ],
    ['a pattern keeps all mail out', settings({ excludePatterns: [{ pattern: '*', match: 'sender' }] })],
    ['sync fails', runFinished(2, 'failed', { ...login, kind: 'temporary', code: 'connection-lost' })],
    ['a person must sign in again', runFinished(2, 'failed', login)],
  ] as const) {
    t.equal(await isDue(...inTime, [80, event]), false, why)
    t.equal(await isDue([1, event], ...inTime), event.type === 'SyncRunFinished', `${why}, from the first`)
  }
  t.equal(
    await isDue([1, settings({ excludePatterns: [{ pattern: 'news@*', match: 'sender' }] })], ...inTime),
    true,
    'another pattern',
  )
})

t.test('only a run that read all that came in shows that nothing did', async (t) => {
  const [from, to] = [SENT + WINDOW, SENT + WINDOW + 1]
  t.equal(await isDue(...run(1, from, to, 'success', { inboxRead: false })), false, 'the inbox is not chosen')
  t.equal(await isDue(...run(1, from, to, 'partial', { inboxRead: false })), false)
  t.equal(await isDue(...run(1, from, to, 'partial', { inboxRead: true })), true, 'something else is missing')
  for (const outcome of ['failed', 'stopped', 'abandoned'] as const)
    t.equal(await isDue(...run(1, from, to, outcome)), false, outcome)
  t.equal(await isDue(...run(1, 80, 81, 'failed'), ...run(2, 90, 91)), true, 'what failed goes well again')
})

t.test('what was paused is seen again from the first run that began since', async (t) => {
  const pause: Told[] = [
    [90, AccountPaused({ accountId, reason: '' })],
    [95, AccountResumed({ accountId })],
  ]
  t.equal(await isDue(...inTime, ...pause), false)
  t.equal(
    await isDue([85, runStarted(1)], ...pause, [96, runFinished(1)]),
    false,
    'it may have looked before',
  )
  t.equal(await isDue(...inTime, ...pause, ...run(2, 96, 97)), true)
})

t.test('what was lost is not seen later', async (t) => {
  const excluding = settings({ excludePatterns: [{ pattern: '*@acme.test', match: 'sender' }] })
  const open = settings({})
  const after = run(1, 80, 81)
  t.equal(await isDue([1, excluding], [20, open], ...after), false, 'a report may have been kept out')
  t.equal(await isDue([1, excluding], [5, open], ...after), true, 'it was sent later')
  const [sendOnly, late] = [settings({ syncDirection: 'send' }), settings({ historyDays: 0 })]
  t.equal(
    await isDue([1, sendOnly], [70, late], ...after),
    false,
    'what had come by the first run is left out',
  )
  t.equal(await isDue([1, sendOnly], [70, settings({ historyDays: 1 })], ...after), true)
  t.equal(await isDue([1, sendOnly], [70, settings({ historyDays: null })], ...after), true)
  t.equal(await isDue([1, late], ...run(1, 5, 6), ...run(2, 80, 81)), true, 'later runs go on from there')
})

t.test('a report that waits to be read is read first', async (t) => {
  const report = synced(900, { automatic: 'report' })
  const read = DeliveryReportRead({
    messageId: messageIdOf(900),
    accountId,
    outgoingId: null,
    recipients: [],
  })
  t.equal(await isDue(...inTime, [72, report]), false)
  t.equal(await isDue(...inTime, [72, report], [73, read]), true)
})
