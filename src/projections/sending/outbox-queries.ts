import { sql, type Kysely } from 'kysely'
import { emailOutcome, readEngagement } from '../../domain/analytics/engagement.ts'
import type { Mailbox } from '../../domain/mail.ts'
import type { EmailOutcome } from '../../domain/sending/outcome.ts'
import { answerLost } from '../../domain/sending/refusals.ts'
import {
  allOf,
  emailVisibility,
  isWithin,
  paged,
  tablesOf,
  type Masked,
  type Page,
  type Span,
  type VisibilityDeps,
  type Visible,
} from '../projection.ts'
import { outbox, type OutboxRow, type OutboxState, type Recipients } from './outbox.ts'

// ---------------------------------------------------------------- to do

const due = (db: Kysely<unknown>) =>
  tablesOf(db, outbox)
    .selectFrom('email')
    .leftJoin('account', 'account.id', 'email.account_id')
    // By the database's clock, since the clocks of the senders may each be wrong.
    .where('due_at', '<=', sql<string>`clock_timestamp()`)
    .where(sql<boolean>`account.status is distinct from 'paused'`)

/** Accounts with emails that are due, longest waiting first. */
export const accountsWithDue =
  (db: Kysely<unknown>) =>
  async (limit: number): Promise<string[]> => {
    const rows = await due(db)
      .select('account_id')
      .groupBy('account_id')
      .orderBy((of) => of.fn.min('due_at'))
      .limit(limit)
      .execute()
    return rows.map((row) => row.account_id)
  }

/** The account's emails that are due, oldest first. */
export const dueEmails =
  (db: Kysely<unknown>) =>
  async (accountId: string, limit: number): Promise<string[]> => {
    const rows = await due(db)
      .select('email.id')
      .where('account_id', '=', accountId)
      .orderBy('due_at')
      .orderBy('email.id')
      .limit(limit)
      .execute()
    return rows.map(({ id }) => id)
  }

/** Emails that are being sent, or were when their sender died, of one account or of all. */
export const emailsBeingSent =
  (db: Kysely<unknown>) =>
  (accountId: string | null, limit: number): Promise<{ id: string; accountId: string }[]> =>
    tablesOf(db, outbox)
      .selectFrom('email')
      .select(['id', 'account_id as accountId'])
      .where('state', '=', 'sending')
      .$if(accountId !== null, (query) => query.where('account_id', '=', accountId))
      .orderBy('account_id')
      .orderBy('id')
      .limit(limit)
      .execute()

/** Unclear emails that were found in a mailbox or answered, and when. */
export const foundEmails =
  (db: Kysely<unknown>) =>
  (limit: number): Promise<{ id: string; foundAt: string }[]> =>
    tablesOf(db, outbox)
      .selectFrom('email')
      .select(['id', 'confirm_at as foundAt'])
      .where('confirm_at', 'is not', null)
      .$narrowType<{ foundAt: string }>()
      .orderBy('confirm_at')
      .limit(limit)
      .execute()

// ---------------------------------------------------------------- to read

/** What became of an email so far. */
export type OutboxEmail = Recipients & {
  readonly id: string
  readonly state: OutboxState
  readonly accountId: string
  readonly userId: string | null
  readonly contactId: string | null
  readonly dealId: string | null
  readonly templateId: string | null
  /** Without angle brackets. */
  readonly messageId: string
  readonly from: Mailbox
  readonly subject: string
  readonly snippet: string
  readonly attachments: number
  readonly size: number
  readonly tracking: { readonly opens: boolean; readonly clicks: boolean; readonly reason: string }
  readonly attempts: number
  readonly dueAt: string | null
  readonly code: string | null
  readonly reason: string | null
  readonly remedy: string | null
  /** A person decided to give up an email whose outcome is unknown. */
  readonly settled: boolean
  readonly queuedAt: string
  readonly scheduledAt: string | null
  readonly sentAt: string | null
  readonly evidence: string | null
  readonly copy: string | null
  /** The email as a whole. */
  readonly delivery: EmailOutcome['delivery']
  /** Each recipient of the envelope. */
  readonly outcomes: EmailOutcome['recipients']
  readonly changedAt: string
  readonly revision: number
}

/** The same as a user sees it who sees this much. */
export type VisibleEmail = Masked<OutboxEmail, 'subject' | 'snippet'>

const toEmail = (row: OutboxRow & { readonly engagement: string }, visibility: Visible): VisibleEmail => {
  const { delivery, recipients } = emailOutcome(readEngagement(row.engagement))
  const email = { ...shown(row), delivery, outcomes: recipients, visibility }
  if (visibility === 'everything') return email
  return {
    ...email,
    subject: visibility === 'metadata' ? null : email.subject,
    snippet: null,
    // A server's own words may quote what it did not like.
    reason: null,
    outcomes: recipients.map((outcome) => ({ ...outcome, diagnostic: null })),
  }
}

