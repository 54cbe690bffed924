import { z } from 'zod'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import { accountId, accountSettings, excludePattern } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'

const match = excludePattern.shape.match.default('sender')
const patternsView = z.object({ excludePatterns: accountSettings.shape.excludePatterns })
const signatureView = z.object({
  html: z.string(),
  missing: z.array(z.string()).describe('Variables that have no value: they stand as they are'),
})

/** What the forms of an account need beside reading and saving it: a preview, and one entry of a list at a time. */
export const accountFormRoutes = (app: App, { commands }: { readonly commands: AccountCommands }): void => {
  const tags = ['Email accounts']
  const byId = z.object({ id: accountId })
  const patternsOf = (id: string, { state }: Awaited<ReturnType<AccountCommands['addExcludePattern']>>) => {
    if (state.status === 'none') throw new NotFound('email account', id)
    return { excludePatterns: state.settings.excludePatterns }
  }

  app.post('/v1/email-accounts/:id/signature/preview', {
    config: { permission: 'accounts:read' },
    schema: {
      tags,
      summary: 'Preview a signature, saved or not',
      description:
        'As it would stand in an email of this account. Variables without a value are left as they are, and listed.',
      params: byId,
      body: z.object({
        html: z.string().max(100_000).nullable().default(null).describe('Null: the saved signature'),
        userId: crmId
          .nullable()
          .default(null)
          .describe(
            'The sender, if the request is made on behalf of no user; by default the owner of the account',
          ),
      }),
      response: { 200: signatureView, ...problems },
    },
    handler: async ({ params, body, actingUser }) => {
      const asked = { html: body.html, sender: actingUser ?? body.userId, userId: actingUser }
      const { html, missing } = await commands.previewSignature(params.id, asked)
      return { html, missing: [...missing] }
    },
  })
  app.post('/v1/email-accounts/:id/exclude-patterns', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Add an exclude pattern',
      description: 'Mail to come that matches it is kept out. Adding one that is there changes nothing.',
      params: byId,
      body: excludePattern.extend({ match }),
      response: { 200: patternsView, ...problems },
    },
    handler: async (request, reply) => {
      const { params, body, caller } = request
      const handled = await commands.addExcludePattern(caller, params.id, body, askedRevision(request))
      return answered(reply, handled, patternsOf(params.id, handled))
    },
  })
  app.delete('/v1/email-accounts/:id/exclude-patterns/:pattern', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Remove an exclude pattern',
      description: 'Mail to come that matches it, and no other pattern, is synced again.',
      params: byId.extend({
        pattern: excludePattern.shape.pattern.describe('The pattern, percent-encoded'),
      }),
      querystring: z.object({ match }),
      response: { 200: patternsView, ...problems },
    },
    handler: async (request, reply) => {
      const { params, query, caller } = request
      const handled = await commands.removeExcludePattern(
        caller,
        params.id,
        { pattern: params.pattern, match: query.match },
        askedRevision(request),
      )
      return answered(reply, handled, patternsOf(params.id, handled))
    },
  })
}
