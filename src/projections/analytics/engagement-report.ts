import { sql, type Kysely } from 'kysely'
import { dayIn, spanOfDays } from '../../domain/analytics/calendar-day.ts'
import { tablesOf, type VisibilityDeps } from '../projection.ts'
import { engagement, nothing, type QuarterCounters } from './engagement.ts'

/** Days as `2026-01-31` in the organisation's zone of now, both inclusive. `templateId` '' means emails without one. */
export type ReportOptions = {
  readonly from: string
  readonly to: string
  readonly accountId?: string | undefined
  readonly templateId?: string | undefined
  /** Who asks, and is told of nothing but what they see; null: a program that acts for nobody. */
  readonly userId: string | null
}

/** `percent` has one decimal; null if the whole is 0. */
type Share = { count: number; percent: number | null }

/**
 * Counts emails, not hits. Delivered and bounced are percentages of sent; opened, clicked and replied are percentages
 * of delivered and count people only. `raw` counts all requests except our own.
 */
export type Figures = {
  sent: number
  delivered: Share
  bounced: Share
  opened: Share
  clicked: Share
  replied: Share
  raw: { opened: Share; clicked: Share }
}

export type EngagementReport = {
  from: string
  to: string
  timeZone: string
  totals: Figures
  byTemplate: ({ templateId: string | null; template: string | null; deleted: boolean } & Figures)[]
}

type Counters = Omit<QuarterCounters, 'quarter' | 'account_id' | 'template_id'>

/** Users are told of the accounts of whose mail they see anything. */
export type ReportDeps = Pick<VisibilityDeps, 'visibleAccounts'>

/** The report for a period: totals, and a row for each template, most sent first. */
export const engagementReport =
  (db: Kysely<unknown>, deps: ReportDeps) =>
  async ({ from, to, accountId, templateId, userId }: ReportOptions): Promise<EngagementReport> => {
    const timeZone = await timeZoneOf(db)
    const { start, end } = spanOfDays(timeZone, { from, to })
    const visible = await deps.visibleAccounts(userId)
    const accounts = visible === 'all' ? null : [...visible.keys()]
    const sum = (name: keyof Counters) => sql<number>`sum(${sql.ref(`counted.${name}`)})::bigint`.as(name)
    const rows = await tablesOf(db, engagement)
      .selectFrom('counted')
      .leftJoin('template', 'template.id', 'counted.template_id')
      .select(['counted.template_id', 'template.deleted'])
      .select(nameFor(userId).as('name'))
      .select([sum('sent'), sum('delivered'), sum('bounced'), sum('opened'), sum('clicked'), sum('replied')])
      .select([sum('raw_opened'), sum('raw_clicked')])
      .where('counted.quarter', '>=', start)
      .where('counted.quarter', '<', end)
      .$if(accounts !== null, (query) =>
        query.where(sql<boolean>`counted.account_id = any(${accounts}::text[])`),
      )
      .$if(accountId !== undefined, (query) => query.where('counted.account_id', '=', accountId ?? ''))
      .$if(templateId !== undefined, (query) => query.where('counted.template_id', '=', templateId ?? ''))
      .groupBy(['counted.template_id', 'template.name', 'template.owner', 'template.deleted'])
      .execute()
    return reportOf({ from, to, timeZone }, rows)
  }

/** What another user calls a template of their own is theirs to know. */
const nameFor = (userId: string | null) =>
  sql<
    string | null
  >`case when ${userId}::text is null or template.owner is null or template.owner = ${userId} then template.name end`

export type TemplateCounters = Counters & {
  template_id: string
  name: string | null
  deleted: boolean | null
}

/** The report, from the sums for its period by template. */
export const reportOf = (
  period: Pick<EngagementReport, 'from' | 'to' | 'timeZone'>,
  rows: readonly TemplateCounters[],
): EngagementReport => ({
  ...period,
  totals: figuresOf(rows.reduce<Counters>(add, nothing)),
  byTemplate: rows
    .filter(({ sent }) => sent > 0)
    .toSorted((one, other) => other.sent - one.sent || (one.template_id < other.template_id ? -1 : 1))
    .map(({ template_id, name, deleted, ...counters }) => ({
      templateId: template_id || null,
      template: name,
      deleted: deleted ?? false,
      ...figuresOf(counters),
    })),
})

const add = (one: Counters, other: Counters): Counters => ({
  sent: one.sent + other.sent,
  delivered: one.delivered + other.delivered,
  bounced: one.bounced + other.bounced,
  opened: one.opened + other.opened,
  clicked: one.clicked + other.clicked,
  replied: one.replied + other.replied,
  raw_opened: one.raw_opened + other.raw_opened,
  raw_clicked: one.raw_clicked + other.raw_clicked,
})

const figuresOf = (of: Counters): Figures => ({
  sent: of.sent,
  delivered: share(of.delivered, of.sent),
  bounced: share(of.bounced, of.sent),
  opened: share(of.opened, of.delivered),
  clicked: share(of.clicked, of.delivered),
  replied: share(of.replied, of.delivered),
  raw: { opened: share(of.raw_opened, of.sent), clicked: share(of.raw_clicked, of.sent) },
})

/** Halves are rounded up; in integers, to avoid floating-point errors. */
const share = (count: number, of: number): Share => ({
  count,
  percent: of === 0 ? null : Math.floor((count * 2000 + of) / (2 * of)) / 10,
})

const timeZoneOf = async (db: Kysely<unknown>): Promise<string> => {
  const row = await tablesOf(db, engagement).selectFrom('organization').select('time_zone').executeTakeFirst()
  return row?.time_zone ?? 'UTC'
}

/** The last `days` days including today, in the organisation's calendar. */
export const lastDays =
  (db: Kysely<unknown>) =>
  async (days: number, now: Date): Promise<{ from: string; to: string }> => {
    const to = dayIn(await timeZoneOf(db), now.toISOString())
    const first = new Date(`${to}T00:00:00.000Z`)
    first.setUTCDate(first.getUTCDate() - (days - 1))
    return { from: first.toISOString().slice(0, 10), to }
  }
