import { quarterOf } from '../../domain/analytics/calendar-day.ts'
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
  integer,
  nullable,
  projection,
  table,
  text,
  timestamp,
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

/** An email and what it counts for; `quarter` is when it was sent, by `quarterOf`. */
const email = table({
  columns: {
    id: text,
    account_id: text,
    /** '' for emails written without a template. */
    template_id: text,
    quarter: nullable(timestamp),
    ...flags,
    engagement: text,
  },
  key: ['id'],
})

/** For how many of the emails sent in a quarter of an hour each flag is true. */
const counted = table({
  columns: { quarter: timestamp, account_id: text, template_id: text, ...counters },
  key: ['quarter', 'account_id', 'template_id'],
})

export type QuarterCounters = RowOf<typeof counted>

const tables = {
  email,
  counted,
  /** `owner`: whose it is; null for a shared one. */
  template: table({
    columns: { id: text, owner: nullable(text), name: text, deleted: boolean },
    key: ['id'],
  }),
  organization: table({ columns: { id: text, time_zone: text }, key: ['id'] }),
}

/**
 * What reports count: each email once, when it was sent, with opens and clicks by people only. When a flag changes,
 * because of a new verdict or a late bounce, the counters of that time change by the difference. So a report for any
 * period adds up counters and never reads single emails.
 */
export const engagement = projection({
  name: 'engagement',
  version: 4,
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
      case 'TemplateCreated': {
        const { templateId: id, scope, content } = event.data
        const owner = scope.kind === 'personal' ? scope.userId : null
        return rows.put('template', { id, owner, name: content.name, deleted: false })
      }
      case 'TemplateChanged': {
        const row = rows.get('template', { id: event.data.templateId })
        return row && rows.put('template', { ...row, name: event.data.content.name })
      }
      case 'TemplateDeleted': {
        const row = rows.get('template', { id: event.data.templateId })
        return row && rows.put('template', { ...row, deleted: true })
      }
      case 'EmailQueued':
        // What Mailtrail writes itself is no figure of anybody's.
        return event.data.draft.automatic ? undefined : rows.put('email', newEmail(event.data))
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
        const row = rows.get('email', { id: event.data.outgoingId })
        if (!row) return
        const state = engage(readEngagement(row.engagement), event)
        row.engagement = engagementText(state)
        // The first time stays: an email that somebody sends again is still one email.
        if (event.type === 'EmailSent') row.quarter ??= quarterOf(event.data.sentAt)
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
  quarter: null,
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

/** Sets the flags, and adds the difference to the counters of when the email was sent. */
const countAnew = (rows: Rows<typeof tables>, row: RowOf<typeof email>, outcome: Outcome): void => {
  const now: Record<Flag, boolean> = {
    ...outcome,
    raw_opened: outcome.rawOpened,
    raw_clicked: outcome.rawClicked,
  }
  const flipped = names.filter((name) => row[name] !== now[name])
  const { quarter, account_id, template_id } = row
  if (flipped.length === 0 || quarter === null) return
  const key = { quarter, account_id, template_id }
  const counts = rows.get('counted', key) ?? { ...key, ...nothing }
  for (const name of flipped) {
    counts[name] += now[name] ? 1 : -1
    row[name] = now[name]
  }
  rows.put('counted', counts)
}

export const nothing: Readonly<Record<Flag, number>> = {
  sent: 0,
  delivered: 0,
  bounced: 0,
  opened: 0,
  clicked: 0,
  replied: 0,
  raw_opened: 0,
  raw_clicked: 0,
}
