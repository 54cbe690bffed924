import { dayIn } from '../../domain/analytics/calendar-day.ts'
import {
  engage,
  engagementEvents,
  engagementOf,
  engagementText,
  outcomeOf,
  readEngagement,
  type Outcome,
} from '../../domain/analytics/engagement.ts'
import { OrganizationRecorded } from '../../domain/directory/events.ts'
import { EmailQueued } from '../../domain/sending/events.ts'
import { TemplateChanged, TemplateCreated, TemplateDeleted } from '../../domain/templates/events.ts'
import {
  boolean,
  date,
  integer,
  nullable,
  projection,
  table,
  text,
  type RowOf,
  type Rows,
} from '../projection.ts'

const flags = {
  sent: boolean,
  delivered: boolean,
  bounced: boolean,
  opened: boolean,
  clicked: boolean,
  replied: boolean,
  raw_opened: boolean,
  raw_clicked: boolean,
}
const counters = {
  sent: integer,
  delivered: integer,
  bounced: integer,
  opened: integer,
  clicked: integer,
  replied: integer,
  raw_opened: integer,
  raw_clicked: integer,
}
type Flag = keyof typeof flags
const names = Object.keys(flags) as Flag[]

/** An email and what it counts for; `day` is the day on which it was sent, in the organisation's zone. */
const email = table({
  columns: {
    id: text,
    account_id: text,
    /** '' if it was written without one. */
    template_id: text,
    day: nullable(date),
    ...flags,
    engagement: text,
  },
  key: ['id'],
})

/** Of the emails sent on a day, how many each is true for. */
const daily = table({
  columns: { day: date, account_id: text, template_id: text, ...counters },
  key: ['day', 'account_id', 'template_id'],
})

export type DailyCounters = RowOf<typeof daily>

const tables = {
  email,
  daily,
  template: table({ columns: { id: text, name: text, deleted: boolean }, key: ['id'] }),
  organization: table({ columns: { id: text, time_zone: text }, key: ['id'] }),
}

/**
 * What reports count: each email once, on the day it was sent, opened and clicked by people only. When a flag changes,
 * because of a new verdict or a late bounce, the counters of that day change by the difference; so a report of any
 * period adds up counters and never reads single emails.
 */
export const engagement = projection({
  name: 'engagement',
  version: 3,
  tables,
  events: [
    OrganizationRecorded,
    TemplateCreated,
    TemplateChanged,
    TemplateDeleted,
    EmailQueued,
    ...engagementEvents,
  ],
  fold: (event, rows) => {
    switch (event.type) {
      case 'OrganizationRecorded':
        return rows.put('organization', { id: 'main', time_zone: event.data.organization.timeZone })
      case 'TemplateCreated':
      case 'TemplateChanged': {
        const { templateId: id, content } = event.data
        return rows.put('template', { id, name: content.name, deleted: false })
      }
      case 'TemplateDeleted': {
        const row = rows.get('template', { id: event.data.templateId })
        return row && rows.put('template', { ...row, deleted: true })
      }
      case 'EmailQueued':
        return rows.put('email', newEmail(event.data))
      case 'EmailCancelled':
      case 'EmailReleased':
      case 'EmailSent':
      case 'EmailDeferred':
      case 'EmailFailed':
      case 'EmailOutcomeLost':
      case 'EmailOutcomeSettled':
      case 'EmailRetried':
      case 'EmailDelivered':
      case 'EmailBounced':
      case 'OpenTracked':
      case 'ClickTracked':
      case 'EmailReplied': {
        const zone =
          event.type === 'EmailSent' ? rows.get('organization', { id: 'main' })?.time_zone : undefined
        const row = rows.get('email', { id: event.data.outgoingId })
        if (!row) return
        const state = engage(readEngagement(row.engagement), event)
        row.engagement = engagementText(state)
        // The first day stays: sent again by a person's decision, it is still one email.
        if (event.type === 'EmailSent') row.day ??= dayIn(zone ?? 'UTC', event.data.sentAt)
        countAnew(rows, row, outcomeOf(state))
        rows.put('email', row)
      }
    }
  },
})

const newEmail = (queued: ReturnType<typeof EmailQueued>['data']): RowOf<typeof email> => ({
  id: queued.outgoingId,
  account_id: queued.accountId,
  template_id: queued.template?.templateId ?? '',
  day: null,
  sent: false,
  delivered: false,
  bounced: false,
  opened: false,
  clicked: false,
  replied: false,
  raw_opened: false,
  raw_clicked: false,
  engagement: engagementText(engagementOf(queued)),
})

/** Sets the flags, and adds the difference to the counters of the email's day. */
const countAnew = (rows: Rows<typeof tables>, row: RowOf<typeof email>, outcome: Outcome): void => {
  const now: Record<Flag, boolean> = {
    ...outcome,
    raw_opened: outcome.rawOpened,
    raw_clicked: outcome.rawClicked,
  }
  const flipped = names.filter((name) => row[name] !== now[name])
  const { day, account_id, template_id } = row
  if (flipped.length === 0 || day === null) return
  const counted =
    rows.get('daily', { day, account_id, template_id }) ?? emptyDay(day, account_id, template_id)
  for (const name of flipped) {
    counted[name] += now[name] ? 1 : -1
    row[name] = now[name]
  }
  rows.put('daily', counted)
}

const emptyDay = (day: string, accountId: string, templateId: string): DailyCounters => ({
  day,
  account_id: accountId,
  template_id: templateId,
  sent: 0,
  delivered: 0,
  bounced: 0,
  opened: 0,
  clicked: 0,
  replied: 0,
  raw_opened: 0,
  raw_clicked: 0,
})
