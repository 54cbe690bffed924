import { z } from 'zod'
import type { LinkingCommands } from '../../commands/linking/linking.ts'
import { NotFound } from '../../domain/decider.ts'
import { idOf } from '../../domain/ids.ts'
import { link, recordRef } from '../../domain/linking/events.ts'
import { currentLinks, type Links } from '../../domain/linking/links.ts'
import type { LinkingQueries } from '../../projections/linking/linking.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'

const anyMessage = idOf('msg', 'out').describe(
  'Id of a message in the mailbox, or of an email sent from here',
)
const linkView = link
  .extend({
    rule: z
      .enum(['hand', ...link.shape.rule.options])
      .describe(
        '`hand`: somebody made or confirmed it. `sender`: it was assigned to the address for good. `sent-about`: the email was written about it. `address`, `name`, `domain`: by the people on the message. `thread`: what it answers belongs to it',
      ),
    evidence: z
      .string()
      .describe('The address, name, domain, message, or contact (as `contact:…`) that the rule went by'),
    confidence: link.shape.confidence.describe(
      '`certain`: nothing else fits. `probable`: several signs agree. `possible`: somebody has to decide',
    ),
  })
  .meta({ id: 'Link' })
const linksView = z
  .object({
    messageId: z.string(),
    links: z.array(linkView),
    suggestions: z.array(linkView).describe('What it may belong to: accept or reject'),
    unlinked: z.array(recordRef).describe('What somebody decided that it does not belong to'),
  })
  .meta({ id: 'Links' })

const viewOf = (messageId: string, state: Links) => ({
  messageId,
  ...currentLinks(state),
  unlinked: [...state.unlinked],
})

export type LinkRouteDeps = {
  readonly commands: LinkingCommands
  readonly queries: LinkingQueries
  readonly sync: SyncQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
}

/** What a message is linked to, and what people decide about it. */
export const linkRoutes = (app: App, { commands, queries, sync, accountList }: LinkRouteDeps): void => {
  const tags = ['Links']
  const byId = z.object({ id: anyMessage })
  const byRecord = byId.extend({ kind: recordRef.shape.kind, recordId: recordRef.shape.id })

  app.get('/v1/messages/:id/links', {
    config: {
      permission: 'messages:read',
      reads: [queries.readModels.messageLinks, sync.readModels.messages, accountList],
      ifNoneMatch: true,
    },
    schema: {
      tags,
      summary: 'Get what a message is linked to, and why',
      params: byId,
      response: { 200: linksView, ...problems },
    },
    handler: async ({ params, actingUser }, reply) => {
      const message = await sync.findMessage(params.id, actingUser)
      if (!message) throw new NotFound('message', params.id)
      const { revision, ...found } = await queries.linksOf(message.id)
      const view = {
        messageId: message.id,
        links: [...found.links],
        suggestions: [...found.suggestions],
        unlinked: [...found.unlinked],
      }
      return revision < 0 ? view : answered(reply, { revision, position: null }, view)
    },
  })
  for (const [method, path, decision, summary, description] of [
    ['PUT', '', 'link', 'Link a message to a record', 'It stays, whatever the rules say.'],
    [
      'DELETE',
      '',
      'unlink',
      'Unlink a message from a record',
      'No rule links them again. A suggestion is rejected so, too.',
    ],
    [
      'POST',
      '/undo',
      'undo',
      'Undo what somebody decided about a message and a record',
      'The rules decide again.',
    ],
  ] as const)
    app.route({
      method,
      url: `/v1/messages/:id/links/:kind/:recordId${path}`,
      config: { permission: 'accounts:write', ifMatch: 'optional' },
      schema: { tags, summary, description, params: byRecord, response: { 200: linksView, ...problems } },
      handler: async (request, reply) => {
        const { id, kind, recordId } = request.params
        const handled = await commands.decide(
          request.caller,
          id,
          decision,
          { kind, id: recordId },
          askedRevision(request),
        )
        return answered(reply, handled, viewOf(id, handled.state))
      },
    })
}
