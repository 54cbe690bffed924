import { z } from 'zod'
import type { AssignmentCommands } from '../../commands/assignment/assignment.ts'
import { availability } from '../../domain/assignment/events.ts'
import { crmId } from '../../domain/directory/events.ts'
import { answered, problems, type App } from '../server/server.ts'
import { revisionToPut } from '../server/versions.ts'

const view = availability.meta({ id: 'Availability' })

/** When users are there: conversations are not assigned to them while they are not. */
export const availabilityRoutes = (
  app: App,
  { commands }: { readonly commands: AssignmentCommands },
): void => {
  const tags = ['Assignment']
  const params = z.object({ userId: crmId })

  app.get('/v1/users/:userId/availability', {
    config: { permission: 'assignment:read', ifNoneMatch: true },
    schema: {
      tags,
      summary: "Get a user's availability",
      description: 'Users are told of themselves; a program that acts for nobody is told of everybody.',
      params,
      response: { 200: view, ...problems },
    },
    handler: async (request, reply) => {
      const found = await commands.findAvailability(request.params.userId, request.actingUser)
      // The user has said nothing yet: there is no version.
      return found.revision < 0 ? found.state : answered(reply, found, found.state)
    },
  })
  app.put('/v1/users/:userId/availability', {
    config: { permission: 'assignment:write', ifMatch: 'optional', ifNoneMatch: true },
    schema: {
      tags,
      summary: "Set a user's availability",
      description:
        'Users say it of themselves; a program that acts for nobody may for everybody. While a user is away or outside ' +
        'working hours, no conversation is assigned to them; replies stay with them for as long as the rules say.',
      params,
      body: availability,
      response: { 200: view, ...problems },
    },
    handler: async (request, reply) => {
      const { caller, body, params: of } = request
      const handled = await commands.changeAvailability(caller, of.userId, body, revisionToPut(request))
      return answered(reply, handled, handled.state)
    },
  })
}
