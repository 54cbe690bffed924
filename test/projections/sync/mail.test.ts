import fc from 'fast-check'
import t from 'tap'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailSent, EmailCancelled, EmailQueued } from '../../../src/domain/sending/events.ts'
import {
  MessageFlagsChanged,
  MessageAddedToFolder,
  MessageQuarantined,
  MessageRemovedFromFolder,
  QuarantinedMessageReleased,
} from '../../../src/domain/sync/events.ts'
import { messages } from '../../../src/projections/sync/messages.ts'
import { threads } from '../../../src/projections/sync/threads.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { accountId, messageIdOf, placeOf, synced } from '../../support/example-sync-events.ts'

const outgoingId = idOf('out', 1)
const queued = EmailQueued(exampleQueued())
const sentAt = '2026-01-05T12:00:11.000Z'
const sent = EmailSent({
  outgoingId,
  accountId,
  attempt: 1,
  template: null,
  sentAt,
  first: true,
  accepted: ['ann@client.test'],
  deferred: [],
  retryAt: null,
  refused: [],
  evidence: 'answer',
})
const copy = synced(50, {
  outgoingId,
  direction: 'out',
  placement: placeOf(7, 'Sent'),
  header: { messageId: 'out_1@client.test', subject: 'as the server keeps it' },
})
const fold = (...events: DomainEvent[]) => foldEvents(messages, recordedEvents(events))

t.test('an answer is of the user whose email it answers, and what is sent elsewhere of nobody', async (t) => {
  const ofUser = EmailQueued(exampleQueued({ userId: 'u1' }))
  const header = (messageId: string, inReplyTo: string) => ({ messageId, inReplyTo: [inReplyTo] })
  const answer = synced(1, { header: header('answer@client.test', 'out_1@client.test') })
  const forwarded = synced(2, { direction: 'out', header: header('fwd@acme.test', 'answer@client.test') })
  const further = synced(3, { header: header('more@client.test', 'fwd@acme.test') })
  const { message } = await fold(ofUser, { ...sent }, copy, answer, forwarded, further)
  t.strictSame(Object.fromEntries(message.map(({ id, of_user }) => [id, of_user])), {
    [outgoingId]: 'u1',
    [messageIdOf(1)]: 'u1',
    [messageIdOf(2)]: null,
    [messageIdOf(3)]: null,
  })
})

t.test('an email of ours and its copies are one, whichever is known first', async (t) => {
  const again = synced(51, { outgoingId, direction: 'out', header: { messageId: 'out_1@client.test' } })
  for (const events of [
    [queued, sent, copy, again],
    [queued, copy, sent, again],
    [queued, copy, again],
  ]) {
    const rows = await fold(...events)
    t.equal(rows.message.length, 1)
    t.match(rows.message[0], { id: outgoingId, listed: true, defects: [], header: { subject: 'Our offer' } })
    t.strictSame(
      rows.message[0]!.places.map(({ folder, ref }) => [folder, ref]),
      [
        ['Sent', '7'],
        ['INBOX', '51'],
      ],
    )
    t.equal(rows.located.length, 2)
  }
})

t.test('of our own files those are inline that the HTML shows', async (t) => {
  const file = { name: 'a', contentType: 'image/png', size: 1, blob: 'a'.repeat(64) }
  const { message } = await fold(
    EmailQueued({ ...exampleQueued(), attachments: [{ ...file, contentId: 'logo' }, file] }),
  )
  t.match(message[0]?.attachments, [
    { inline: true, contentId: 'logo' },
    { inline: false, contentId: null },
  ])
})

t.test('what is queued is not listed, and what is cancelled is gone', async (t) => {
  t.match((await fold(queued)).message, [{ listed: false }])
  t.strictSame((await fold(queued, EmailCancelled({ outgoingId, accountId, draft: null }))).message, [])
})

