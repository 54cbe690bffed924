import fc from 'fast-check'
import t from 'tap'
import type { DomainEvent } from '../../../src/domain/event.ts'
import {
  LinkDecisionUndone,
  MessageLinked,
  MessageMatched,
  MessageUnlinked,
  type LinkEvent,
  type RecordRef,
} from '../../../src/domain/linking/events.ts'
import { EmailFailed } from '../../../src/domain/sending/events.ts'
import { MessageAddedToFolder } from '../../../src/domain/sync/events.ts'
import { MessageDeleted, MessageRestored } from '../../../src/domain/sync/presence-events.ts'
import { NoteChanged, NoteRecorded, NoteRemoved, type Note } from '../../../src/domain/timeline/events.ts'
import { timeline } from '../../../src/projections/timeline/entries.ts'
import { idOf } from '../../support/example-emails.ts'
import {
  accountId,
  connected,
  messageIdOf,
  placeOf,
  runFinished,
  synced,
} from '../../support/example-sync-events.ts'
import { foldEvents, recordedEvents, type Envelope } from '../../support/fold-events.ts'
import { sentEmail } from '../../support/sent-email.ts'

type Told = DomainEvent & { envelope?: Envelope }

const timesOf = (day: number) => (time: string) => `2026-02-${String(day).padStart(2, '0')}T${time}:00.000Z`
const folded = async (events: readonly Told[]) => {
  const { entry, on_record } = await foldEvents(timeline, recordedEvents(events))
  const byId = new Map(entry.map((row) => [row.entry_id, row]))
  const on = (kind: string, id: string) =>
    on_record
      .filter((row) => row.record_kind === kind && row.record_id === id && row.shown)
      .map(({ entry_id }) => byId.get(entry_id)!)
      .toSorted((a, b) => (a.at + a.entry_id < b.at + b.entry_id ? 1 : -1))
  return { entries: entry, on, onRecords: on_record.filter((row) => row.shown).length }
}
type Row = { kind: string; verdict: string | null; at: string; count: number; last_at: string }
const shown = ({ kind, verdict, at, count, last_at }: Row) =>
  [kind, ...(verdict === null ? [] : [verdict]), at, count, last_at].join(' ')

const contact: RecordRef = { kind: 'contact', id: 'ann' }
const company: RecordRef = { kind: 'company', id: 'client' }
const deal: RecordRef = { kind: 'deal', id: 'd1' }
const matched = (messageId: string, ...records: RecordRef[]) =>
  MessageMatched({
    messageId,
    accountId,
    links: records.map((record) => ({ record, rule: 'address', evidence: 'x', confidence: 'certain' })),
    suggestions: [],
    matcher: 1,
    factsAt: '1',
  })

const day = timesOf(1)
const email = sentEmail(1, { contactId: 'ann' })
const exchange = (): Told[] => [
  email.queued,
  email.released(day('09:00')),
  email.sent(day('09:00')),
  email.open(day('10:00')),
  email.open(day('11:00')),
  email.click(day('11:05')),
  email.replied(day('12:00')),
  email.bounced(day('13:00'), 'bob@client.test'),
]
const whole = [
  `bounced ${day('13:00')} 1 ${day('13:00')}`,
  `replied ${day('12:00')} 1 ${day('12:00')}`,
  `clicked human ${day('11:05')} 1 ${day('11:05')}`,
  `opened human ${day('10:00')} 2 ${day('11:00')}`,
  `sent ${day('09:00')} 1 ${day('09:00')}`,
]

t.test('an email is on the timeline of whom it was written to, then of what it is linked to', async (t) => {
  const before = await folded(exchange())
  t.strictSame(before.on('contact', 'ann').map(shown), whole)
  t.notOk(before.entries.some(({ inward }) => inward))
  const after = await folded([...exchange(), matched(email.outgoingId, company)])
  t.strictSame(after.on('contact', 'ann'), [])
  t.strictSame(after.on('company', 'client').map(shown), whole)
  t.equal(after.entries.find(({ kind }) => kind === 'clicked')?.content.link?.text, 'link 0')
})

