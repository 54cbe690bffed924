import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import { accessLevel, accountId, grantee, owner } from '../../domain/accounts/events.ts'
import { crmId } from '../../domain/directory/events.ts'
import { askedInstant } from '../../domain/mail.ts'
import { visibility } from '../../domain/visibility.ts'
import { actorView } from '../server/actor-view.ts'
import { defineProblem } from '../server/problems.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'

const given = {
  since: z.string().describe('When it was given'),
  by: actorView.describe('Who gave it'),
}
const reportView = z.object({
  accountId: z.string(),
  at: z.string().nullable().describe('The instant that the answer is as of; null for now'),
  owner: z.object({ owner, ...given }),
  entries: z
    .array(z.object({ grantee, level: accessLevel, ...given }))
    .readonly()
    .describe("Everybody else's access; a user's own entry counts before that of everyone"),
  others: visibility.describe("How much users without access see of the account's mail"),
})

const withAccess = z.object({ accountId: z.string() })
const levelForm = z.object({ level: accessLevel })

const notYours = defineProblem(403, 'handover-of-others', {
  title: 'Not your own accounts',
  meaning: 'A user can hand over only what is their own.',
  remedy: 'Let the user do it, or a program that acts for nobody.',
})

type AccessChange = Parameters<AccountCommands['changeAccess']>[2]
type HandOverWork = Parameters<AccountCommands['handOver']>[2]

/** Who may use an account: its members and their levels, its owner, and a leaver's handover. */
export const accessRoutes = (
  app: App,
  { commands, handOverWork }: { readonly commands: AccountCommands; readonly handOverWork: HandOverWork },
): void => {
  const tags = ['Email accounts']
  const byId = z.object({ id: accountId })
  const byUser = byId.extend({ userId: crmId.describe('Id of a user') })
  const change = async (
    request: FastifyRequest<{ Params: z.infer<typeof byId> }>,
    reply: FastifyReply,
    to: AccessChange,
  ) => {
    const { id } = request.params
    const handled = await commands.changeAccess(request.caller, id, to, askedRevision(request))
    return answered(reply, handled, { accountId: id })
  }

  app.get('/v1/email-accounts/:id/access', {
    config: { permission: 'accounts:read' },
    schema: {
      tags,
      summary: 'Show who may use an account, now or at an earlier time',
      description:
        'Read from the log alone: what was recorded up to that time counts. Programs with an API key that is bound to no user have access to every account.',
      params: byId,
      querystring: z.object({
        at: askedInstant.optional().describe('As of this instant; now if it is left out'),
      }),
      response: { 200: reportView, ...problems },
    },
    handler: async ({ params, query, actingUser }) => {
      const at = query.at ?? null
      return { accountId: params.id, at, ...(await commands.accessReport(params.id, actingUser, at)) }
    },
  })
  app.put('/v1/email-accounts/:id/access/users/:userId', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Give a user access to an account, or change it',
      params: byUser,
      body: levelForm,
      response: { 200: withAccess, ...problems },
    },
    handler: (request, reply) =>
      change(request, reply, {
        grantee: { kind: 'user', userId: request.params.userId },
        level: request.body.level,
      }),
  })
  app.delete('/v1/email-accounts/:id/access/users/:userId', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: "Revoke a user's access to an account",
      description: 'What everyone may do, the user may still do.',
      params: byUser,
      response: { 200: withAccess, ...problems },
    },
    handler: (request, reply) =>
      change(request, reply, { grantee: { kind: 'user', userId: request.params.userId }, level: null }),
  })
  app.put('/v1/email-accounts/:id/access/everyone', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Give every user access to an account, or change it',
      description: 'It holds for all users who have no access of their own.',
      params: byId,
      body: levelForm,
      response: { 200: withAccess, ...problems },
    },
    handler: (request, reply) =>
      change(request, reply, { grantee: { kind: 'everyone' }, level: request.body.level }),
  })
  app.delete('/v1/email-accounts/:id/access/everyone', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: "Revoke everyone's access to an account",
      description: 'Its owner and its members keep theirs.',
      params: byId,
      response: { 200: withAccess, ...problems },
    },
    handler: (request, reply) => change(request, reply, { grantee: { kind: 'everyone' }, level: null }),
  })
  app.put('/v1/email-accounts/:id/owner', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Make a user or the team the owner of an account',
      description:
        "Members keep their access. An account of the team is open to everyone until that is changed; a user's own account is not.",
      params: byId,
      body: owner,
      response: { 200: withAccess, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.changeOwner(request.caller, id, request.body, askedRevision(request))
      return answered(reply, handled, { accountId: id })
    },
  })
  app.post('/v1/users/:userId/handover', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: "Hand a user's accounts and access over to another user",
      description:
        'For somebody who leaves: what they own is the other’s from then on, where they were a member, the other is one, and conversations that were theirs are the other’s. An account where that is refused is kept, and does not stop the others. Repeat it after an error; it goes on with the rest.',
      params: z.object({ userId: crmId.describe('Id of the user who leaves') }),
      body: z.object({ to: crmId.describe('Id of the user who takes over') }),
      response: {
        200: z.object({
          owned: z.array(z.string()).readonly().describe('Accounts that changed their owner'),
          shared: z
            .array(z.string())
            .readonly()
            .describe('Accounts in which the other user is a member instead'),
          kept: z
            .array(
              z.object({
                accountId: z.string(),
                code: z
                  .string()
                  .describe('The code of the problem that says why, such as `already-connected`'),
              }),
            )
            .readonly()
            .describe(
              'Accounts that could not be handed over: nothing has changed in them. A user cannot hand on access that takes somebody with full access to give (`access-level-too-low`)',
            ),
        }),
        ...problems,
      },
    },
    handler: async ({ params, body, caller, actingUser }) => {
      if (actingUser !== null && actingUser !== params.userId) throw notYours()
      return commands.handOver(caller, { from: params.userId, to: body.to }, handOverWork)
    },
  })
}
