import fc from 'fast-check'
import t from 'tap'
import type { Decider } from '../../../src/domain/decider.ts'
import { Refused } from '../../../src/domain/refusal.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import type { FolderCounts, Placement } from '../../../src/domain/sync/events.ts'
import {
  message,
  type MessageCommand,
  type QuarantinedMessage,
  type SyncedMessage,
} from '../../../src/domain/sync/message.ts'
import { syncRun, type SyncRunCommand } from '../../../src/domain/sync/sync-run.ts'
import { countsOf, cursorOf, withheldAt } from '../../support/example-sync-events.ts'

const accountId = 'acc_01hzy3v9k5d8e2q7w4r6t8y0ab'
const messageId = 'msg_01hzy3v9k5d8e2q7w4r6t8y0ab'
const at = '2026-01-01T00:00:00.000Z'
const hash = 'a'.repeat(64)

const place = (ref: number, folder = 'INBOX'): Placement => ({ folder, role: 'inbox', ref: String(ref) })
const synced = (placement: Placement, flags: string[] = []): SyncedMessage => ({
  messageId,
  accountId,
  identity: 'i',
  outgoingId: null,
  placement,
  flags,
  direction: 'in',
  receivedAt: at,
  sentAt: null,
  size: 1,
  raw: hash,
  header: {
    messageId: '',
    inReplyTo: [],
    references: [],
    subject: '',
    from: [],
    to: [],
    cc: [],
    replyTo: [],
  },
  snippet: '',
  hasHtml: false,
  attachments: [],
  automatic: null,
  defects: [],
})
const quarantined = (placement: Placement): QuarantinedMessage => ({
  messageId,
  accountId,
  placement,
  flags: [],
  receivedAt: at,
  size: 1,
  raw: hash,
  reason: 'too many parts',
  attempts: 1,
})
const run = <State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  ...commands: Command[]
): { state: State; types: string[] } => {
  let { initial: state } = decider
  const types: string[] = []
  for (const command of commands)
    for (const event of decider.decide(command, state)) {
      types.push(event.type)
      state = decider.evolve(state, event)
    }
  return { state, types }
}
const refusal = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
  return 'none'
}

const start: SyncRunCommand = {
  do: 'start',
  accountId,
  number: 1,
  trigger: 'schedule',
  cursors: [],
  backfill: null,
  withheld: [],
  uncounted: [],
}
const finish = {
  do: 'finish',
  read: [],
  unchanged: [],
  troubles: [],
  missingFolders: [],
  storage: null,
} as const
type Recorded = SyncRunCommand & { readonly do: 'record' }
const record = (some: Partial<FolderCounts>, at: number | string = 1): Recorded => {
  const { folder, ...counts } = countsOf(some)
  const named = (count: number) => Array.from({ length: count }, (_, nth) => ({ folder, ref: String(nth) }))
  return {
    do: 'record',
    cursor: cursorOf(at),
    folders: [{ folder, ...counts }],
    failures: named(counts.failed).map((each) => ({ ...each, reason: 'x', attempts: 1 })),
    exclusions: named(counts.excluded).map((each) => ({
      ...each,
      role: null,
      reason: 'pattern' as const,
      pattern: { pattern: '*', match: 'sender' as const },
    })),
    withheld: [],
    left: [],
    backfill: null,
    askedAgain: [],
  }
}
/** Two records as one, of two folders. */
const both = (a: Recorded, b: Recorded): Recorded => ({
  ...a,
  folders: [...a.folders, ...b.folders],
  failures: [...a.failures, ...b.failures],
  exclusions: [...a.exclusions, ...b.exclusions],
})

t.test(
  'a run takes nothing in whose sum does not add up, and names what failed or was kept out',
  async (t) => {
    const figure = fc.nat({ max: 5 })
    fc.assert(
      fc.property(
        fc.record({ listed: figure, stored: figure, known: figure, excluded: figure, failed: figure }),
        (c) => {
          const code = refusal(() => run(syncRun, start, record({ ...c, received: c.stored })))
          return (
            code === (c.listed === c.stored + c.known + c.excluded + c.failed ? 'none' : 'sync-counts-differ')
          )
        },
      ),
    )
    const failing = record({ listed: 1, failed: 1 })
    t.equal(
      refusal(() => run(syncRun, start, { ...failing, failures: [] })),
      'sync-counts-differ',
    )
    t.equal(
      refusal(() => run(syncRun, start, record({ listed: 1, stored: 1 }))),
      'sync-counts-differ',
    )
    const sent = record({ folder: 'Sent', listed: 1, known: 1 })
    t.equal(
      refusal(() => run(syncRun, start, both(failing, sent))),
      'none',
    )
    t.equal(
      refusal(() => run(syncRun, start, both(record({ listed: 1 }), record({ folder: 'Sent', known: 1 })))),
      'sync-counts-differ',
      'each folder by itself',
    )
    const [failure] = failing.failures
    t.equal(
      refusal(() => run(syncRun, start, { ...failing, failures: [{ ...failure!, folder: 'Sent' }] })),
      'sync-counts-differ',
      'what failed is named in its folder',
    )
    t.equal(
      refusal(() => run(syncRun, start, both(failing, failing))),
      'sync-counts-differ',
      'once',
    )
  },
)

