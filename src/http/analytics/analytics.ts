import { z } from 'zod'
import type { Clock } from '../../commands/ports/clock.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { templateId } from '../../domain/templates/events.ts'
import type { AnalyticsQueries } from '../../projections/analytics/analytics.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'

const periods = { today: 1, last_7_days: 7, last_30_days: 30, last_90_days: 90, last_365_days: 365 } as const
const periodNames = ['today', 'last_7_days', 'last_30_days', 'last_90_days', 'last_365_days'] as const

/** No calendar has a year 0, and nor has PostgreSQL's. */
const day = z.iso.date().regex(/^(?!0000)/, 'is before the year 1')

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
      template: z.string().nullable(),
      deleted: z.boolean(),
      ...figures,
    }),
  ),
})

/** Figures about emails by the day on which they were sent. */
export const analyticsRoutes = (
  app: App,
  { queries, clock }: { readonly queries: AnalyticsQueries; readonly clock: Clock },
): void => {
  app.get('/v1/analytics/engagement', {
    config: { permission: 'analytics:read', reads: [queries.readModels.engagement] },
    schema: {
      tags: ['Analytics'],
      summary: 'Get the engagement report: totals and figures by template',
      querystring: z.object({
        period: z
          .enum(periodNames)
          .optional()
          .describe('`last_30_days` if neither `period` nor `from` and `to` are given'),
        from: day.optional().describe("First day, in the organisation's time zone"),
        to: day.optional().describe('Last day, inclusive'),
        account: accountId.optional(),
        template: z
          .union([templateId, z.literal('none')])
          .optional()
          .describe('A template id, or `none` for emails written without a template'),
      }),
      response: { 200: reportView, ...problems },
    },
    handler: async ({ query: { period, from, to, account, template } }) => {
      const days = from === undefined && to === undefined ? null : requiredDays(from, to, period)
      return queries.engagementReport({
        ...(days ?? (await queries.lastDays(periods[period ?? 'last_30_days'], clock()))),
        accountId: account,
        templateId: template === 'none' ? '' : template,
      })
    },
  })
}

const invalidPeriod = defineProblem(400, 'invalid-period', {
  title: 'Invalid period',
  meaning: 'A period is either a named one, or runs from a first day to a last day that is not before it.',
  remedy: 'Send either period, or both from and to.',
})

const requiredDays = (
  from: string | undefined,
  to: string | undefined,
  period: string | undefined,
): { from: string; to: string } => {
  if (from === undefined || to === undefined || period !== undefined || from > to) throw invalidPeriod()
  return { from, to }
}
