/** What the service does wrong with a planted fault, and which of its modules are replaced by which of ours for that. */
type Planted = {
  readonly does: string
  /** Harmless where a service is alone. */
  readonly needsOthers?: true
  readonly replaces: Readonly<Record<string, string>>
}

/** Faults that a run must find: each one is a mistake that a service like this is easily made with. */
export const plants: Readonly<Record<string, Planted>> = {
  'late-marker': {
    does: 'notes that a send is released only after the answer of the mail server',
    replaces: { 'adapters/imap-smtp/smtp.ts': 'late-marker.ts' },
  },
  'resend-unknown': {
    does: 'sends again what may have been sent when it was killed',
    replaces: { 'commands/sending/recover-releasing.ts': 'resend-unknown.ts' },
  },
  'local-clock': {
    does: 'sends by its own clock, which is three seconds fast',
    replaces: {
      'app.ts': 'fast-clock.ts',
      'projections/sending/outbox-queries.ts': 'due-by-fast-clock.ts',
    },
  },
  'early-acknowledgement': {
    does: 'acknowledges what it was told of a contact before that is in the log',
    replaces: { 'adapters/postgres/event-log/event-store.ts': 'early-acknowledgement.ts' },
  },
  'new-command-id': {
    does: 'takes the repeat of a command for a new one when it was killed in between',
    replaces: { 'http/server/authentication.ts': 'new-command-id.ts' },
  },
  'checkpoint-before-rows': {
    does: 'commits the checkpoint of a read model before its rows',
    replaces: { 'adapters/postgres/projections/state/checkpoints.ts': 'checkpoint-before-rows.ts' },
  },
  'cursor-before-mail': {
    does: 'records that mail was read before it is stored',
    replaces: { 'commands/sync/store-message.ts': 'cursor-before-mail.ts' },
  },
  'lost-blobs': {
    does: 'acknowledges one blob in sixteen without keeping it',
    replaces: { 'adapters/postgres/blob-store.ts': 'lost-blobs.ts' },
  },
  'late-spool': {
    does: 'answers a hit half a second before it is written down',
    replaces: { 'adapters/tracking/spool.ts': 'late-spool.ts' },
  },
  'long-leases': {
    does: 'takes nothing over within a minute',
    needsOthers: true,
    replaces: { 'adapters/postgres/leases.ts': 'long-leases.ts' },
  },
  'password-in-log': {
    does: 'logs the password of a mailbox',
    replaces: { 'adapters/imap-smtp/imap.ts': 'password-in-log.ts' },
  },
}
