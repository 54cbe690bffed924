import t from 'tap'
import { DefaultAccountChosen, MailboxClaimed } from '../../../src/domain/accounts/events.ts'
import { allEvents } from '../../../src/domain/catalogue.ts'
import { ConversationReplyQueued } from '../../../src/domain/conversations/events.ts'
import { UserRecorded } from '../../../src/domain/directory/events.ts'
import { DraftSaved } from '../../../src/domain/sending/events.ts'
import { messageStream } from '../../../src/domain/sync/message.ts'
import { EVERYBODY, OF_ACCOUNT, eventIndex } from '../../../src/projections/audit/event-index.ts'
import { exampleDraft, idOf } from '../../support/example-emails.ts'
import { presentEvents } from '../../support/event-fixtures.ts'
import { connected, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { sentEmail } from '../../support/sent-email.ts'

const account = connected().data.accountId
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 22, 14, minutes)).toISOString()

t.test('every event that was ever written has its row, and nothing of what it says is in it', async (t) => {
  const events = presentEvents(allEvents)
  const recorded = recordedEvents(events.map(({ type, data }) => ({ type, data })))
  const { event } = await foldEvents(eventIndex, recorded)
  t.strictSame(
    event.map(({ position, type, revision }) => ({ position, type, revision })),
    recorded.map(({ position, type, revision }) => ({ position: String(position), type, revision })),
  )
  t.notMatch(JSON.stringify(event), /@/)
})

t.test('a hit belongs to the account of its email, and to whom the email is for', async (t) => {
  const email = sentEmail(1, { contactId: 'c-1', dealId: 'd-1' })
  const { event, link } = await foldEvents(
    eventIndex,
    recordedEvents([
      connected(),
      email.queued,
      email.sent(at(0)),
      email.open(at(5)),
      { ...synced(7), envelope: { stream: messageStream(messageIdOf(7)) } },
      email.replied(at(9), 7),
    ]),
  )
  t.strictSame(
    event.map((row) => row.account),
    Array.from({ length: 6 }, () => account),
  )
  const about = (subject: string) =>
    link.filter((row) => row.subject === subject).map(({ position }) => Number(position.slice(2)))
  t.strictSame(about('contact:c-1'), [2, 3, 4, 6])
  t.strictSame(about('deal:d-1'), [2, 3, 4, 6])
  t.strictSame(about(`message:${messageIdOf(7)}`), [6], 'its own stream says the rest')
  t.strictSame(about(`email:${email.outgoingId}`), [], 'its own streams say all of it')
})

t.test(
  'only its owner sees what happens in a personal account; what is not known to be theirs, no user',
  async (t) => {
    const owner = { kind: 'user', userId: 'u1' } as const
    const mine = { ...connected(), data: { ...connected().data, owner } }
    const draft = exampleDraft()
    const events = [
      MailboxClaimed({ accountId: account, claimedAt: at(0) }),
      mine,
      synced(1),
      DraftSaved({
        outgoingId: sentEmail(1).outgoingId,
        draft: { ...draft, accountId: account, userId: 'u1' },
      }),
      ConversationReplyQueued({
        conversationId: idOf('thr', 1),
        accountId: account,
        outgoingId: sentEmail(1).outgoingId,
        userId: 'u1',
        queuedAt: at(4),
        to: idOf('msg', 1),
        answers: 1,
        anyway: false,
      }),
      sentEmail(1).queued,
      sentEmail(1).open(at(5)),
      sentEmail(2).open(at(6)),
      DefaultAccountChosen({ owner, accountId: account }),
      DefaultAccountChosen({ owner: { kind: 'team' }, accountId: account }),
      UserRecorded({ userId: 'u2', user: { name: 'Tom' } }),
    ]
    const { event } = await foldEvents(eventIndex, recordedEvents(events))
    t.strictSame(
      event.map((row) => row.seen_by),
      [
        ...Array<string>(3).fill(OF_ACCOUNT),
        'u1',
        ...Array<string>(3).fill(OF_ACCOUNT),
        null,
        'u1',
        OF_ACCOUNT,
        EVERYBODY,
      ],
    )
  },
)

t.test('the events of an hour lie between two positions, also where a clock was set back', async (t) => {
  const times = ['10:59:59.999', '11:00:00.000', '10:30:00.000', '11:20:00.000']
  const user = UserRecorded({ userId: 'u2', user: { name: 'Tom' } })
  const events = times.map((time) => ({ ...user, envelope: { at: `2026-01-22T${time}Z` } }))
  const { hour } = await foldEvents(eventIndex, recordedEvents(events))
  const place = (position: string) => Number(position.slice(2))
  t.strictSame(
    hour.map((row) => [row.hour.slice(11, 13), place(row.first), place(row.last)]),
    [
      ['10', 1, 3],
      ['11', 2, 4],
    ],
  )
})
