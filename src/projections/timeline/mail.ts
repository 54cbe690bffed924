import {
  engage,
  engagementEvents,
  engagementOf,
  engagementText,
  isEngagementEvent,
  readEngagement,
  type EngagementEvent,
} from '../../domain/analytics/engagement.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import type { RecordRef } from '../../domain/linking/events.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import { EmailQueued, type EmailBounced } from '../../domain/sending/events.ts'
import { MessageAddedToFolder, MessageSynced } from '../../domain/sync/events.ts'
import type { MailKind } from '../../domain/timeline/kinds.ts'
import { groupsOf, hitEntry, hitEntryId, settledAfter } from './hits.ts'
import { entryIdOf, itemOf, moveItem, newEntry, putItemEntries, removeEntry, tallied } from './items.ts'
import type { Content, EmailRow, EntryRow, Item, TimelineRows } from './tables.ts'

export const mailEvents = [MessageSynced, MessageAddedToFolder, EmailQueued, ...engagementEvents] as const
type MailEvent = EventOf<(typeof mailEvents)[number]>

export const isMailEvent = (event: RecordedEvent): event is RecordedEvent<MailEvent> =>
  mailEvents.some(({ type }) => type === event.type)

/** Puts what happened to a message or an email on timelines. */
export const foldMail = (event: RecordedEvent<MailEvent>, rows: TimelineRows): void => {
  if (isEngagementEvent(event)) return foldEmail(event, rows)
  switch (event.type) {
    case 'MessageSynced':
      return foldSynced(event.data, event.position, rows)
    case 'MessageAddedToFolder': {
      const { messageId, placement } = event.data
      const entry = rows.get('entry', { entry_id: entryIdOf(messageId, 'mail') })
      const item = rows.get('item', { id: messageId })
      // Found among the sent mail after all, such as what somebody sends to themselves.
      if (entry?.kind === 'received' && item && placement.role === 'sent')
        putItemEntries(rows, item, [{ ...entry, ...sent, position: event.position }])
      return
    }
    case 'EmailQueued': {
      const { outgoingId, accountId } = event.data
      rows.put('email', newEmail(event.data))
      return moveItem(
        rows,
        { ...itemOf(rows, outgoingId, accountId), about: recordsAbout(event.data) },
        event.position,
      )
    }
  }
}

const sent = { kind: 'sent', direction: 'out' } as const

/** People named in an entry: a list may have thousands. */
const PEOPLE = 20
const some = (people: readonly WrittenMailbox[]): WrittenMailbox[] => people.slice(0, PEOPLE)

const recordsAbout = ({ contactId, dealId }: EventOf<typeof EmailQueued>['data']): RecordRef[] => [
  ...(contactId === null ? [] : [{ kind: 'contact', id: contactId } as const]),
  ...(dealId === null ? [] : [{ kind: 'deal', id: dealId } as const]),
]

const newEmail = (data: EventOf<typeof EmailQueued>['data']): EmailRow => ({
  id: data.outgoingId,
  subject: data.header.subject,
  from: [data.header.from],
  to: some([...data.header.to, ...data.header.cc]),
  links: data.tracking.links,
  engagement: engagementText(engagementOf(data)),
  settled: {},
})

/** The email was sent at this time, unless that is known already. */
const putSent = (rows: TimelineRows, item: Item, at: string, position: string, content: Partial<Content>) => {
  const entry_id = entryIdOf(item.id, 'mail')
  if (item.entries.includes(entry_id)) return
  const { account_id } = item
  const entry = newEntry({ entry_id, account_id, at, position, content, ...sent })
  const exchanged = { ...item, exchanged: true }
  if (!item.exchanged && item.entries.length > 0) moveItem(rows, exchanged, position)
  putItemEntries(rows, exchanged, [entry])
}