t.test('ten thousand opens are one entry, and so are clicks on many links few', async (t) => {
  const opens = Array.from({ length: 300 }, (_, n) =>
    email.open(new Date(Date.UTC(2026, 1, 2, 0, n)).toISOString()),
  )
  const clicks = Array.from({ length: 60 }, (_, n) =>
    email.click(new Date(Date.UTC(2026, 1, 3, n)).toISOString(), n),
  )
  const { on } = await folded([...exchange().slice(0, 3), ...opens, ...clicks])
  const rows = on('contact', 'ann')
  t.strictSame(rows.filter(({ kind }) => kind === 'opened').map(shown), [
    'opened human 2026-02-02T00:00:00.000Z 300 2026-02-02T04:59:00.000Z',
  ])
  const clicked = rows.filter(({ kind }) => kind === 'clicked')
  t.equal(clicked.length, 21)
  t.equal(
    clicked.reduce((sum, { count }) => sum + count, 0),
    60,
  )
})

t.test(
  'what a scanner requests is apart, and what fails is for those alone who may use the account',
  async (t) => {
    const failed = EmailFailed({
      outgoingId: email.outgoingId,
      accountId,
      attempt: 1,
      code: 'x',
      reason: 'no',
      remedy: '',
      refused: [],
    })
    const { on } = await folded([email.queued, { ...failed, envelope: { at: day('09:00') } }])
    t.match(on('contact', 'ann'), [{ kind: 'failed', inward: true, content: { text: 'no' } }])
    const early = await folded([
      email.queued,
      email.sent(day('09:00')),
      email.open('2026-02-01T09:00:00.100Z'),
    ])
    t.match(early.on('contact', 'ann'), [{ kind: 'opened', verdict: 'machine' }, { kind: 'sent' }])
  },
)

t.test('a message found among the sent mail after all was sent', async (t) => {
  const added = MessageAddedToFolder({
    messageId: messageIdOf(1),
    accountId,
    placement: placeOf(2, 'Sent'),
    flags: [],
  })
  const { on } = await folded([synced(1), matched(messageIdOf(1), contact), added])
  t.match(on('contact', 'ann'), [{ kind: 'sent', direction: 'out' }])
})

t.test('a copy in the mailbox is its email, whichever is known first', async (t) => {
  const copy = synced(2, { outgoingId: email.outgoingId, direction: 'out', placement: placeOf(1, 'Sent') })
  const late = await folded([email.queued, email.sent(day('09:00')), copy])
  const early = await folded([email.queued, copy, email.sent(day('09:00'))])
  for (const { entries } of [late, early]) t.match(entries, [{ kind: 'sent', message_id: email.outgoingId }])
  t.equal(late.entries.length + early.entries.length, 2)
})

t.test('a message that is deleted is on no timeline until that is undone', async (t) => {
  const of = { messageId: messageIdOf(1), accountId, direction: 'in', receivedAt: day('00:00') } as const
  const deleted = MessageDeleted({ ...of, deletedAt: day('01:00'), provider: 'keep' })
  const history = [synced(1), deleted, matched(messageIdOf(1), contact)]
  const gone = await folded(history)
  t.strictSame([gone.onRecords, gone.entries.map(({ shown: isShown }) => isShown)], [0, [false]])
  const back = await folded([...history, MessageRestored({ ...of, deletedAt: day('01:00') })])
  t.match(back.on('contact', 'ann'), [{ kind: 'received', shown: true }])
})

