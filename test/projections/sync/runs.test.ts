import t from 'tap'
import {
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountConnectionChanged,
  AccountConnectionTested,
  AccountSettingsChanged,
  defaultSettings,
  SyncRequested,
  WithheldMessageDismissed,
} from '../../../src/domain/accounts/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import {
  BackfillFinished,
  BackfillPaused,
  BackfillRequested,
  BackfillResumed,
  MessageFlagsChanged,
  MessageAddedToFolder,
  MessageQuarantined,
  MessageRemovedFromFolder,
  QuarantinedMessageReleased,
  QuarantinedMessageSkipped,
  syncStalled,
} from '../../../src/domain/sync/events.ts'
import { placements } from '../../../src/projections/sync/placements.ts'
import { syncErrors } from '../../../src/projections/sync/sync-errors.ts'
import { statusOf, syncHistory } from '../../../src/projections/sync/sync-history.ts'
import { syncSchedule } from '../../../src/projections/sync/sync-schedule.ts'
import { syncStatus } from '../../../src/projections/sync/sync-status.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { idOf } from '../../support/example-emails.ts'
import {
  accountId,
  connected,
  changesSynced,
  messageIdOf,
  runFinished,
  runStarted,
  placeOf,
  synced,
  withheldAt,
} from '../../support/example-sync-events.ts'

const noReply = { pattern: 'noreply@*', match: 'sender' } as const

const minute = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString()
const schedule = async (...events: DomainEvent[]) => {
  const { account } = await foldEvents(syncSchedule, recordedEvents(events))
  const { schedule: folded, ...row } = account[0]!
  return { ...folded, ...row }
}
const login = { kind: 'sign-in-again', code: 'login-rejected', detail: 'd', remedy: 'r' } as const
const { connection, sends, receives, credentialVersion } = connected().data
const reached = { accountId, connection, sends, receives, credentialVersion: credentialVersion + 1 }
const quarantined = (n: number, attempts = 1) =>
  MessageQuarantined({
    messageId: messageIdOf(n),
    accountId,
    placement: placeOf(n),
    flags: ['seen'],
    receivedAt: minute(0),
    size: 10,
    raw: 'b'.repeat(64),
    reason: `attempt ${attempts}`,
    attempts,
  })

t.test(
  'an account is due at once when it is new or asked for, and else its frequency after the last run',
  async (t) => {
    t.match(await schedule(connected()), { due_at: minute(0), asked: 'connect', last_run: 0 })
    t.match(await schedule(connected(), runStarted(1), runFinished(1)), { due_at: minute(7), last_run: 1 })
    const events = [connected(), runStarted(1), runFinished(1), SyncRequested({ accountId })]
    t.match(await schedule(...events), { due_at: minute(3), asked: 'request' })
    t.match(
      await schedule(...events, runStarted(2), SyncRequested({ accountId }), runFinished(2)),
      { due_at: minute(6), asked: 'request', last_run: 2 },
      'a request during a run is answered by another run',
    )
    t.match(await schedule(...events, runStarted(2), runFinished(2)), { due_at: minute(10), asked: null })
  },
)

t.test('failures make the pause longer, up to an hour, and refused logins start there', async (t) => {
  const failed = (number: number) => [runStarted(number), runFinished(number, 'failed')]
  const pauseAfter = async (failures: number) => {
    const numbers = Array.from({ length: failures }, (_, nth) => nth + 1)
    const { due_at, lastFinishedAt } = await schedule(connected(), ...numbers.flatMap(failed))
    return (Date.parse(due_at!) - Date.parse(lastFinishedAt!)) / 60_000
  }
  t.strictSame(await Promise.all([1, 2, 3, 4, 5, 9].map(pauseAfter)), [5, 10, 20, 40, 60, 60])
  const refused = [connected(), runStarted(1), runFinished(1, 'failed', login)]
  t.match(await schedule(...refused), { due_at: minute(62) })
  const mended = AccountConnectionChanged(reached)
  t.match(await schedule(...refused, mended), {
    due_at: minute(3),
    asked: 'request',
    failures: 0,
    credential_version: 2,
  })
})

