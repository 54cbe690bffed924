import type { FastifyBaseLogger } from 'fastify'
import { stems } from '../adapters/mime/words/languages.ts'
import { isEverybodys, isFreeMail } from '../adapters/linking/free-mail.ts'
import { accessCommands } from '../commands/access/access.ts'
import { auditCommands } from '../commands/audit/audit.ts'
import { directoryCommands } from '../commands/directory/directory.ts'
import { handler, loader } from '../commands/handle.ts'
import type { ApiKeyStore } from '../commands/ports/api-keys.ts'
import type { Clock } from '../commands/ports/clock.ts'
import type { MailProvider, ProviderOf } from '../commands/ports/mail-provider.ts'
import { linkingCommands } from '../commands/linking/linking.ts'
import { sendingCommands } from '../commands/sending/sending.ts'
import { hintsOfMailboxes } from '../commands/sync/hints.ts'
import { knownContacts } from '../commands/sync/known-contacts.ts'
import { syncCommands } from '../commands/sync/sync.ts'
import { eraseDeleted } from '../commands/sync/erase-deleted.ts'
import { timelineCommands } from '../commands/timeline/timeline.ts'
import { trashCopies } from '../commands/sync/trash-copies.ts'
import { templateCommands } from '../commands/templates/templates.ts'
import { webhookCommands } from '../commands/webhooks/webhooks.ts'
import { trackingCommands } from '../commands/tracking/tracking.ts'
import type { Config } from '../config.ts'
import { outgoingEmail, outgoingStream } from '../domain/sending/outgoing-email.ts'
import { analyticsQueries } from '../projections/analytics/analytics.ts'
import { auditQueries } from '../projections/audit/audit.ts'
import { directoryQueries } from '../projections/directory/directory.ts'
import { linkingQueries } from '../projections/linking/linking.ts'
import { sendingQueries } from '../projections/sending/sending.ts'
import { syncQueries } from '../projections/sync/sync.ts'
import { readTogether } from '../std/in-groups.ts'
import { templateQueries } from '../projections/templates/templates.ts'
import { timelineQueries } from '../projections/timeline/timeline.ts'
import { webhookQueries } from '../projections/webhooks/webhooks.ts'
import { trackingQueries } from '../projections/tracking/tracking.ts'
import type { Adapters } from './adapters.ts'
import { notificationFeature } from './notification-feature.ts'
import { assignmentFeature } from './assignment-feature.ts'
import { conversationFeature, type Conversations } from './conversation-feature.ts'
import { tracedHandle } from './observing.ts'
import { stories } from './stories.ts'
import { accountFeature, type Accounts } from './account-feature.ts'

/** The doors of all features. What a feature needs from outside and from other features is passed in here. */
export const openFeatures = (
  adapters: OpenAdapters,
  { deliveryWindowMinutes, deletedRetentionDays, returnOrigins, url }: FeatureSettings,
  clock: Clock,
  log: Log,
) => {
  const core = coreOf(adapters, clock, log)
  const directory = directoryFeature(core)
  const redirectUri = `${url}/oauth/callback`
  const accounts = accountFeature(core, directory, { returnOrigins, redirectUri })
  const templates = templateFeature(core, directory, accounts)
  const sync = syncFeature(core, accounts, deletedRetentionDays)
  const conversations = conversationFeature(core, { directory, accounts, sync })
  const sending = sendingFeature(core, {
    directory,
    accounts,
    templates,
    sync,
    conversations,
    deliveryWindowMinutes,
  })
  const tracking = trackingFeature(core, accounts)
  const analytics = { queries: analyticsQueries(core.db, accounts) }
  const audit = auditFeature(core, sync)
  const access = { commands: accessCommands(core) }
  const linking = linkingFeature(core, { directory, accounts, sync })
  const timeline = timelineFeature(core, directory, accounts)
  const webhooks = webhookFeature(core)
  const notifications = notificationFeature(core, {
    directory: directory.lookup,
    findAccount: accounts.find,
    sync: sync.queries,
    sending: sending.commands,
    conversations: conversations.queries,
    readableAccounts: accounts.readableAccounts,
  })
  const assignment = assignmentFeature(core, { directory, accounts, conversations })
  return {
    access,
    directory,
    accounts,
    templates,
    sync,
    sending,
    tracking,
    analytics,
    audit,
    linking,
    timeline,
    webhooks,
    notifications,
    conversations,
    assignment,
  }
}

