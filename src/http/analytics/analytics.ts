import { z } from 'zod'
import type { Clock } from '../../commands/ports/clock.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { templateId } from '../../domain/templates/events.ts'
import type { AnalyticsQueries } from '../../projections/analytics/analytics.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'

const periods = { today: 1, last_7_days: 7, last_30_days: 30, last_90_days: 90, last_365_days: 365 } as const
const periodNames = ['today', 'last_7_days', 'last_30_days', 'last_90_days', 'last_365_days'] as const

/** As `askedInstant`: from its zone a day may begin in the year before, and end in the year after. */
const day = z.iso
  .date()
  .refine((text) => /^(?!000[01]|9999)/.test(text), { error: 'is too far in the past or the future' })

const share = z.object({ count: z.int(), percent: z.number().nullable() })
const figures = {
  sent: z.int(),
  delivered: share.describe('Share of sent'),
  bounced: share.describe('Share of sent'),
  opened: share.describe('Share of delivered, by people'),
  clicked: share.describe('Share of delivered, by people'),
  replied: share.describe('Share of delivered'),
  raw: z.object({ opened: share, clicked: share }).describe('Including requests by machines; shares of sent'),
}
const reportView = z.object({
  from: z.string(),
  to: z.string(),
  timeZone: z.string(),
  totals: z.object(figures),
  byTemplate: z.array(
    z.object({
      templateId: z.string().nullable().describe('Null for emails written without a template'),
      template: z
        .string()
        .nullable()
        .describe("Its name; null for emails written without one, and for another user's own template"),
      deleted: z.boolean(),
      ...figures,
    }),
  ),
})

export type AnalyticsRouteDeps = {
  readonly queries: AnalyticsQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
  readonly clock: Clock
}

/** Figures about emails by the day they were sent, for the accounts of whose mail the acting user sees anything. */
export const analyticsRoutes = (app: App, { queries, accountList, clock }: AnalyticsRouteDeps): void => {
  app.get('/v1/analytics/engagement', {
    config: { permission: 'analytics:read', reads: [queries.readModels.engagement, accountList] },
    schema: {
      tags: ['Analytics'],
      summary: 'Get the engagement report: totals, and figures by template',
      querystring: z.object({
        period: z
          .enum(periodNames)
          .optional()
          .describe('`last_30_days` if neither `period` nor `from` and `to` are given'),
        from: day.optional().describe("First day, in the organisation's time zone as it is now"),
        to: day.optional().describe('Last day, inclusive'),
        account: accountId.optional(),
        template: z
          .union([templateId, z.literal('none')])
          .optional()
          .describe('A template id, or `none` for emails written without a template'),
      }),
      response: { 200: reportView, ...problems },
    },
    handler: async ({ query: { period, from, to, account, template }, actingUser }) => {
      const days = from === undefined && to === undefined ? null : requiredDays(from, to, period)
      return queries.engagementReport({
        ...(days ?? (await queries.lastDays(periods[period ?? 'last_30_days'], clock()))),
        userId: actingUser,
        accountId: account,
        templateId: template === 'none' ? '' : template,
      })
    },
  })
}

const invalidPeriod = defineProblem(400, 'invalid-period', {
  title: 'Invalid period',
  meaning: 'A period is either a named one, or given by its first and last day, in that order.',
  remedy: 'Send either `period`, or both `from` and `to`.',
})

const requiredDays = (
  from: string | undefined,
  to: string | undefined,
  period: string | undefined,
): { from: string; to: string } => {
  if (from === undefined || to === undefined || period !== undefined || from > to) throw invalidPeriod()
  return { from, to }
}