t.test('a run that missed one message ends partial, one that missed none ends in success', async (t) => {
  const outcomeOf = (...commands: SyncRunCommand[]) => {
    const { state } = run(syncRun, start, ...commands)
    const [event] = syncRun.decide(finish, state)
    return event?.type === 'SyncRunFinished' ? event.data.outcome : null
  }
  t.equal(outcomeOf(record({ listed: 2, stored: 2, received: 2 }, 3)), 'success')
  t.equal(outcomeOf(record({ listed: 2, stored: 1, failed: 1, received: 1 }), record({})), 'partial')
})

t.test('a run says whether all that had come in was read, whatever became of the rest', async (t) => {
  const [inbox, archive, all] = [
    { folder: 'INBOX', role: 'inbox' },
    { folder: 'Archive', role: 'archive' },
    { folder: 'All Mail', role: 'all' },
  ] as const
  const trouble = (folder: string) => ({ folder, code: 'c', detail: 'd', remedy: 'r' })
  const failed = (folder: string) => record({ folder, listed: 1, failed: 1 })
  const saysSo = (how: Partial<SyncRunCommand & { do: 'finish' }>, ...commands: SyncRunCommand[]) => {
    const { state } = run(syncRun, start, ...commands)
    const [event] = syncRun.decide({ ...finish, read: [inbox, archive], ...how }, state)
    return event?.type === 'SyncRunFinished' ? event.data.inboxRead : null
  }
  t.equal(saysSo({}), true)
  t.equal(saysSo({ read: [all] }), true)
  t.equal(saysSo({ read: [archive] }), false)
  t.equal(saysSo({ troubles: [trouble('Archive')], missingFolders: ['sent'] }, failed('Archive')), true)
  t.equal(saysSo({ troubles: [trouble('INBOX')] }), false, 'in part is not whole')
  t.equal(saysSo({}, failed('INBOX'), record({}, 2)), false, 'what failed may have been a report')
})

t.test('a run is started once, and a worker that lost it can record nothing more', async (t) => {
  t.equal(
    refusal(() => run(syncRun, start, start)),
    'sync-run-taken',
  )
  t.equal(
    refusal(() => run(syncRun, start, { do: 'abandon' }, record({}))),
    'sync-run-taken',
  )
  t.strictSame(run(syncRun, start, { do: 'abandon' }, finish, { do: 'abandon' }).types, [
    'SyncRunStarted',
    'SyncRunFinished',
  ])
  t.equal(
    refusal(() => run(syncRun, finish)),
    'unknown-sync-run',
  )
})

t.test('the newest cursor of each scope is carried on, and what is withheld', async (t) => {
  const other = cursorOf(9, 'other')
  const [first, second] = [withheldAt(place(1)), withheldAt(place(2), 2)]
  const begun = { ...start, cursors: [cursorOf('a'), other], withheld: [first] }
  const carried = run(syncRun, begun)
  t.match(carried.state, { cursors: [cursorOf('a'), other], withheld: [first] })
  const { state } = run(syncRun, begun, { ...record({}, 'b'), withheld: [first, second] })
  t.match(state, { cursors: [other, cursorOf('b')], withheld: [first, second] })
  const later = run(syncRun, begun, { ...record({}), cursor: null, withheld: [] })
  t.match(later.state, { cursors: [cursorOf('a'), other], withheld: [] }, 'no cursor moves none')
})

t.test('a message met again is nothing, elsewhere a second place, and removed it is kept', async (t) => {
  const met: MessageCommand = { do: 'sync', message: synced(place(1), ['seen', 'flagged']) }
  const again: MessageCommand = { do: 'sync', message: synced(place(1), ['flagged', 'seen']) }
  t.strictSame(run(message, met, again).types, ['MessageSynced'])
  const twice = run(message, met, { do: 'place', placement: place(7, 'Archive'), flags: [] })
  t.strictSame(twice.types, ['MessageSynced', 'MessageAddedToFolder'])
  const gone = run(message, met, { do: 'remove', placement: place(1) }, { do: 'remove', placement: place(1) })
  t.strictSame(gone.types, ['MessageSynced', 'MessageRemovedFromFolder'])
  t.match(gone.state, { status: 'synced', placements: [] })
  const back = run(message, met, { do: 'remove', placement: place(1) }, again)
  t.strictSame(
    back.types,
    ['MessageSynced', 'MessageRemovedFromFolder', 'MessageAddedToFolder'],
    'and never announced again',
  )
})

t.test('a message that is moved has its new place and loses the old one in one append', async (t) => {
  const met: MessageCommand = { do: 'sync', message: synced(place(1)) }
  const move: MessageCommand = { do: 'move', from: place(1), to: place(4, 'Archive'), flags: ['seen'] }
  const { types, state } = run(message, met, move, move)
  t.strictSame(types, ['MessageSynced', 'MessageAddedToFolder', 'MessageRemovedFromFolder'])
  t.match(state, { placements: [{ placement: place(4, 'Archive'), flags: ['seen'] }] })
  const late = run(message, met, { do: 'remove', placement: place(1) }, move)
  t.match(late.state, { placements: [{ placement: place(4, 'Archive') }] }, 'also where that had gone')
})