t.test(
  'a connection test that passes starts a sync at once, and a run that was stopped is followed by one',
  async (t) => {
    const test = (ok: boolean) => AccountConnectionTested({ accountId, ok, steps: [] })
    const refused = [connected(), runStarted(1), runFinished(1, 'failed', login)]
    t.match(await schedule(...refused, test(false)), { due_at: minute(62), failures: 1 })
    t.match(await schedule(...refused, test(true)), { due_at: minute(3), asked: 'test', failures: 0 })
    const changed = AccountSettingsChanged({
      accountId,
      settings: { ...defaultSettings, excludePatterns: [noReply] },
    })
    const events = [connected(), runStarted(1), changed, runFinished(1, 'stopped')]
    t.match(await schedule(...events), { due_at: minute(3), asked: 'request', last_finished: 1 })
    const paused = [connected(), runStarted(1), AccountPaused({ accountId, reason: '' })]
    t.match(await schedule(...paused, runFinished(1, 'stopped')), { due_at: null })
  },
)

t.test('a mailbox that said until when it is of no use is left alone until then', async (t) => {
  const throttled = (until: string) => [
    connected(),
    runStarted(1),
    runFinished(1, 'failed', { ...login, kind: 'throttled', until }),
  ]
  t.match(await schedule(...throttled(minute(45))), { due_at: minute(45) })
  t.match(await schedule(...throttled(minute(3))), { due_at: minute(7) }, 'and not sooner than any other')
  t.match(
    await schedule(...throttled(minute(45)), SyncRequested({ accountId })),
    { due_at: minute(45), asked: 'request' },
    'whoever asks',
  )
  t.match(await schedule(...throttled(minute(45)), AccountConnectionChanged(reached)), { due_at: minute(3) })
  const after = [runStarted(2), runFinished(2)]
  t.match(await schedule(...throttled(minute(45)), ...after), { due_at: minute(9), until: null })
})

t.test('an account that is paused, disconnected, sends only or receives no mail is never due', async (t) => {
  const paused = [connected(), runStarted(1), runFinished(1), AccountPaused({ accountId, reason: '' })]
  t.match(await schedule(...paused), { due_at: null })
  t.match(await schedule(...paused, SyncRequested({ accountId })), { due_at: null })
  t.match(await schedule(...paused, AccountResumed({ accountId })), { due_at: minute(4) })
  t.match(await schedule(connected(), AccountDisconnected({ accountId, reason: '' })), { due_at: null })
  t.match(await schedule(connected({ syncDirection: 'send' })), { due_at: null })
  t.match(await schedule(connected(), AccountConnectionChanged({ ...reached, receives: false })), {
    due_at: null,
  })
})

t.test('more to read is read at once, and another frequency counts from the last run', async (t) => {
  const events = [connected(), runStarted(1), runFinished(1)]
  const changed = (settings: object) =>
    AccountSettingsChanged({ accountId, settings: { ...defaultSettings, ...settings } })
  t.match(await schedule(...events, changed({ folders: ['inbox', 'sent', 'archive'] })), {
    due_at: minute(3),
  })
  t.match(await schedule(...events, changed({ historyDays: null })), { due_at: minute(3) })
  t.match(await schedule(...events, changed({ syncFrequencyMinutes: 60 })), { due_at: minute(62) })
})

t.test('a run that stalled is followed by another at once, and then by the usual pause', async (t) => {
  const stalled = (number: number) =>
    runFinished(number, 'failed', { kind: 'temporary', code: syncStalled.code })
  const once = [connected(), runStarted(1), runFinished(1), runStarted(2), stalled(2)]
  t.match(await schedule(...once), { due_at: minute(4), asked: 'stall' })
  t.match(await schedule(...once, runStarted(3), stalled(3)), { due_at: minute(16), failures: 2 })
  t.match(await schedule(...once, runStarted(3), runFinished(3)), { due_at: minute(11), failures: 0 })
})