t.test(
  'a message keeps where it lies, with its flags, and stays when it was removed everywhere',
  async (t) => {
    const about = { messageId: messageIdOf(1), accountId }
    const events = [
      synced(1),
      MessageAddedToFolder({ ...about, placement: placeOf(4, 'Archive'), flags: [] }),
      MessageFlagsChanged({ ...about, placement: placeOf(1), flags: ['seen'] }),
      MessageRemovedFromFolder({ ...about, placement: placeOf(4, 'Archive') }),
    ]
    const rows = await fold(...events)
    t.match(rows.message, [{ places: [{ folder: 'INBOX', ref: '1', flags: ['seen'] }] }])
    t.match(rows.located, [{ folder: 'INBOX' }])
    const gone = await fold(...events, MessageRemovedFromFolder({ ...about, placement: placeOf(1) }))
    t.match(gone.message, [{ listed: true, places: [] }])
    t.strictSame(gone.located, [])
  },
)

t.test('a Message-ID that comes again with other content is kept apart and flagged', async (t) => {
  const forged = synced(2, { header: { messageId: '1@x.test' } })
  const rows = await fold(synced(1), forged, synced(3, { header: { messageId: '' } }))
  t.strictSame(
    rows.message.map(({ id, defects }) => [id, defects]),
    [
      [messageIdOf(1), []],
      [messageIdOf(2), ['message-id-repeated']],
      [messageIdOf(3), []],
    ],
  )
  const ours = await fold(queued, sent, synced(4, { header: { messageId: 'out_1@client.test' } }))
  t.match(ours.message, [
    { id: messageIdOf(4), defects: ['message-id-repeated'] },
    { id: outgoingId, defects: [] },
  ])
})

t.test('a quarantined message is not listed, and its id leads to what it became', async (t) => {
  const quarantined = MessageQuarantined({
    messageId: messageIdOf(9),
    accountId,
    placement: placeOf(9),
    flags: [],
    receivedAt: sentAt,
    size: 10,
    raw: 'b'.repeat(64),
    reason: 'too deep',
    attempts: 1,
  })
  const before = await fold(quarantined)
  t.match(before.message, [{ listed: false, quarantined: 'too deep' }])
  t.strictSame(before.located, [])
  const released = QuarantinedMessageReleased({
    messageId: messageIdOf(9),
    accountId,
    became: messageIdOf(1),
  })
  const after = await fold(quarantined, synced(1, { placement: placeOf(9) }), released)
  t.match(after.message, [{ id: messageIdOf(1), places: [{ ref: '9' }] }])
  t.equal(after.message.length, 1)
  t.match(after.alias, [{ id: messageIdOf(9), message_id: messageIdOf(1) }])
})

// ---------------------------------------------------------------- threads

const foldThreads = (...events: DomainEvent[]) => foldEvents(threads, recordedEvents(events))

t.test('a thread is held together by references, never by subject', async (t) => {
  const rows = await foldThreads(
    synced(1, { header: { subject: 'Offer' } }),
    synced(2, { header: { references: ['1@x.test'], subject: 'Re: Offer' } }),
    synced(3, { header: { inReplyTo: ['2@x.test', 'never@followed.test'] } }),
    synced(4, { header: { subject: 'Re: Offer' } }),
    synced(5, { header: { messageId: 'never@followed.test' } }),
  )
  t.strictSame(
    rows.thread.map(({ subject, messages: count }) => [subject, count]),
    [
      ['Offer', 3],
      ['Re: Offer', 1],
      ['subject 5', 1],
    ],
  )
  t.match(rows.thread[0], { last_at: synced(3).data.receivedAt, snippet: 'snippet 3' })
})

t.test('an id without a domain, and one that another message has, connect nothing', async (t) => {
  const written = (n: number, from: string, messageId: string, more = {}) =>
    synced(n, {
      sentAt: synced(n).data.receivedAt,
      header: { messageId, from: [{ address: from }], ...more },
    })
  const apart = await foldThreads(
    written(1, 'a@x.test', 'yes'),
    written(2, 'b@x.test', '2@x.test', { inReplyTo: ['yes'] }),
    written(3, 'c@x.test', 'yes'),
    written(4, 'd@x.test', 'form@x.test'),
    written(5, 'e@x.test', 'form@x.test'),
    written(6, 'f@x.test', 'form@x.test', { references: ['2@x.test'] }),
    written(7, 'd@x.test', '7@x.test', { inReplyTo: ['form@x.test'] }),
  )
  t.strictSame(
    apart.thread.map(({ id, messages: count }) => [id.slice(4), count]),
    [1, 2, 3, 4, 5].map((n) => [messageIdOf(n).slice(4), n === 2 || n === 4 ? 2 : 1]),
    'other words of a message still connect it, and who answers the id answers the first that had it',
  )
})