t.test('flags change only where they differ as a set and the message lies', async (t) => {
  const met: MessageCommand = { do: 'sync', message: synced(place(1), ['a', 'b']) }
  const change = (uid: number, flags: string[]): MessageCommand => ({
    do: 'change-flags',
    placement: place(uid),
    flags,
  })
  t.strictSame(run(message, met, change(1, ['b', 'a']), change(2, ['c'])).types, ['MessageSynced'])
  t.strictSame(run(message, met, change(1, ['b']), change(1, ['b'])).types, [
    'MessageSynced',
    'MessageFlagsChanged',
  ])
})

t.test(
  'a quarantined message is skipped, released or fails again; a good one is none of these',
  async (t) => {
    const met: MessageCommand = { do: 'quarantine', message: quarantined(place(1)) }
    const failed = run(message, met, { do: 'fail-again', reason: 'still' })
    t.match(failed.state, { status: 'quarantined', quarantined: { attempts: 2, reason: 'still' } })
    t.strictSame(run(message, met, { do: 'skip', exclusion: null }, { do: 'skip', exclusion: null }).types, [
      'MessageQuarantined',
      'QuarantinedMessageSkipped',
    ])
    const release: MessageCommand = { do: 'release', became: messageId }
    t.strictSame(run(message, met, release, release).types, [
      'MessageQuarantined',
      'QuarantinedMessageReleased',
    ])
    t.equal(
      refusal(() => run(message, met, release, { do: 'skip', exclusion: null })),
      'message-not-quarantined',
    )
    const good: MessageCommand = { do: 'sync', message: synced(place(1)) }
    t.equal(
      refusal(() => run(message, good, { do: 'skip', exclusion: null })),
      'message-not-quarantined',
    )
    t.equal(
      refusal(() => run(message, { do: 'skip', exclusion: null })),
      'unknown-message',
    )
  },
)

t.test(
  'the deciders are pure: same answer twice, nothing mutated, stored JSON replays to the same state',
  async (t) => {
    const placements = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('INBOX', 'Sent'))
    const flags = fc.subarray(['seen', 'flagged', 'x'])
    const aboutMessage = fc.oneof(
      fc
        .tuple(placements, flags)
        .map(([p, f]): MessageCommand => ({ do: 'sync', message: synced(place(...p), f) })),
      placements.map((p): MessageCommand => ({ do: 'quarantine', message: quarantined(place(...p)) })),
      fc
        .tuple(placements, flags)
        .map(([p, f]): MessageCommand => ({ do: 'place', placement: place(...p), flags: f })),
      fc
        .tuple(placements, flags)
        .map(([p, f]): MessageCommand => ({ do: 'change-flags', placement: place(...p), flags: f })),
      placements.map((p): MessageCommand => ({ do: 'remove', placement: place(...p) })),
      fc
        .tuple(placements, placements, flags)
        .map(([a, b, f]): MessageCommand => ({ do: 'move', from: place(...a), to: place(...b), flags: f })),
      fc.constantFrom<MessageCommand>(
        { do: 'skip', exclusion: null },
        { do: 'release', became: messageId },
        { do: 'fail-again', reason: 'x' },
      ),
    )
    const aboutRun = fc.oneof(
      fc.constantFrom<SyncRunCommand>(
        start,
        finish,
        { do: 'abandon' },
        {
          do: 'fail',
          trouble: { kind: 'temporary', code: 'c', detail: 'd', remedy: 'r', until: null },
          missingFolders: ['sent'],
        },
      ),
      fc.nat({ max: 3 }).map((at) => record({ listed: 1, known: 1 }, at)),
    )
    fc.assert(fc.property(fc.array(aboutMessage, { maxLength: 12 }), lawful(message)))
    fc.assert(fc.property(fc.array(aboutRun, { maxLength: 12 }), lawful(syncRun)))
    t.pass()
  },
)

const lawful =
  <State, Command, Event extends DomainEvent>(decider: Decider<State, Command, Event>) =>
  (commands: Command[]): boolean => {
    let state = freeze(decider.initial)
    const log: Event[] = []
    for (const command of commands) {
      const before = JSON.stringify(state)
      const decide = () => {
        try {
          return decider.decide(freeze(command), state)
        } catch (error) {
          if (error instanceof Refused) return []
          throw error
        }
      }
      const events = decide()
      if (JSON.stringify(events) !== JSON.stringify(decide()) || JSON.stringify(state) !== before)
        return false
      for (const event of events) {
        log.push(event)
        state = freeze(decider.evolve(state, freeze(event)))
      }
    }
    const replayed = (JSON.parse(JSON.stringify(log)) as Event[]).reduce(decider.evolve, decider.initial)
    return JSON.stringify(replayed) === JSON.stringify(state)
  }

const freeze = <Value>(value: Value): Value => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze)
  return value
}
