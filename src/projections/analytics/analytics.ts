import type { Kysely } from 'kysely'
import { engagementReport, lastDays, type ReportDeps } from './engagement-report.ts'
import { engagement } from './engagement.ts'

export const analyticsProjections = [engagement]

export const analyticsQueries = (db: Kysely<unknown>, deps: ReportDeps) => ({
  readModels: { engagement },
  engagementReport: engagementReport(db, deps),
  lastDays: lastDays(db),
})

export type AnalyticsQueries = ReturnType<typeof analyticsQueries>