t.test('a copy that came by way of a list is of the same thread', async (t) => {
  const mail = {
    sentAt: sentAt,
    header: { messageId: 'm@x.test', subject: 'Offer', from: [{ address: 'a@x.test' }] },
  }
  const rows = await foldThreads(
    synced(1, mail),
    synced(2, mail),
    synced(3, { ...mail, sentAt: synced(3).data.receivedAt }),
  )
  t.strictSame(
    rows.thread.map(({ messages: count }) => count),
    [2, 1],
  )
  t.strictSame(
    (await foldThreads(synced(1, { header: mail.header }), synced(2, { header: mail.header }))).thread.length,
    2,
  )
})

t.test('what came apart is merged by the message that connects it, and old ids lead on', async (t) => {
  const rows = await foldThreads(
    synced(1),
    synced(2, { header: { references: ['missing@x.test'] } }),
    synced(3, { header: { references: ['missing@x.test'] } }),
    synced(4, { header: { references: ['1@x.test', 'missing@x.test'] } }),
    synced(5, { header: { messageId: 'missing@x.test' } }),
  )
  const [root, ...merged] = rows.thread.toSorted((a) => (a.merged_into === null ? -1 : 1))
  t.match(root, { messages: 5, subject: 'subject 1', merged: [merged[0]!.id] })
  t.match(merged, [{ merged_into: root!.id }])
})

t.test('our own message joins when it was sent or met in the mailbox, and once', async (t) => {
  const reply = synced(2, { header: { inReplyTo: ['out_1@client.test'] } })
  for (const events of [
    [queued, sent, copy, reply],
    [queued, copy, sent, reply],
    [queued, sent, reply, copy],
  ]) {
    const rows = await foldThreads(...events)
    t.equal(rows.thread.length, 1)
    t.match(rows.thread[0], { messages: 2 })
    t.match(rows.member.map(({ id }) => id).toSorted(), [messageIdOf(2), outgoingId])
  }
  t.strictSame((await foldThreads(queued)).thread, [])
})

t.test('whatever the order in which mail comes, the same messages make a thread', async (t) => {
  const mail = fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 3 }), { minLength: 1, maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(mail, fc.infiniteStream(fc.nat()), async (references, dice) => {
      const events = references.map((to, n) =>
        synced(n, { header: { references: to.map((each) => `${each}@x.test`) } }),
      )
      const shuffled = events
        .map((event) => ({ event, at: dice.next().value }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ event }) => event)
      const expected = groupsOf(references)
      for (const order of [events, shuffled]) {
        const rows = await foldThreads(...order)
        const roots = rows.thread.filter(({ merged_into }) => merged_into === null)
        const found = roots.map(({ id, merged, messages: count }) => {
          const members = rows.member.filter(({ thread_id }) => [id, ...merged].includes(thread_id))
          if (members.length !== count) throw new Error('A thread miscounts its messages')
          return members.map((member) => member.id).toSorted()
        })
        if (JSON.stringify(found.toSorted(byFirst)) !== JSON.stringify(expected)) return false
      }
      return true
    }),
    { numRuns: 150 },
  )
  t.pass()
})

const byFirst = (a: string[], b: string[]): number => (a[0]! < b[0]! ? -1 : 1)

/** Connected messages, found the plain way: by following references until nothing is new. */
const groupsOf = (references: number[][]): string[][] => {
  const linked = (a: number, b: number): boolean => {
    const names = (n: number) => [n, ...references[n]!]
    return names(a).some((name) => names(b).includes(name))
  }
  const left = new Set(references.keys())
  const groups: string[][] = []
  for (const start of left) {
    const group = new Set([start])
    for (const member of group)
      for (const other of left) if (!group.has(other) && linked(member, other)) group.add(other)
    for (const member of group) left.delete(member)
    groups.push([...group].map(messageIdOf).toSorted())
  }
  return groups.toSorted(byFirst)
}
