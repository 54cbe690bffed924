import type { DomainEvent } from '../../src/domain/event.ts'
import {
  EmailBounced,
  EmailDelivered,
  EmailSent,
  EmailQueued,
  EmailReleased,
  type OutgoingEvent,
} from '../../src/domain/sending/events.ts'
import type { QueuedEmail } from '../../src/domain/sending/outgoing-state.ts'
import { EmailReplied } from '../../src/domain/tracking/events.ts'
import type { Envelope } from './fold-events.ts'
import { aClick, anOpen, type HitChanges } from './example-hits.ts'
import { exampleQueued, idOf } from './example-emails.ts'

/** An email of ours and what may become of it, as events with the times of their happening. */

type Told = DomainEvent & { envelope: Envelope }

const accountId = idOf('acc', 1)

export type Links = QueuedEmail['tracking']['links']

export const linksOf = (...urls: string[]): Links =>
  urls.map((url, index) => ({ index, url, text: `link ${index}` }))

export const sentEmail = (number: number, changes: Partial<QueuedEmail> = {}) => {
  const outgoingId = idOf('out', number)
  const queued = exampleQueued({
    outgoingId,
    tracking: {
      wanted: { opens: true, clicks: true },
      opens: true,
      clicks: true,
      reason: 'settings',
      links: linksOf('https://acme.example/proposal.pdf', 'https://acme.example/'),
    },
    ...changes,
  })
  const about = { outgoingId, accountId: queued.accountId ?? accountId }
  const told = (event: OutgoingEvent | DomainEvent, at: string, stream: string): Told => ({
    ...event,
    envelope: { at, stream: `${stream}-${outgoingId}` },
  })
  const outgoing = (event: DomainEvent, at: string): Told => told(event, at, 'outgoing')
  return {
    outgoingId,
    queued: outgoing(EmailQueued(queued), queued.queuedAt),
    released: (at: string) =>
      outgoing(
        EmailReleased({ ...about, attempt: 1, handle: null, recipients: queued.envelope.recipients }),
        at,
      ),
    sent: (at: string, of: { accepted?: string[]; refused?: string[] } = {}) =>
      outgoing(
        EmailSent({
          ...about,
          attempt: 1,
          template: queued.template,
          sentAt: at,
          first: true,
          accepted: of.accepted ?? queued.envelope.recipients,
          refused: (of.refused ?? []).map((address) => ({
            address,
            code: 550,
            enhancedCode: null,
            reason: 'no',
          })),
          deferred: [],
          retryAt: null,
          evidence: 'answer',
        }),
        at,
      ),
    delivered: (at: string, recipients = queued.envelope.recipients) =>
      outgoing(EmailDelivered({ ...about, recipients, basis: 'no-bounce', windowMinutes: 60 }), at),
    bounced: (at: string, recipient: string | null, permanent = true) =>
      outgoing(
        EmailBounced({
          ...about,
          recipient,
          permanent,
          status: '5.1.1',
          report: idOf('msg', 99),
          silentUntil: permanent ? null : new Date(Date.parse(at) + 5 * 86_400_000).toISOString(),
        }),
        at,
      ),
    open: (at: string, changes: HitChanges = {}) =>
      told(anOpen({ outgoingId, at, ...changes }), at, 'tracking'),
    click: (at: string, link = 0, changes: HitChanges = {}) =>
      told(aClick({ outgoingId, at, link, ...changes }), at, 'tracking'),
    replied: (at: string, messageNumber = 7) =>
      told(
        EmailReplied({ ...about, messageId: idOf('msg', messageNumber), from: 'ann@client.test', at }),
        at,
        'tracking',
      ),
    event: outgoing,
  }
}