export type Features = ReturnType<typeof openFeatures>

/** `url`: where people reach the service. */
type FeatureSettings = Pick<Config, 'deliveryWindowMinutes' | 'deletedRetentionDays' | 'returnOrigins'> & {
  readonly url: string
}

type Log = Pick<FastifyBaseLogger, 'warn'>
type OpenAdapters = Adapters & { readonly apiKeys: ApiKeyStore }

/** How long a command waits for the read models that it works on. */
const CATCH_UP_MS = 30_000

/** Whether read models have caught up with the log; it waits for that, though not for ever. */
const caughtUpOf =
  ({ store, runner }: Pick<OpenAdapters, 'store' | 'runner'>) =>
  async (...readModels: readonly { readonly name: string }[]): Promise<boolean> => {
    const position = await store.head()
    if (position === null) return true
    const waits = readModels.map(({ name }) => runner.waitFor(name, position, CATCH_UP_MS))
    return (await Promise.all(waits)).every(Boolean)
  }

/** What any feature may need: adapters, the clock, the log, and functions to handle commands and read streams. */
const coreOf = (adapters: OpenAdapters, clock: Clock, log: Log) => ({
  ...adapters,
  clock,
  log,
  handle: tracedHandle(handler(adapters.linkedStore, clock)),
  load: loader(adapters.store),
  providerOf: providerFinder(adapters.providers),
  caughtUp: caughtUpOf(adapters),
})
export type Core = ReturnType<typeof coreOf>

const providerFinder =
  (providers: readonly MailProvider[]): ProviderOf =>
  (connection) => {
    const found = providers.find(({ name }) => name === connection.provider)
    if (!found) throw new Error(`There is no mail provider ${connection.provider}`)
    return found
  }

const directoryFeature = (core: Core) => {
  const commands = directoryCommands({ ...core, isEverybodys })
  const queries = directoryQueries(core.db)
  return {
    commands,
    queries,
    /** The CRM's records for template variables, from their streams. */
    lookup: {
      user: async (id: string) => (await commands.find('user', id))?.value ?? null,
      contact: async (id: string) => (await commands.find('contact', id))?.value ?? null,
      company: async (id: string) => (await commands.find('company', id))?.value ?? null,
      deal: async (id: string) => (await commands.find('deal', id))?.value ?? null,
      organization: async () => (await commands.find('organization', 'main'))?.value ?? null,
      contactsOfAddress: queries.contactsOfAddress,
      optedOutAmong: queries.optedOutAmong,
    },
  }
}
export type Directory = ReturnType<typeof directoryFeature>

const templateFeature = (core: Core, directory: Directory, accounts: Accounts) => ({
  commands: templateCommands({ ...core, directory: directory.lookup, findAccount: accounts.find }),
  queries: templateQueries(core.db),
})
type Templates = ReturnType<typeof templateFeature>

