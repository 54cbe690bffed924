import { z } from 'zod'
import type { LinkingCommands } from '../../commands/linking/linking.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { crmId } from '../../domain/directory/events.ts'
import { link, recordRef } from '../../domain/linking/events.ts'
import { currentLinks } from '../../domain/linking/links.ts'
import { address } from '../../domain/mail.ts'
import type { LinkingQueries } from '../../projections/linking/linking.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'

const suggestionId = z
  .string()
  .regex(/^(?:msg|out)_[0-9a-hjkmnp-tv-z]{26}\.(?:contact|company|deal)\.[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/)
  .describe('Id of a suggestion')
const suggestionView = z
  .object({
    id: z.string(),
    messageId: z.string(),
    accountId: z.string(),
    suggestion: link.describe('The record, and why the message may belong to it'),
    since: z.string().describe('When it was suggested'),
  })
  .meta({ id: 'LinkSuggestion' })

const partsOf = (id: string) => {
  const [messageId = '', kind = '', ...rest] = id.split('.')
  return { messageId, record: recordRef.parse({ kind, id: rest.join('.') }) }
}

export type SuggestionRouteDeps = {
  readonly commands: LinkingCommands
  readonly queries: LinkingQueries
  readonly readableAccounts: (userId: string) => Promise<readonly string[]>
}

/** What waits for somebody to decide: a queue of suggestions, and addresses that are assigned for good. */
export const suggestionRoutes = (
  app: App,
  { commands, queries, readableAccounts }: SuggestionRouteDeps,
): void => {
  const tags = ['Links']
  const accountsFor = async (userId: string | null, asked: string | undefined) => {
    const usable = userId === null ? null : await readableAccounts(userId)
    if (asked === undefined) return usable
    return usable === null || usable.includes(asked) ? [asked] : []
  }

  app.get('/v1/link-suggestions', {
    config: { permission: 'messages:read', reads: [queries.readModels.messageLinks] },
    schema: {
      tags,
      summary: 'List what mail may belong to, for somebody to decide',
      querystring: pageQuery.extend({
        account: accountId.optional(),
        kind: recordRef.shape.kind.optional().describe('Only suggestions of such records'),
        sort: sortBy(['since'], '-since'),
      }),
      response: { 200: pageOf(suggestionView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { account, kind, sort, limit } = query
      const after = readCursor(query, ['instant', 'text'])
      const accounts = await accountsFor(actingUser, account)
      const found = await queries.listSuggestions(
        { accounts, kind },
        { ...orderOf(sort), after, limit: limit + 1 },
      )
      return pageFrom(found, query, ({ since, id }) => [since, id])
    },
  })
  for (const [decision, summary] of [
    ['accept', 'Accept a suggestion: the message is linked'],
    ['reject', 'Reject a suggestion: no rule makes it again'],
  ] as const)
    app.post(`/v1/link-suggestions/:id/${decision}`, {
      config: { permission: 'accounts:write', ifMatch: 'optional' },
      schema: {
        tags,
        summary,
        params: z.object({ id: suggestionId }),
        body: z.object({
          alwaysForSender: z
            .boolean()
            .default(false)
            .describe(
              'With `accept`: mail from and to whoever wrote the message always belongs to the record',
            ),
        }),
        response: { 200: z.object({ messageId: z.string(), suggestions: z.int() }), ...problems },
      },
      handler: async (request, reply) => {
        const suggestion = partsOf(request.params.id)
        const alwaysForSender = decision === 'accept' && request.body.alwaysForSender
        const handled = await commands.decideSuggestion(
          request.caller,
          suggestion,
          { decision, alwaysForSender },
          askedRevision(request),
        )
        const left = currentLinks(handled.state).suggestions.length
        return answered(reply, handled, { messageId: suggestion.messageId, suggestions: left })
      },
    })
  app.post('/v1/sender-assignments', {
    config: { permission: 'directory:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Assign an address to a record for good, or no longer',
      description: 'It beats all other rules, and reaches back to older mail.',
      body: z.object({
        address,
        record: recordRef,
        assigned: z.boolean().default(true).describe('False: no longer'),
      }),
      response: {
        200: z.object({ address: z.string(), records: z.array(z.object({ kind: z.string(), id: crmId })) }),
        ...problems,
      },
    },
    handler: async (request, reply) => {
      const { address: of, record, assigned } = request.body
      const decision = assigned ? 'assign' : 'unassign'
      const handled = await commands.assignSender(
        request.caller,
        decision,
        of,
        record,
        askedRevision(request),
      )
      return answered(reply, handled, { address: of, records: [...handled.state.records] })
    },
  })
}
