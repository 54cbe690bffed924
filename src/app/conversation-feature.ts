import { conversationCommands } from '../commands/conversations/conversations.ts'
import type { CountedMessage } from '../commands/conversations/reserve-reply.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { accountStream } from '../domain/accounts/account.ts'
import type { AnyEvent } from '../domain/catalogue.ts'
import {
  authorOf,
  countingAfter,
  isCountedMessage,
  isCountingEvent,
  type CountingAccount,
} from '../domain/conversations/counted.ts'
import type { RecordedEvent } from '../domain/event.ts'
import { messageStream } from '../domain/sync/message.ts'
import { conversationQueries } from '../projections/conversations/conversations.ts'
import type { Accounts } from './account-feature.ts'
import type { Core, Directory, Sync } from './features.ts'

/** How long a reply waits for the thread of a message that has just come. */
const THREADED_MS = 5_000

export const conversationFeature = (
  core: Core,
  of: { readonly directory: Directory; readonly accounts: Accounts; readonly sync: Sync },
) => {
  const { db, store, runner } = core
  const queries = conversationQueries(db)
  const { readModels, findThread, ...sync } = of.sync.queries
  const commands = conversationCommands({
    ...core,
    ...queries,
    threadOf: sync.threadOf,
    threadsOf: sync.threadsOf,
    sentInThread: sync.sentInThread,
    findThread: (id) => findThread(id, null),
    findAccount: of.accounts.find,
    isUser: async (userId) => (await of.directory.lookup.user(userId)) !== null,
    isThreaded: (position) => runner.waitFor(readModels.threads.name, position, THREADED_MS),
    countedMessage: (id) => countedMessage(store, id),
  })
  return { commands, queries }
}
export type Conversations = ReturnType<typeof conversationFeature>

/** A message that counts for conversations, as its stream and that of its account have it; null for any other. */
const countedMessage = async (
  store: Pick<EventStore, 'readStream'>,
  messageId: string,
): Promise<CountedMessage | null> => {
  const events = (await store.readStream(messageStream(messageId))) as readonly RecordedEvent<AnyEvent>[]
  const synced = events.find((event) => event.type === 'MessageSynced')
  if (!synced) return null
  const { accountId, receivedAt } = synced.data
  const ofAccount = (await store.readStream(accountStream(accountId))) as readonly RecordedEvent<AnyEvent>[]
  const account = ofAccount.reduce<CountingAccount | null>(
    (before, event) => (isCountingEvent(event) ? countingAfter(before, event) : before),
    null,
  )
  if (!account || !isCountedMessage(synced.data, account)) return null
  return { messageId, accountId, receivedAt, from: authorOf(synced.data), position: synced.position }
}