const syncFeature = (core: Core, accounts: Accounts, retentionDays: number) => {
  const { db, load, caughtUp } = core
  const queries = syncQueries(db, { ...accounts, stems })
  const { placements, messages, patternRuns } = queries.readModels
  const linking = linkingQueries(db)
  const hints = hintsOfMailboxes()
  const commands = syncCommands({
    ...core,
    ...queries,
    openMailbox: accounts.openMailbox,
    findAccount: async (id) => {
      const found = await accounts.find(id)
      return (
        found && {
          ...found,
          active: found.status === 'active',
          disconnected: found.status === 'disconnected',
        }
      )
    },
    findOutgoing: async (id) => {
      const { state } = await load(outgoingEmail, outgoingStream(id))
      if (!('email' in state)) return null
      const { accountId, mime, copy } = state.email
      return { accountId, blobs: [mime.blob, copy.blob], sentAt: state.taken?.sentAt ?? null }
    },
    known: {
      among: queries.knownAmong,
      page: queries.knownPage,
      isDeleted: readTogether(queries.deletedAmong, 100),
      catchUp: () => caughtUp(placements),
    },
    caughtUp: () => caughtUp(messages, patternRuns),
    contacts: knownContacts({
      factsUnder: linking.factsUnder,
      isFreeMail,
      catchUp: () => caughtUp(linking.readModels.matching),
    }),
    lastRun: queries.lastRun,
    findThread: queries.threadWithMembers,
    hasHint: hints.has,
    onFault: (error) => core.log.warn({ err: error }, 'sync got over a fault'),
  })
  const { copiesToTrash, placesOf } = queries
  const trash = trashCopies({ ...core, copiesToTrash, placesOf, openMailbox: accounts.openMailbox })
  const catchUp = () => caughtUp(queries.readModels.storedContent)
  const erase = eraseDeleted({ ...core, ...queries, catchUp, retentionDays })
  return { commands, queries, hints, trashCopies: trash, eraseDeleted: erase }
}
export type Sync = ReturnType<typeof syncFeature>

const sendingFeature = (
  core: Core,
  of: {
    readonly directory: Directory
    readonly accounts: Accounts
    readonly templates: Templates
    readonly sync: Sync
    readonly conversations: Conversations
    readonly deliveryWindowMinutes: number
  },
) => ({
  commands: sendingCommands({
    ...core,
    chance: Math.random,
    deliveryWindowMinutes: of.deliveryWindowMinutes,
    directory: of.directory.lookup,
    findAccount: of.accounts.find,
    activeAccount: of.accounts.findActive,
    defaultAccount: of.accounts.findDefault,
    visibilityOf: of.accounts.visibilityOf,
    openMailbox: of.accounts.openMailbox,
    reserveReply: of.conversations.commands.reserveReply,
    findTemplate: of.templates.commands.find,
    findMessage: async (id) => {
      const found = await of.sync.queries.readMessage(id)
      // A draft was sent by nobody, so nobody can be answered.
      return found === null || found.direction === null ? null : { ...found, direction: found.direction }
    },
    // No script leaves in a mail: what is quoted may have some, whoever wrote it.
    assemble: async (writing) => {
      const assembled = await core.composer.assemble(writing)
      return { ...assembled, html: await core.compiler.withoutCode(assembled.html) }
    },
    compose: core.composer.compose,
  }),
  queries: sendingQueries(core.db, of.accounts),
})

const trackingFeature = (core: Core, accounts: Accounts) => ({
  commands: trackingCommands(core),
  queries: trackingQueries(core.db, accounts),
})

const linkingFeature = (
  core: Core,
  of: { readonly directory: Directory; readonly accounts: Accounts; readonly sync: Sync },
) => {
  const queries = linkingQueries(core.db)
  const commands = linkingCommands({
    ...core,
    ...queries,
    isFreeMail,
    findMessage: of.sync.queries.readMessage,
    findAccount: of.accounts.find,
    readableAccounts: of.accounts.readableAccounts,
    correspondentOf: async (messageId) => {
      const found = await of.sync.queries.readMessage(messageId)
      const [person] = (found?.direction === 'out' ? found.to : found?.from) ?? []
      return person?.address ?? null
    },
    isRecorded: async ({ kind, id }) => (await of.directory.commands.find(kind, id)) !== null,
  })
  return { commands, queries }
}

const timelineFeature = (core: Core, directory: Directory, accounts: Accounts) => ({
  commands: timelineCommands({
    ...core,
    findRecord: ({ kind, id }) => directory.commands.find(kind, id),
  }),
  queries: timelineQueries(core.db, accounts),
})

const webhookFeature = (core: Core) => {
  const queries = webhookQueries(core.db)
  return {
    queries,
    commands: webhookCommands({ ...core, ...core.webhooks, ...queries, chance: Math.random }),
  }
}

const auditFeature = ({ db, store }: Core, sync: Sync) => {
  const queries = auditQueries(db)
  return { queries, commands: auditCommands({ store, stories, ...sync.queries, ...queries }) }
}
