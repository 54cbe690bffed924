import type { AnyEvent } from '../catalogue.ts'

export const subjectKinds = [
  'account',
  'conversation',
  'email',
  'message',
  'template',
  'user',
  'contact',
  'company',
  'deal',
] as const
export type SubjectKind = (typeof subjectKinds)[number]

/** Something that an event is about. */
export type Subject = { readonly kind: SubjectKind; readonly id: string }

/** Where events name what they are about; the same name means the same in every event. */
type Named = {
  readonly [
    Name in
      | 'accountId'
      | 'notificationsFrom'
      | 'conversationId'
      | 'outgoingId'
      | 'mailedAs'
      | 'messageId'
      | 'became'
      | 'report'
      | 'templateId'
      | 'userId'
      | 'contactId'
      | 'companyId'
      | 'dealId'
  ]?: string | null
}
type Parts = {
  readonly [Name in 'owner' | 'formerOwner' | 'grantee' | 'scope' | 'template' | 'draft' | 'organization']?:
    | (Named & Parts)
    | null
} & {
  readonly settings?: { readonly accounts?: readonly Named[] }
}

const KINDS: readonly (readonly [keyof Named, SubjectKind])[] = [
  ['accountId', 'account'],
  ['notificationsFrom', 'account'],
  ['conversationId', 'conversation'],
  ['outgoingId', 'email'],
  ['mailedAs', 'email'],
  ['messageId', 'message'],
  ['became', 'message'],
  ['report', 'message'],
  ['templateId', 'template'],
  ['userId', 'user'],
  ['contactId', 'contact'],
  ['companyId', 'company'],
  ['dealId', 'deal'],
]

/** Everything that the event says it is about, each thing once. */
export const subjectsOf = (event: AnyEvent): Subject[] => {
  const { type, data } = event
  // What is queued has a draft beside it, which names nothing else.
  const { owner, formerOwner, grantee, scope, template, draft, organization, settings } = data as Parts
  const saved = type === 'DraftSaved' ? [draft, draft?.template] : []
  const survivor: Named | null = event.type === 'ContactMerged' ? { contactId: event.data.into } : null
  const several = [...mailIn(event).map((messageId): Named => ({ messageId })), ...(settings?.accounts ?? [])]
  const owners = [owner, formerOwner, grantee]
  const parts = [
    data as Named,
    survivor,
    ...owners,
    scope,
    template,
    organization,
    ...saved,
    ...several,
  ].flatMap((part) => part ?? [])
  const named = parts.flatMap((part) =>
    KINDS.flatMap(([name, kind]) => (part[name] ? [{ kind, id: part[name] }] : [])),
  )
  const subjects = [...named, ...linkedIn(data as Linking)].map(asEmail)
  return [...new Map(subjects.map((subject) => [subjectKey(subject), subject])).values()]
}

/** The mail of events that list some. */
const mailIn = (event: AnyEvent): readonly string[] => {
  if (event.type === 'ThreadSplit') return event.data.messageIds
  if (event.type === 'MailFollowed') return event.data.mail
  if (event.type === 'ConversationReplyQueued') return [event.data.to]
  if (event.type !== 'ConversationTookIn') return []
  return event.data.mail.flatMap(({ id, to }) => (to === null ? [id] : [id, to]))
}

type Linked = { readonly record: Subject; readonly evidence: string }
type Linking = {
  readonly record?: Subject
  readonly links?: readonly Linked[]
  readonly suggestions?: readonly Linked[]
  readonly note?: { readonly records: readonly Subject[] }
}

/** The records that mail is linked to, and the messages by which it is; the records that a note is about. */
const linkedIn = ({ record, note, links = [], suggestions = [] }: Linking): Subject[] => [
  ...(record === undefined ? [] : [record]),
  ...(note?.records ?? []),
  ...[...links, ...suggestions].flatMap((each) => [
    each.record,
    ...(/^(?:msg|out)_/.test(each.evidence) ? [{ kind: 'message', id: each.evidence } as const] : []),
  ]),
]

/** An email of ours is named like a message where it does not matter which it is. */
const asEmail = (subject: Subject): Subject =>
  subject.kind === 'message' && subject.id.startsWith('out_') ? { ...subject, kind: 'email' } : subject

/** One text for one thing, such as `contact:c-17`. */
export const subjectKey = ({ kind, id }: Subject): string => `${kind}:${id}`

/** The streams that are of this thing alone. */
export const ownStreams = ({ kind, id }: Subject): string[] => {
  switch (kind) {
    case 'email':
      return [`outgoing-${id}`, `tracking-${id}`, `links-${id}`, `presence-${id}`]
    case 'message':
      return [`message-${id}`, `report-${id}`, `links-${id}`, `presence-${id}`]
    case 'account':
    case 'conversation':
    case 'template':
    case 'user':
    case 'contact':
    case 'company':
    case 'deal':
      return [`${kind}-${id}`]
  }
}
