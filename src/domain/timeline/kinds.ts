import type { Verdict } from '../tracking/classify-hit.ts'
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

/** Which way it goes what these tell of; the others go no way. */
const ways: { readonly [Kind in MailKind]: readonly ('in' | 'out')[] } = {
  received: ['in'],
  sent: ['out'],
  opened: ['in'],
  clicked: ['in'],
  replied: ['in'],
  delayed: ['in', 'out'],
  bounced: ['in'],
  failed: ['out'],
  unknown: ['out'],
}
const isMail = (kind: EntryKind): kind is MailKind => kind in ways

export const verdicts = ['human', 'machine', 'unknown', 'own'] as const satisfies readonly Verdict[]

/** What timelines tell of. */
export const entryKinds = [...mailKinds, ...noteKinds, ...accountKinds] as const
export type EntryKind = (typeof entryKinds)[number]
export type MailKind = (typeof mailKinds)[number]
export type AccountKind = (typeof accountKinds)[number]

export type KindFilter = {
  readonly kinds?: readonly EntryKind[] | undefined
  readonly direction?: 'in' | 'out' | undefined
  /** Of opens and clicks; undefined for all. */
  readonly verdict?: Verdict | undefined
}

/** The kind of an entry, with the verdict on opens and clicks. */
export const sortOf = (kind: string, verdict: string | null): string =>
  verdict === null ? kind : `${kind}.${verdict}`

/** The sorts of entries that are asked for: those of mail and accounts, and those of the CRM. */
export const sortsOf = ({
  kinds = entryKinds,
  direction,
  verdict,
}: KindFilter): { readonly ofAccounts: string[]; readonly ofCrm: string[] } => {
  const asked = kinds.filter(
    (kind) => direction === undefined || (isMail(kind) && ways[kind].includes(direction)),
  )
  const isNote = (kind: EntryKind) => noteKinds.some((note) => note === kind)
  const judged = verdict === undefined ? verdicts : [verdict]
  const sorts = (kind: EntryKind) =>
    kind === 'opened' || kind === 'clicked' ? judged.map((each) => sortOf(kind, each)) : [kind]
  return {
    ofAccounts: asked.filter((kind) => !isNote(kind)).flatMap(sorts),
    ofCrm: asked.filter(isNote),
  }
}