t.test('as long as older mail is to be fetched an account is due again at once', async (t) => {
  const backfill = { accountId, since: '2020-01-01T00:00:00.000Z' }
  const asked = [connected(), runStarted(1), runFinished(1), BackfillRequested(backfill)]
  t.match(await schedule(...asked), { due_at: minute(3) })
  const on = [...asked, runStarted(2), runFinished(2)]
  t.match(await schedule(...on), { due_at: minute(5) })
  t.match(await schedule(...on, BackfillPaused(backfill)), { due_at: minute(10) })
  t.match(await schedule(...on, BackfillPaused(backfill), BackfillResumed(backfill)), { due_at: minute(7) })
  t.match(await schedule(...on, runStarted(3), BackfillFinished(backfill), runFinished(3)), {
    due_at: minute(13),
  })
  t.match(await schedule(...on, runStarted(3), runFinished(3, 'failed')), { due_at: minute(12) })
  const troubles = [{ folder: 'Archive', code: 'x', detail: 'd', remedy: 'r' }]
  t.match(
    await schedule(...on, runStarted(3), runFinished(3, 'partial', { troubles })),
    { due_at: minute(12) },
    'but not over and over where a folder cannot be read',
  )
})

t.test('a run that was given up by a dead worker leaves the account due', async (t) => {
  const events = [connected(), runStarted(1), runFinished(1, 'abandoned')]
  t.match(await schedule(...events), { due_at: minute(0), failures: 0 })
})

t.test('the history says of each run and folder what was listed and what became of it', async (t) => {
  const rows = await foldEvents(
    syncHistory,
    recordedEvents([
      connected({ syncDirection: 'receive' }),
      runStarted(1),
      changesSynced(
        1,
        { listed: 5, stored: 3, known: 1, excluded: 1, received: 2, sent: 1 },
        {
          exclusions: [{ folder: 'INBOX', role: 'inbox', ref: '4', reason: 'pattern', pattern: noReply }],
        },
      ),
      changesSynced(
        1,
        { listed: 2, failed: 1, excluded: 1 },
        {
          exclusions: [{ folder: 'INBOX', role: 'inbox', ref: '7', reason: 'pattern', pattern: noReply }],
          failures: [
            { folder: 'INBOX', ref: '8', reason: 'too deep', attempts: 1, messageId: messageIdOf(8) },
          ],
        },
      ),
      runFinished(1, 'partial', { unchanged: ['Sent'] }),
      runStarted(2),
    ]),
  )
  const [first, second] = rows.run
  t.match(first, { direction: 'receive', stored: 3, failed: 1, outcome: 'partial', finished_at: minute(4) })
  t.match(first!.folders, [
    {
      folder: 'INBOX',
      listed: 7,
      stored: 3,
      known: 1,
      excluded: 2,
      failed: 1,
      rules: [{ reason: 'pattern', pattern: noReply, count: 2 }],
    },
    { folder: 'Sent', listed: 0 },
  ])
  t.match(rows.failure, [{ number: 1, ref: '8', message_id: messageIdOf(8) }])
  t.equal(statusOf(first!), 'Partial (1 failed)')
  t.equal(statusOf(second!), 'Running')
  const trouble = { folder: 'Archive', code: 'c', detail: 'd', remedy: 'r' }
  const partial = (failed: number, folders: number, ...missing: string[]) =>
    statusOf({
      outcome: 'partial',
      failed,
      troubles: Array.from({ length: folders }, () => trouble),
      missing,
    })
  t.strictSame(
    [partial(0, 1), partial(2, 2), partial(0, 0, 'sent', 'ACME'), partial(1, 1, 'sent')],
    [
      'Partial (1 folder not read)',
      'Partial (2 failed; 2 folders not read)',
      'Partial (no such folder: sent, ACME)',
      'Partial (1 failed; 1 folder not read; no such folder: sent)',
    ],
  )
  t.strictSame(
    (['success', 'failed', 'stopped', 'abandoned'] as const).map((outcome) =>
      statusOf({ outcome, failed: 0, troubles: [], missing: [] }),
    ),
    ['Success', 'Failed', 'Stopped', 'Interrupted'],
  )
})

