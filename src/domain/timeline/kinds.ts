import { noteKinds } from './events.ts'

const mailKinds = [
  'received',
  'sent',
  'opened',
  'clicked',
  'replied',
  'delayed',
  'bounced',
  'failed',
  'unknown',
] as const
const accountKinds = [
  'connected',
  'connection-changed',
  'settings-changed',
  'paused',
  'resumed',
  'sign-in-needed',
  'disconnected',
] as const

/** What timelines tell of. */
export const entryKinds = [...mailKinds, ...noteKinds, ...accountKinds] as const
export type EntryKind = (typeof entryKinds)[number]
export type MailKind = (typeof mailKinds)[number]
export type AccountKind = (typeof accountKinds)[number]
