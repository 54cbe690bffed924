/** What the service does wrong with a planted fault, and which of its modules are replaced for that. */
type Planted = {
  readonly does: string
  /** Harmless if a service runs alone. */
  readonly needsOthers?: true
  readonly replaces: Readonly<Record<string, string>>
}

/** Faults that a run must find: each is an easy mistake to make in a service like this. */
export const plants: Readonly<Record<string, Planted>> = {
  'late-marker': {
    does: 'records the release of an email only after the mail server has answered',
    replaces: { 'adapters/imap-smtp/smtp.ts': 'late-marker.ts' },
  },
  'resend-unknown': {
    does: 'sends again what may have been sent when it was killed',
    replaces: { 'commands/sending/recover-released.ts': 'resend-unknown.ts' },
  },
  'local-clock': {
    does: 'sends by its own clock, which is three seconds fast',
    replaces: {
      'app.ts': 'fast-clock.ts',
      'projections/sending/outbox-queries.ts': 'due-by-fast-clock.ts',
    },
  },
  'early-acknowledgement': {
    does: 'acknowledges a change to a contact before it is in the log',
    replaces: { 'adapters/postgres/event-log/event-store.ts': 'early-acknowledgement.ts' },
  },
  'new-command-id': {
    does: 'takes the repeat of a command for a new one if it was killed in between',
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
    does: 'acknowledges one blob in sixteen without storing it',
    replaces: { 'adapters/postgres/blob-store.ts': 'lost-blobs.ts' },
  },
  'late-spool': {
    does: 'answers a hit half a second before it is written',
    replaces: { 'adapters/tracking/spool.ts': 'late-spool.ts' },
  },
  'long-leases': {
    does: 'takes over nothing within a minute',
    needsOthers: true,
    replaces: { 'adapters/postgres/leases.ts': 'long-leases.ts' },
  },
  'password-in-log': {
    does: 'logs the password of a mailbox',
    replaces: { 'adapters/imap-smtp/imap.ts': 'password-in-log.ts' },
  },
}