t.test(
  'errors stay until they are retried with success, skipped, or the mailbox hands the message out',
  async (t) => {
    const missed = changesSynced(
      1,
      { listed: 2, failed: 2 },
      {
        withheld: [withheldAt(placeOf(3)), withheldAt(placeOf(4))],
        failures: ['3', '4'].map((ref) => ({ folder: 'INBOX', ref, reason: 'not handed out', attempts: 1 })),
      },
    )
    const events = [connected(), runStarted(1), missed, quarantined(8), quarantined(9), quarantined(8, 2)]
    const before = await foldEvents(syncErrors, recordedEvents(events))
    t.match(before.sync_error.map(({ kind, ref, attempts }) => `${kind} ${ref} ${attempts}`).toSorted(), [
      'unreadable 8 2',
      'unreadable 9 1',
      'withheld 3 1',
      'withheld 4 1',
    ])
    t.match(
      before.sync_error.find(({ ref }) => ref === '8'),
      { first_at: minute(3), last_at: minute(5) },
    )
    const after = await foldEvents(
      syncErrors,
      recordedEvents([
        ...events,
        changesSynced(2, { listed: 1, stored: 1, received: 1 }, { withheld: [withheldAt(placeOf(4), 2)] }),
        QuarantinedMessageSkipped({ messageId: messageIdOf(9), accountId }),
        QuarantinedMessageReleased({ messageId: messageIdOf(8), accountId, became: messageIdOf(80) }),
      ]),
    )
    t.match(after.sync_error, [{ kind: 'withheld', ref: '4' }])
    t.equal(after.sync_error.length, 1)

    const dismissed = WithheldMessageDismissed({ accountId, folder: 'INBOX', ref: '3' })
    const late = await foldEvents(syncErrors, recordedEvents([...events, dismissed, missed]))
    t.strictSame(
      late.sync_error.filter(({ kind }) => kind === 'withheld').map(({ ref }) => ref),
      ['4'],
      'one that was dismissed is no error, though a run that was under way names it once more',
    )
  },
)

t.test('placements are what the log says of where each message lies', async (t) => {
  const about = { messageId: messageIdOf(1), accountId }
  const rows = await foldEvents(
    placements,
    recordedEvents([
      synced(1),
      synced(2),
      MessageAddedToFolder({ ...about, placement: placeOf(9, 'Archive'), flags: ['x'] }),
      MessageFlagsChanged({ ...about, placement: placeOf(1), flags: ['seen'] }),
      MessageRemovedFromFolder({ ...about, messageId: messageIdOf(2), placement: placeOf(2) }),
      quarantined(3),
      MessageFlagsChanged({ ...about, messageId: messageIdOf(3), placement: placeOf(3), flags: [] }),
      quarantined(4),
      MessageRemovedFromFolder({ ...about, messageId: messageIdOf(4), placement: placeOf(4) }),
      quarantined(4, 2),
    ]),
  )
  t.strictSame(
    rows.placement.map(({ folder, ref, message_id, flags, quarantined: bad }) => [
      folder,
      ref,
      message_id,
      flags,
      bad,
    ]),
    [
      ['Archive', '9', messageIdOf(1), ['x'], false],
      ['INBOX', '1', messageIdOf(1), ['seen'], false],
      ['INBOX', '3', messageIdOf(3), [], true],
    ],
  )
})

t.test('the status counts each message once, by quarter hours', async (t) => {
  const outgoingId = idOf('out', 1)
  const rows = await foldEvents(
    syncStatus,
    recordedEvents([
      connected(),
      runStarted(1),
      synced(1),
      synced(2, { direction: 'out' }),
      synced(3, { outgoingId, direction: 'out' }),
      synced(4, { outgoingId, direction: 'out' }),
      changesSynced(1, { listed: 1, failed: 1 }, { withheld: [withheldAt(placeOf(3))] }),
      runFinished(1, 'partial'),
    ]),
  )
  t.match(rows.account, [{ emails_synced: 3, running: null, last_sync_at: minute(7) }])
  t.match(rows.quarter, [
    { starts_at: '2026-01-05T01:00:00.000Z', received: 1, sent_elsewhere: 0 },
    { starts_at: '2026-01-05T02:00:00.000Z', received: 0, sent_elsewhere: 1 },
  ])
  t.equal(rows.quarter.length, 2, 'our own mail is counted when it is sent')
})
