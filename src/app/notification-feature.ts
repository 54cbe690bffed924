import type { Kysely } from 'kysely'
import type { Handle, Load } from '../commands/handle.ts'
import { notificationCommands, type NotificationDeps } from '../commands/notifications/notifications.ts'
import type { Clock } from '../commands/ports/clock.ts'
import type { SendingCommands } from '../commands/sending/sending.ts'
import { outgoingEmail, outgoingStream } from '../domain/sending/outgoing-email.ts'
import { notificationQueries } from '../projections/notifications/notifications.ts'
import type { ConversationQueries } from '../projections/conversations/conversations.ts'
import type { SyncQueries } from '../projections/sync/sync.ts'

type Core = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly db: Kysely<unknown>
}

/** What notifications need of other features. */
type Others = Pick<NotificationDeps, 'directory' | 'findAccount'> & {
  readonly sync: Pick<SyncQueries, 'readMessage' | 'countReceived'>
  readonly conversations: Pick<ConversationQueries, 'figuresOf'>
  readonly sending: Pick<SendingCommands, 'queue'>
  /** The accounts whose mail a user may read. */
  readonly readableAccounts: (userId: string) => Promise<readonly string[]>
}

export const notificationFeature = (core: Core, of: Others) => {
  const queries = notificationQueries(core.db)
  const commands = notificationCommands({
    ...core,
    ...queries,
    directory: of.directory,
    findAccount: of.findAccount,
    messageFacts: async (id) => {
      const found = await of.sync.readMessage(id)
      const [from] = found?.from ?? []
      return found && { from: from?.name ?? from?.address ?? '', subject: found.subject }
    },
    emailFacts: async (id) => {
      const { state } = await core.load(outgoingEmail, outgoingStream(id))
      return 'email' in state ? { subject: state.email.header.subject } : null
    },
    figuresOf: async (userId, time) => {
      const accountIds = await of.readableAccounts(userId)
      const [received, standing] = await Promise.all([
        of.sync.countReceived(accountIds, time),
        of.conversations.figuresOf(userId, accountIds),
      ])
      return { received, ...standing }
    },
    queue: (caller, { accountId, to, subject, html }) =>
      of.sending.queue(
        caller,
        { content: { email: machineMail({ accountId, to, subject, html }) }, ...atOnce },
        null,
      ),
  })
  return { queries, commands }
}

const atOnce = { scheduledAt: null, undoSeconds: 0 }

/** An email that no person wrote: it goes out as it is, and is not tracked. */
const machineMail = ({ accountId, to, subject, html }: Parameters<NotificationDeps['queue']>[1]) => ({
  accountId,
  to: [to],
  cc: [],
  bcc: [],
  subject,
  html,
  template: null,
  contactId: null,
  dealId: null,
  attachments: [],
  trackOpens: false,
  trackClicks: false,
  replyTo: null,
  automatic: true,
})