const foldSynced = (
  {
    messageId,
    outgoingId,
    accountId,
    header,
    direction,
    placement,
    receivedAt,
  }: EventOf<typeof MessageSynced>['data'],
  position: string,
  rows: TimelineRows,
): void => {
  const item = itemOf(rows, outgoingId ?? messageId, accountId)
  const content = { title: header.subject, from: some(header.from), to: some([...header.to, ...header.cc]) }
  const isSent = outgoingId !== null || direction === 'out' || placement.role === 'sent'
  // A copy of an email of ours shows that it was sent.
  if (isSent) return putSent(rows, item, receivedAt, position, content)
  const entry = newEntry({
    entry_id: entryIdOf(item.id, 'mail'),
    account_id: accountId,
    at: receivedAt,
    position,
    content,
    kind: 'received',
    direction: 'in',
  })
  putItemEntries(rows, { ...item, exchanged: true }, [entry])
}

const foldEmail = (event: RecordedEvent<EngagementEvent>, rows: TimelineRows): void => {
  const id = event.data.outgoingId
  const email = rows.get('email', { id })
  const item = rows.get('item', { id })
  if (!email || !item) return
  if (event.type === 'EmailSent') {
    const { subject: title, from, to } = email
    putSent(rows, item, event.data.sentAt, event.position, { title, from, to })
  }
  const added = entryOf(event, rows, item, email)
  if (added) putItemEntries(rows, item, [added])
  foldHits(event, rows, email)
}

/** Verdicts may change with whatever is heard of the email. */
const foldHits = (event: RecordedEvent<EngagementEvent>, rows: TimelineRows, email: EmailRow): void => {
  const { id } = email
  const before = readEngagement(email.engagement)
  const after = engage(before, event)
  const settled = settledAfter(email.settled, before, after)
  const next = { ...email, engagement: engagementText(after), settled }
  rows.put('email', next)
  const was = groupsOf(email.settled, before)
  const is = groupsOf(settled, after)
  const item = rows.get('item', { id })
  if (!item) return
  const gone = Object.keys(was).flatMap((key) => (is[key] ? [] : [hitEntryId(id, key)]))
  for (const entry_id of gone) removeEntry(rows, entry_id, event.position)
  const changed = Object.entries(is).filter(
    ([key, group]) => JSON.stringify(was[key]) !== JSON.stringify(group),
  )
  if (gone.length === 0 && changed.length === 0) return
  const entries = item.entries.filter((entry_id) => !gone.includes(entry_id))
  putItemEntries(
    rows,
    { ...item, entries },
    changed.map((group) => hitEntry(item, next, group, event.position)),
  )
}

const entryOf = (
  event: RecordedEvent<EngagementEvent>,
  rows: TimelineRows,
  item: Item,
  { subject: title, from, to }: EmailRow,
): EntryRow | null => {
  const { position, metadata } = event
  const again = (
    kind: MailKind,
    direction: 'in' | 'out',
    content: Partial<Content>,
    at: string,
  ): EntryRow => ({
    ...tallied(rows, item, kind, { at, position, content: { title, from, to, ...content } }),
    direction,
  })
  switch (event.type) {
    case 'EmailDeferred':
      return again('delayed', 'out', { text: event.data.reason }, metadata.occurredAt)
    case 'EmailFailed':
      return again('failed', 'out', { text: event.data.reason }, metadata.occurredAt)
    case 'EmailOutcomeLost':
      return again('unknown', 'out', { text: event.data.reason }, metadata.occurredAt)
    case 'EmailBounced':
      return again(
        event.data.permanent ? 'bounced' : 'delayed',
        'in',
        bounceOf(event.data, to),
        metadata.occurredAt,
      )
    case 'EmailReplied': {
      const { from: address, messageId: replyId, at } = event.data
      return again('replied', 'in', { from: [{ address }], to: from, replyId }, at)
    }
    case 'EmailSent':
    case 'EmailCancelled':
    case 'EmailReleased':
    case 'EmailOutcomeSettled':
    case 'EmailRetried':
    case 'EmailDelivered':
    case 'OpenTracked':
    case 'ClickTracked':
      return null
  }
}

const bounceOf = (
  { recipient, status, diagnostic }: EventOf<typeof EmailBounced>['data'],
  to: readonly WrittenMailbox[],
): Partial<Content> => ({
  to: recipient === null ? to : [{ address: recipient }],
  text: [status, diagnostic].flatMap((said) => said ?? []).join(': ') || null,
})
