import { z } from 'zod'
import type { LinkingCommands } from '../../commands/linking/linking.ts'
import { accountId, accountSettings } from '../../domain/accounts/events.ts'
import { company, contact, crmId } from '../../domain/directory/events.ts'
import { link, recordRef } from '../../domain/linking/events.ts'
import { companyFacts, contactFacts } from '../../domain/linking/facts.ts'
import { NotFound } from '../../domain/decider.ts'
import type { LinkingQueries } from '../../projections/linking/linking.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { problems, type App } from '../server/server.ts'

const MOST_RECORDS = 1_000
const MOST_ACCOUNTS = 100

const changesBody = z.object({
  contacts: z
    .array(contact.extend({ id: crmId }))
    .max(MOST_RECORDS)
    .default([])
    .describe('Contacts as they would be put'),
  companies: z
    .array(company.extend({ id: crmId }))
    .max(MOST_RECORDS)
    .default([])
    .describe('Companies as they would be put'),
  remove: z.array(recordRef).max(MOST_RECORDS).default([]).describe('Records that would be deleted'),
  merge: z
    .array(z.object({ contactId: crmId, into: crmId.describe('The contact that would stay') }))
    .max(MOST_RECORDS)
    .default([])
    .describe('Contacts that would be merged into others'),
  rules: z
    .array(accountSettings.pick({ autoLink: true, linkRules: true }).partial().extend({ accountId }))
    .max(MOST_ACCOUNTS)
    .default([])
    .describe('Accounts with other settings'),
})

const counts = z
  .record(z.string(), z.object({ added: z.int(), removed: z.int() }))
  .describe('By rule, how many there would be more and fewer')
const previewView = z
  .object({
    examined: z.int().describe('Messages that would be looked at again'),
    changed: z.int().describe('Messages whose links or suggestions would change'),
    isComplete: z.boolean().describe('False: there are more messages than a preview looks at'),
    links: counts,
    suggestions: counts,
    sample: z
      .array(
        z.object({
          messageId: z.string(),
          accountId: z.string(),
          added: z.array(link).describe('Links that would be made'),
          removed: z.array(recordRef).describe('Records that it would no longer be linked to'),
        }),
      )
      .describe('A few messages whose links would change'),
  })
  .meta({ id: 'LinkPreview' })
const runView = z
  .object({
    upTo: z.string().describe('The position of the event log up to which it covers changes'),
    startedAt: z.string(),
    finishedAt: z.string().nullable(),
    examined: z.int().describe('Messages that were looked at again'),
    changed: z.int().describe('Messages whose links or suggestions changed'),
  })
  .meta({ id: 'LinkRun' })

export type PreviewRouteDeps = {
  readonly commands: LinkingCommands
  readonly queries: LinkingQueries
  readonly mayRead: (accountId: string, userId: string | null) => Promise<boolean>
}

/** What changes would do to links, what they did, and how much of an account is linked. */
export const linkPreviewRoutes = (app: App, { commands, queries, mayRead }: PreviewRouteDeps): void => {
  const tags = ['Links']
  const { messageLinks, matching } = queries.readModels

  app.post('/v1/link-previews', {
    config: { permission: 'messages:read', reads: [matching] },
    schema: {
      tags,
      summary: 'Preview what changed records and rules would do to links',
      description:
        'Changes nothing. The changes themselves reach back to older mail as soon as they are made. A user is told of the mail in accounts that they may use.',
      body: changesBody,
      response: { 200: previewView, ...problems },
    },
    handler: async ({ body, actingUser }) => {
      const { sample, ...preview } = await commands.preview(
        {
          ...body,
          contacts: body.contacts.map(({ id, ...value }) => contactFacts(id, value)),
          companies: body.companies.map(({ id, ...value }) => companyFacts(id, value)),
        },
        actingUser,
      )
      return {
        ...preview,
        sample: sample.map((each) => ({ ...each, added: [...each.added], removed: [...each.removed] })),
      }
    },
  })
  app.get('/v1/link-runs', {
    config: { permission: 'messages:read', reads: [messageLinks] },
    schema: {
      tags,
      summary: 'List how changes reached back to the links of older mail',
      querystring: pageQuery.extend({ sort: sortBy(['startedAt'], '-startedAt') }),
      response: { 200: pageOf(runView), ...problems },
    },
    handler: async ({ query }) => {
      const after = readCursor(query, ['instant', 'text'])
      const runs = await queries.listRuns({ ...orderOf(query.sort), after, limit: query.limit + 1 })
      return pageFrom(runs, query, ({ startedAt, upTo }) => [startedAt, upTo])
    },
  })
  app.get('/v1/email-accounts/:id/linked', {
    config: { permission: 'messages:read', reads: [messageLinks] },
    schema: {
      tags,
      summary: 'Get how much mail of an account is linked to the CRM',
      params: z.object({ id: accountId }),
      response: {
        200: z.object({
          linked: z.int().describe('Messages that are linked to at least one record'),
          byRule: z
            .record(z.string(), z.int())
            .describe('How many of them by each rule; one may be linked by several'),
        }),
        ...problems,
      },
    },
    handler: async ({ params, actingUser }) => {
      if (!(await mayRead(params.id, actingUser))) throw new NotFound('email account', params.id)
      const { linked, byRule } = await queries.figures(params.id)
      return { linked, byRule: { ...byRule } }
    },
  })
}
