import { z } from 'zod'
import type { NotificationCommands } from '../../commands/notifications/notifications.ts'
import { crmId } from '../../domain/directory/events.ts'
import { defaultSettings, inFull } from '../../domain/notifications/channels.ts'
import { notificationSettings } from '../../domain/notifications/events.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'

const { kinds, accounts, digest } = notificationSettings.shape
const form = z.object({
  kinds: kinds.default(defaultSettings.kinds),
  accounts: accounts.default(defaultSettings.accounts),
  digest: digest.default(defaultSettings.digest),
})

/** How users want to be notified: users decide for themselves, programs for anybody. */
export const notificationSettingsRoutes = (
  app: App,
  { commands }: { readonly commands: NotificationCommands },
): void => {
  const tags = ['Notifications']
  const byUser = z.object({ userId: crmId })
  const url = '/v1/users/:userId/notification-settings'

  app.get(url, {
    config: { permission: 'notifications:read', ifNoneMatch: true },
    schema: {
      tags,
      summary: "Get a user's notification settings",
      params: byUser,
      response: { 200: notificationSettings, ...problems },
    },
    handler: async ({ params, actingUser }, reply) => {
      const { settings, revision, position } = await commands.settings(params.userId, actingUser)
      return answered(reply, { revision: Math.max(0, revision), position }, inFull(settings))
    },
  })
  app.put(url, {
    config: { permission: 'notifications:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: "Replace a user's notification settings",
      description:
        'What is left out is as at the beginning: every kind is in the list, in the feed and sent to webhook endpoints, ' +
        'none is mailed, and there is no digest. Emails go out from the account that the organisation names ' +
        '(`notificationsFrom`) to the address of the user in the directory. Of the mail of an account its owner is told, ' +
        'its members, and everybody else who may read it and has an entry for it in `accounts`.',
      params: byUser,
      body: form,
      response: { 200: notificationSettings, ...problems },
    },
    handler: async (request, reply) => {
      const { params, body, caller } = request
      const handled = await commands.changeSettings(caller, params.userId, body, askedRevision(request))
      return answered(reply, handled, inFull(handled.state.settings))
    },
  })
}