t.test('notes of the CRM are put, changed and removed', async (t) => {
  const entryId = idOf('tle', 1)
  const note: Note = { records: [contact, deal], kind: 'call', title: 'Called', text: '', at: day('08:00') }
  const changed = { ...note, records: [deal], title: 'Called again' }
  const history = [NoteRecorded({ entryId, note }), NoteChanged({ entryId, note: changed })]
  const { on } = await folded(history)
  t.strictSame(on('contact', 'ann'), [])
  t.match(on('deal', 'd1'), [{ kind: 'call', content: { title: 'Called again' } }])
  const removed = await folded([...history, NoteRemoved({ entryId })])
  t.equal(removed.onRecords, 0)
  t.match(removed.entries, [{ shown: false, content: { title: null, text: null } }])
})

t.test('an account has one entry for each time it could not sign in', async (t) => {
  const fails = (number: number) => runFinished(number, 'failed', { kind: 'sign-in-again', detail: 'no' })
  const { entries } = await folded([
    connected(),
    fails(1),
    fails(2),
    runFinished(3, 'failed', { kind: 'temporary' }),
    fails(4),
    runFinished(5),
    fails(6),
  ])
  const found = entries.toSorted((a, b) => (a.at < b.at ? -1 : 1))
  t.strictSame(
    found.map(({ kind, count, inward }) => [kind, count, inward]),
    [
      ['connected', 1, true],
      ['sign-in-needed', 3, true],
      ['sign-in-needed', 1, true],
    ],
  )
})

const decisions = { linked: MessageLinked, unlinked: MessageUnlinked, undone: LinkDecisionUndone }
const records = [contact, company, deal]
const aDecision = fc.record({
  item: fc.integer({ min: 0, max: 2 }),
  what: fc.constantFrom('matched', 'linked', 'unlinked', 'undone'),
  records: fc.uniqueArray(fc.constantFrom(...records), { minLength: 1, maxLength: 3 }),
})
const items = [email.outgoingId, messageIdOf(1), messageIdOf(2)] as const
type Decision = typeof aDecision extends fc.Arbitrary<infer Value> ? Value : never
const eventOf = ({ item, what, records: [first, ...more] }: Decision): LinkEvent =>
  what === 'matched'
    ? matched(items[item]!, first!, ...more)
    : decisions[what]({ messageId: items[item]!, accountId, record: first! })

/** What an item is linked to in the end, by the words of the rules. */
const linkedInTheEnd = (item: number, history: readonly Decision[]): RecordRef[] => {
  const of = history.filter((each) => each.item === item)
  const rules = of.findLast(({ what }) => what === 'matched')?.records ?? (item === 0 ? [contact] : [])
  return records.filter((record) => {
    const last = of.findLast(({ what, records: [first] }) => what !== 'matched' && first === record)
    return last?.what === 'linked' || (last?.what !== 'unlinked' && rules.includes(record))
  })
}

t.test('a timeline is what the events say, in whatever order mail and its links came', async () => {
  const mail: Told[][] = [exchange(), [synced(1)], [synced(2, { direction: 'out' })]]
  const alone = [
    whole,
    ...[1, 2].map((n) => {
      const { receivedAt } = synced(n).data
      return [`${n === 1 ? 'received' : 'sent'} ${receivedAt} 1 ${receivedAt}`]
    }),
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.array(aDecision, { maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
      async (history, picks) => {
        const queues: Told[][] = [...mail.map((events) => [...events]), history.map(eventOf)]
        const events: Told[] = []
        for (const pick of picks) {
          if (queues.every((queue) => queue.length === 0)) break
          const next = queues[pick]!.shift()
          if (next) events.push(next)
        }
        const { on } = await folded(events)
        for (const record of records) {
          const expected = items.flatMap((_, item) =>
            linkedInTheEnd(item, history).includes(record) ? alone[item]! : [],
          )
          const found = on(record.kind, record.id).map(shown)
          if (found.toSorted().join('\n') !== expected.toSorted().join('\n'))
            throw new Error(`${record.id}: ${found.join(', ')} instead of ${expected.join(', ')}`)
        }
      },
    ),
    { numRuns: 60 },
  )
})