const shown = (row: OutboxRow): Omit<OutboxEmail, 'delivery' | 'outcomes'> => ({
  id: row.id,
  state: row.state as OutboxState,
  accountId: row.account_id,
  userId: row.user_id,
  contactId: row.contact_id,
  dealId: row.deal_id,
  templateId: row.template_id,
  messageId: row.message_id,
  from: row.from,
  ...row.recipients,
  subject: row.subject,
  snippet: row.snippet,
  attachments: row.attachments,
  size: row.size,
  tracking: { opens: row.tracked_opens, clicks: row.tracked_clicks, reason: row.tracking_reason },
  attempts: row.attempts,
  dueAt: row.due_at,
  code: row.code,
  reason: row.reason,
  remedy: row.state === 'unknown' && !row.settled ? answerLost.remedy : row.remedy,
  settled: row.settled,
  queuedAt: row.queued_at,
  scheduledAt: row.scheduled_at,
  sentAt: row.sent_at,
  evidence: row.evidence,
  copy: row.copy,
  changedAt: row.changed_at,
  revision: row.revision,
})

/**
 * Users see the emails of the accounts that they may read, their own of those from which they may send, and of others
 * those that were sent, as far as these are visible.
 */
export type OutboxDeps = VisibilityDeps & {
  readonly readableAccounts: (userId: string) => Promise<readonly string[]>
}

/** What a list of emails is narrowed down to; what is undefined narrows nothing. */
type EmailFilter = {
  /** Emails that this user may see; null: all. */
  readonly seenBy: string | null
  readonly state?: OutboxState | undefined
  readonly accountId?: string | undefined
  /** For whom, or by whom, and from which template they were written. */
  readonly userId?: string | undefined
  readonly contactId?: string | undefined
  readonly dealId?: string | undefined
  readonly templateId?: string | undefined
} & Span
const filterColumns = {
  state: 'state',
  accountId: 'account_id',
  userId: 'user_id',
  contactId: 'contact_id',
  dealId: 'deal_id',
  templateId: 'template_id',
} as const

/** Emails in the order in which they were queued. */
export const listOutbox =
  (
    db: Kysely<unknown>,
    deps: Pick<OutboxDeps, 'readableAccounts' | 'visibleAccounts' | 'sendOnlyAccounts'>,
  ) =>
  async (filter: EmailFilter, page: Page): Promise<VisibleEmail[]> => {
    const { seenBy } = filter
    const visible = await deps.visibleAccounts(seenBy)
    const readable = seenBy === null ? [] : await deps.readableAccounts(seenBy)
    const sendOnly = await deps.sendOnlyAccounts(seenBy)
    const conditions = Object.entries(filterColumns).flatMap(([name, column]) => {
      const value = filter[name as keyof typeof filterColumns]
      return value === undefined ? [] : [sql`${sql.ref(column)} = ${value}`]
    })
    const isSeen =
      visible !== 'all' &&
      sql`(account_id = any(${[...readable]}::text[])
        or user_id = ${seenBy} and account_id = any(${[...sendOnly]}::text[])
        or sent_at is not null and account_id = any(${[...visible.keys()]}::text[]))`
    const emails = tablesOf(db, outbox)
      .selectFrom('email')
      .innerJoin('fate', 'fate.email_id', 'email.id')
      .selectAll('email')
      .select('fate.engagement')
      .where(allOf([...conditions, isWithin('queued_at', filter), isSeen]))
    const order = { column: 'queued_at', type: 'timestamptz' } as const
    const rows = await paged(emails, order, page).execute()
    const levelOf = ({ account_id, user_id }: OutboxRow): Visible => {
      const isOwn = user_id === seenBy && sendOnly.includes(account_id)
      return visible === 'all' || isOwn ? 'everything' : (visible.get(account_id) ?? 'metadata')
    }
    return rows.map((row) => toEmail(row, levelOf(row)))
  }

/** An email, as far as this user (null: a program) sees it. */
export const findOutgoing =
  (db: Kysely<unknown>, deps: Pick<OutboxDeps, 'visibilityOf' | 'mayRead' | 'sendOnlyAccounts'>) =>
  async (id: string, userId: string | null): Promise<VisibleEmail | null> => {
    const row = await tablesOf(db, outbox)
      .selectFrom('email')
      .innerJoin('fate', 'fate.email_id', 'email.id')
      .selectAll('email')
      .select('fate.engagement')
      .where('id', '=', id)
      .executeTakeFirst()
    if (!row) return null
    const visibility = await emailVisibility(deps, userId)({ ...row, isSent: row.sent_at !== null })
    return visibility === 'nothing' ? null : toEmail(row, visibility)
  }
