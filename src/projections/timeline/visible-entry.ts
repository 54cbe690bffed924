import type { Actor } from '../../domain/event.ts'
import type { RecordRef } from '../../domain/linking/events.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import type { EntryKind } from '../../domain/timeline/kinds.ts'
import type { Verdict } from '../../domain/tracking/classify-hit.ts'
import { shows } from '../../domain/visibility.ts'
import type { Masked, Visible } from '../projection.ts'
import type { EntryRow } from './tables.ts'

type TimelineEntry = {
  id: string
  at: string
  kind: EntryKind
  direction: 'in' | 'out' | null
  verdict: Verdict | null
  accountId: string | null
  /** The email or message that it is about. */
  messageId: string | null
  emailId: string | null
  replyId: string | null
  records: RecordRef[]
  title: string | null
  from: readonly WrittenMailbox[]
  to: readonly WrittenMailbox[]
  text: string | null
  link: { readonly url: string; readonly text: string } | null
  count: number
  lastAt: string
  actor: Actor | null
  position: string
}
export type VisibleEntry = Masked<TimelineEntry, 'title' | 'text' | 'link'>

/** What users see of accounts, or that everything of all is seen. */
export type VisibleAccounts = ReadonlyMap<string, Visible> | 'all'

export const levelFor = ({ account_id }: EntryRow, visible: VisibleAccounts): Visible =>
  account_id === null || visible === 'all' ? 'everything' : (visible.get(account_id) ?? 'metadata')

/** As much of an entry as is visible: what a mail says, why it failed and what was clicked are part of its content. */
export const entryFor = (row: EntryRow, visibility: Visible, records: RecordRef[]): VisibleEntry => {
  const { title, text, link, from, to, replyId, actor } = row.content
  const { message_id: messageId } = row
  return {
    id: row.entry_id,
    at: row.at,
    kind: row.kind as EntryKind,
    direction: row.direction as 'in' | 'out' | null,
    verdict: row.verdict as Verdict | null,
    accountId: row.account_id,
    messageId,
    emailId: messageId?.startsWith('out_') === true ? messageId : null,
    replyId,
    records,
    title: shows(visibility, 'subject') ? title : null,
    from,
    to,
    text: visibility === 'everything' ? text : null,
    link: visibility === 'everything' ? link : null,
    count: row.count,
    lastAt: row.last_at,
    actor,
    position: row.position,
    visibility,
  }
}
