import type { AnyEvent } from '../catalogue.ts'

export const subjectKinds = [
  'account',
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
      | 'outgoingId'
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
type Parts = { readonly [Name in 'owner' | 'scope' | 'template' | 'draft']?: (Named & Parts) | null }

const KINDS: readonly (readonly [keyof Named, SubjectKind])[] = [
  ['accountId', 'account'],
  ['outgoingId', 'email'],
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
export const subjectsOf = ({ type, data }: AnyEvent): Subject[] => {
  // What is queued has a draft beside it, which names nothing else.
  const { owner, scope, template, draft } = data as Parts
  const saved = type === 'DraftSaved' ? [draft, draft?.template] : []
  const parts = [data as Named, owner, scope, template, ...saved].flatMap((part) => part ?? [])
  const subjects = parts.flatMap((part) =>
    KINDS.flatMap(([name, kind]) => (part[name] ? [subjectOf(kind, part[name])] : [])),
  )
  return [...new Map(subjects.map((subject) => [subjectKey(subject), subject])).values()]
}

/** An email of ours is the message that its copies are. */
const subjectOf = (kind: SubjectKind, id: string): Subject =>
  kind === 'message' && id.startsWith('out_') ? { kind: 'email', id } : { kind, id }

/** One text for one thing, such as `contact:c-17`. */
export const subjectKey = ({ kind, id }: Subject): string => `${kind}:${id}`

/** The streams that are of this thing alone. */
export const ownStreams = ({ kind, id }: Subject): string[] => {
  switch (kind) {
    case 'email':
      return [`outgoing-${id}`, `tracking-${id}`, `presence-${id}`]
    case 'message':
      return [`message-${id}`, `report-${id}`, `presence-${id}`]
    case 'account':
    case 'template':
    case 'user':
    case 'contact':
    case 'company':
    case 'deal':
      return [`${kind}-${id}`]
  }
}
