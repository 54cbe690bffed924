import type { Draft } from '../../src/domain/sending/events.ts'
import type { QueuedEmail } from '../../src/domain/sending/outgoing-state.ts'

/** Examples for tests of sending: ids of the right form, and messages to change. */

const base32 = (n: number): string =>
  n.toString(32).replaceAll(/[i-v]/g, (c) => '_jkmnpqrstvwxyz'[c.charCodeAt(0) - 104]!)
export const idOf = (prefix: string, n: number): string =>
  `${prefix}_${base32(n).replaceAll('_', 'j').padStart(26, '0')}`

export const at = (seconds: number): string =>
  new Date(Date.UTC(2026, 0, 5, 12) + seconds * 1000).toISOString()

export const exampleDraft = (changes: Partial<Draft> = {}): Draft => ({
  accountId: idOf('acc', 1),
  userId: null,
  to: [{ address: 'ann@client.test' }],
  cc: [],
  bcc: [],
  subject: 'Our offer',
  html: '<p>Hello</p>',
  template: null,
  contactId: null,
  dealId: null,
  attachments: [],
  trackOpens: null,
  trackClicks: null,
  replyTo: null,
  ...changes,
})

const blob = 'a'.repeat(64)

export const exampleQueued = (changes: Partial<QueuedEmail> = {}): QueuedEmail => ({
  outgoingId: idOf('out', 1),
  accountId: idOf('acc', 1),
  userId: null,
  template: null,
  contactId: null,
  dealId: null,
  header: {
    messageId: 'out_1@client.test',
    inReplyTo: null,
    references: [],
    subject: 'Our offer',
    from: { address: 'me@acme.test' },
    to: [{ address: 'ann@client.test' }],
    cc: [],
    bcc: [],
  },
  envelope: { from: 'me@acme.test', recipients: ['ann@client.test'] },
  snippet: 'Hello',
  attachments: [],
  mime: { blob, size: 100 },
  copy: { blob, size: 90 },
  tracking: { opens: false, clicks: false, reason: 'off', links: [] },
  queuedAt: at(0),
  scheduledAt: null,
  notBefore: at(10),
  ...changes,
})
