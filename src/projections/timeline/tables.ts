import type { Actor } from '../../domain/event.ts'
import type { RecordRef } from '../../domain/linking/events.ts'
import type { Links } from '../../domain/linking/links.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import type { Verdict } from '../../domain/tracking/classify-hit.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  table,
  text,
  timestamp,
  type RowOf,
  type Rows,
} from '../projection.ts'

/** What an entry tells, whatever it is of. */
export type Content = {
  /** The subject of the mail, or the title of a note. */
  readonly title: string | null
  readonly from: readonly WrittenMailbox[]
  readonly to: readonly WrittenMailbox[]
  /** The text of a note, or why something failed. */
  readonly text: string | null
  readonly link: { readonly url: string; readonly text: string } | null
  /** The message that is the reply. */
  readonly replyId: string | null
  readonly actor: Actor | null
}

export const noContent: Content = {
  title: null,
  from: [],
  to: [],
  text: null,
  link: null,
  replyId: null,
  actor: null,
}

/** What lists of entries are walked and narrowed down by. */
const listed = {
  entry_id: text,
  /** The kind, with the verdict on opens and clicks: each of them has a range of its own in the index. */
  sort: text,
  at: timestamp,
  direction: nullable(text),
  /** It is of what was neither sent nor received, so it is for those alone who may use the account. */
  inward: boolean,
  /** False while its message is deleted or hidden, and once it is gone: whoever follows a timeline is told. */
  shown: boolean,
  /** The event that changed it last. */
  position: text,
}

/** Opens, or clicks on one link, on which the verdict is the same. Times are ms since 1970. */
export type HitGroup = {
  readonly kind: 'opened' | 'clicked'
  readonly verdict: Verdict
  readonly link: number | null
  readonly count: number
  readonly firstAt: number
  readonly lastAt: number
}
export type HitGroups = Readonly<Record<string, HitGroup>>

export const tables = {
  entry: table({
    columns: {
      ...listed,
      account_id: nullable(text),
      message_id: nullable(text),
      kind: text,
      verdict: nullable(text),
      records: json<RecordRef[]>(),
      content: json<Content>(),
      count: integer,
      last_at: timestamp,
    },
    key: ['entry_id'],
    indexes: [
      '(account_id, sort, at DESC, entry_id DESC) WHERE shown',
      '(account_id, position, entry_id)',
      '(message_id) WHERE message_id IS NOT NULL',
    ],
  }),
  /** The entries that are, or were, on a record's timeline. Those of the CRM have an empty `account_id`. */
  on_record: table({
    columns: { record_kind: text, record_id: text, account_id: text, ...listed },
    key: ['record_kind', 'record_id', 'entry_id'],
    indexes: [
      '(record_kind, record_id, sort, at DESC, entry_id DESC) WHERE shown',
      '(record_kind, record_id, account_id, sort, at DESC, entry_id DESC) WHERE shown',
      '(record_kind, record_id, position, entry_id)',
    ],
  }),
  /** A message or an email, and what decides on which timelines its entries are. */
  item: table({
    columns: {
      id: text,
      account_id: text,
      links: json<Links>(),
      /** What an email was written about. */
      about: json<RecordRef[]>(),
      /** It was sent or received. */
      exchanged: boolean,
      deleted: boolean,
      hidden: boolean,
      entries: json<string[]>(),
    },
    key: ['id'],
  }),
  /** What entries of an email of ours are made of. `settled`: hits whose verdicts are final. */
  email: table({
    columns: {
      id: text,
      subject: text,
      from: json<WrittenMailbox[]>(),
      to: json<WrittenMailbox[]>(),
      links: json<{ index: number; url: string; text: string }[]>(),
      engagement: text,
      settled: json<HitGroups>(),
    },
    key: ['id'],
  }),
  /** Contacts that were merged into others. */
  merged: table({
    columns: { contact_id: text, survivor: text, position: text },
    key: ['contact_id'],
    indexes: ['(survivor)'],
  }),
  /** The entry of the time since when an account cannot sign in. */
  signed_out: table({ columns: { account_id: text, entry_id: text }, key: ['account_id'] }),
  /** The last event that was read. */
  head: table({ columns: { id: text, position: text }, key: ['id'] }),
}

export type TimelineRows = Rows<typeof tables>
/** `sort` follows from the rest. */
export type EntryRow = Omit<RowOf<typeof tables.entry>, 'sort'>
export type Item = RowOf<typeof tables.item>
export type EmailRow = RowOf<typeof tables.email>
