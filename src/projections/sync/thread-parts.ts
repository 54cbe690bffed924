import type { EventOf } from '../../domain/event.ts'
import { normaliseAddress, type WrittenMailbox } from '../../domain/mail.ts'
import type { EmailQueued } from '../../domain/sending/events.ts'
import type { MessageSynced } from '../../domain/sync/events.ts'

/** What a thread shows of a message. `automatic`: no person wrote it. */
export type Shown = {
  subject: string
  people: WrittenMailbox[]
  snippet: string
  direction: string
  automatic: boolean
}

/** What threads need to know about a message. */
export type Part = Shown & {
  accountId: string
  messageId: string
  /** The message that it answers comes last. */
  references: string[]
  /** The same in every copy of a message, whatever a list has added below its text. */
  copyOf: string
}

/** The oldest and the newest references: a hostile header may name thousands. */
const REFERENCES = 100

const referencesOf = (references: readonly string[], inReplyTo: readonly string[]): string[] => {
  const [oldest, ...rest] = references
  const kept = oldest === undefined ? [] : [oldest, ...rest.slice(-REFERENCES)]
  return [...kept, ...inReplyTo.slice(0, 1)]
}

/**
 * Author, time and subject; a message without a time is nobody's copy. Seconds, since a Date header has no finer
 * resolution.
 */
const copyOf = (id: string, from: string, at: string | null, subject: string): string =>
  at === null ? id : JSON.stringify([normaliseAddress(from), at.slice(0, 19), subject]).slice(0, 500)

export const partOfSynced = (data: EventOf<typeof MessageSynced>['data']): Part => ({
  accountId: data.accountId,
  messageId: data.header.messageId,
  references: referencesOf(data.header.references, data.header.inReplyTo),
  copyOf: copyOf(data.messageId, data.header.from[0]?.address ?? '', data.sentAt, data.header.subject),
  subject: data.header.subject,
  people: [...data.header.from, ...data.header.to, ...data.header.cc],
  snippet: data.snippet,
  direction: data.direction,
  automatic: data.automatic === 'auto-reply' || data.automatic === 'report',
})

export const partOfQueued = ({
  outgoingId,
  accountId,
  header,
  snippet,
  notBefore,
}: EventOf<typeof EmailQueued>['data']): Part => ({
  accountId,
  messageId: header.messageId,
  references: referencesOf(header.references, header.inReplyTo === null ? [] : [header.inReplyTo]),
  copyOf: copyOf(outgoingId, header.from.address, notBefore, header.subject),
  subject: header.subject,
  people: [header.from, ...header.to, ...header.cc],
  snippet,
  direction: 'out',
  automatic: false,
})
