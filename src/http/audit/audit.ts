import { z } from 'zod'
import type { AuditCommands } from '../../commands/audit/audit.ts'
import { ForeignPosition, type EventStore } from '../../commands/ports/event-log.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { allEvents, type AnyEvent } from '../../domain/catalogue.ts'
import { crmId } from '../../domain/directory/events.ts'
import { idOf } from '../../domain/ids.ts'
import { outgoingId } from '../../domain/sending/events.ts'
import { messageId } from '../../domain/sync/events.ts'
import { templateId } from '../../domain/templates/events.ts'
import type { AuditQueries } from '../../projections/audit/audit.ts'
import { actorKinds } from '../server/actor-view.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy, timesOf } from '../server/pages.ts'
import { problems, type App } from '../server/server.ts'
import { eventView, replayedView, toEventView } from './event-view.ts'

const eventType = z.enum(allEvents.map(({ type }) => type) as [AnyEvent['type'], ...AnyEvent['type'][]])

const about = {
  account: accountId
    .optional()
    .describe(
      'Events of this account: its own, its sync runs, its messages and its emails with what became of them',
    ),
  email: outgoingId
    .optional()
    .describe(
      'Events of this email: its draft, its way out, hits, copies in mailboxes, answers, bounces and reports',
    ),
  message: messageId
    .optional()
    .describe(
      'Events of this message, and those of emails that name it: it answers them, or reports on them',
    ),
  thread: idOf('thr')
    .optional()
    .describe(
      'Events of the messages and emails of this thread, with all of theirs, and of it as a conversation',
    ),
  template: templateId
    .optional()
    .describe('Events of this template, and emails that were made from it with what became of them'),
  user: crmId
    .optional()
    .describe('Events about this user: the CRM’s record, accounts, templates and emails of theirs'),
  contact: crmId
    .optional()
    .describe('Events about this contact: the CRM’s record, and emails to them with what became of them'),
  company: crmId.optional().describe('Events about this company'),
  deal: crmId
    .optional()
    .describe('Events about this deal: the CRM’s record, and emails for it with what became of them'),
  stream: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Events of this stream alone, such as `account-acc_…` or `organization-main`'),
}
const times = timesOf('recorded')

const eventsQuery = pageQuery.extend({
  ...about,
  type: z
    .union([eventType, z.array(eventType).min(1).max(50)])
    .optional()
    .describe('Only events of this type; repeat it for several'),
  actorKind: z.enum(actorKinds).optional().describe('Only what users, API keys or Mailtrail itself did'),
  actorId: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Only what this one did: a user, an API key, or an automation by its name'),
  apiKey: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Only what was done with this API key, by a program for itself or by or for a user'),
  ...times,
  sort: sortBy(['position'], '-position'),
})
const replayQuery = pageQuery.extend({
  ...about,
  ...times,
  until: z.string().max(100).optional().describe('The position of the last event to replay'),
})

export type AuditRouteDeps = {
  readonly commands: AuditCommands
  readonly queries: AuditQueries
  readonly threads: { readonly name: string }
  readonly isPosition: EventStore['isPosition']
}

/** What happened: the events of the log for those who audit it. */
export const auditRoutes = (app: App, deps: AuditRouteDeps): void => {
  const { commands, queries, threads } = deps
  const tags = ['Audit']
  const config = { permission: 'audit:read', reads: [queries.readModels.eventIndex, threads] } as const
  const queryOf = async (asked: Asked, userId: string | null): Promise<EventQuery> => ({
    stream: asked.stream,
    account: asked.account,
    from: asked.from,
    to: asked.to,
    userId,
    about: await Promise.all(thingsIn(asked).map((thing) => commands.belongingTo(thing, userId))),
  })

  app.get('/v1/audit/events', {
    config,
    schema: {
      tags,
      summary: 'List events of the log: of everything, or of one thing with all that belongs to it',
      description:
        'Several filters are combined: an event is listed if all of them hold. What is listed is read from the log ' +
        'itself. For an acting user, only events of what they may see are listed; other callers see all.',
      querystring: eventsQuery,
      response: { 200: pageOf(eventView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { type, actorKind, actorId, apiKey, sort, limit } = query
      const types = typeof type === 'string' ? [type] : type
      const asked = { ...(await queryOf(query, actingUser)), types, actorKind, actorId, apiKey }
      const after = requiredPosition(deps, readCursor(query, ['text'])?.[0])
      const found = await queries.findEvents(asked, { ...orderOf(sort), after, limit: limit + 1 })
      const page = pageFrom(found, query, keyOf)
      return { ...page, data: (await commands.read(page.data)).map(toEventView) }
    },
  })
  app.get('/v1/audit/replay', {
    config,
    schema: {
      tags,
      summary: 'Replay a history from its start: each event with what it changed',
      description:
        'Name what to replay (otherwise it is the whole log), and up to where (`to` or `until`). Each event comes with ' +
        'the fields of the state that it changed, before and after, worked out from the log by the rules that decide on ' +
        'commands. An email has its own state (`/outgoing/<id>`), and what its tracking report says (`/tracking/<id>`).',
      querystring: replayQuery,
      response: { 200: pageOf(replayedView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { until, limit } = query
      const asked = { ...(await queryOf(query, actingUser)), until: requiredPosition(deps, until) }
      const after = requiredPosition(deps, readCursor(query, ['text'])?.[0])
      const found = await queries.findEvents(asked, { descending: false, after, limit: limit + 1 })
      const page = pageFrom(found, query, keyOf)
      const events = await commands.read(page.data)
      const changes = await commands.replay(events)
      const data = events.map((event) => ({
        ...toEventView(event),
        changes: [...(changes.get(event.id) ?? [])],
      }))
      return { ...page, data }
    },
  })
}

type EventQuery = Parameters<AuditQueries['findEvents']>[0]
type HistoryOf = Parameters<AuditCommands['belongingTo']>[0]
type Asked = { readonly [Name in keyof typeof about | keyof typeof times]?: string | undefined }

/** The things that are asked for beside an account, which has an index of its own. */
const thingsIn = (asked: Asked): HistoryOf[] =>
  (['email', 'message', 'thread', 'template', 'user', 'contact', 'company', 'deal'] as const).flatMap(
    (kind) => {
      const id = asked[kind]
      return id === undefined ? [] : [{ kind, id }]
    },
  )

/** @throws ForeignPosition */
const requiredPosition = (
  { isPosition }: Pick<AuditRouteDeps, 'isPosition'>,
  text: string | undefined,
): string | null => {
  if (text === undefined) return null
  if (!isPosition(text)) throw new ForeignPosition()
  return text
}

const keyOf = ({ position }: { readonly position: string }): [string] => [position]
