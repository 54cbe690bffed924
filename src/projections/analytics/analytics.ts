import type { Kysely } from 'kysely'
import { engagementReport, lastDays } from './engagement-report.ts'
import { engagement } from './engagement.ts'

export const analyticsProjections = [engagement]

export const analyticsQueries = (db: Kysely<unknown>) => ({
  readModels: { engagement },
  engagementReport: engagementReport(db),
  lastDays: lastDays(db),
})

export type AnalyticsQueries = ReturnType<typeof analyticsQueries>
