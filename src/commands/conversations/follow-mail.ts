import { conversation, conversationStream } from '../../domain/conversations/conversation.ts'
import type { KnownConversation } from '../../domain/conversations/conversation-state.ts'
import type { MailChange } from '../../domain/conversations/events.ts'
import { mailFollowed, mailFollowedStream } from '../../domain/conversations/mail-followed.ts'
import { systemCaller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { pageByPage } from '../to-do-work.ts'
import { standingConversation } from './change-conversation.ts'
import { mergeConversations, type FollowedThread, type MergeDeps } from './merge-conversations.ts'
import { tellConversation } from './tell-conversation.ts'

/** Mail to follow; `userId` is who sent an answer, `from` who wrote a message. `conversationId`: where it was queued. */
type MailItem = { readonly id: string; readonly accountId: string; readonly at: string } & (
  | { readonly kind: 'message'; readonly from: string | null }
  | { readonly kind: 'answer'; readonly userId: string | null; readonly conversationId: string | null }
)
type Answer = Extract<MailItem, { kind: 'answer' }>
type Message = Extract<MailItem, { kind: 'message' }>

/** What a person did to two threads of an account: merged or split them, or undid that. */
export type ThreadChange = {
  readonly accountId: string
  readonly number: number
  readonly threadId: string
  readonly other: string
  readonly position: string
}

export type FollowDeps = MergeDeps & {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly mailToFollow: (limit: number) => Promise<readonly MailItem[]>
  readonly threadChanges: (limit: number) => Promise<readonly ThreadChange[]>
  /** Whether the read model of threads has come this far. */
  readonly isThreaded: (position: string) => Promise<boolean>
  /** The threads that mail is part of, as far as they are known already. */
  readonly threadsOf: (mail: readonly string[]) => Promise<ReadonlyMap<string, string>>
  readonly findThread: (id: string) => Promise<FollowedThread | null>
  /** What was sent in a thread after this instant. */
  readonly sentInThread: (
    thread: Pick<FollowedThread, 'id' | 'merged'>,
    after: string,
  ) => Promise<readonly { readonly id: string; readonly at: string }[]>
}

const NAME = 'conversations'
const PAGE = 200

/** Tells conversations of the mail that came and was sent, once the threads are known that it is part of. */
const followMail = (deps: FollowDeps) => {
  const follow = followOne(deps)
  const ready = async (limit: number) => {
    const items = await deps.mailToFollow(limit)
    const threads = await deps.threadsOf(items.map(({ id }) => id))
    return items.flatMap((item) => {
      const threadId = threads.get(item.id)
      return threadId === undefined ? [] : [{ item, threadId }]
    })
  }
  return pageByPage(
    PAGE,
    ready,
    ({ item }) => item.id,
    async ({ item, threadId }) => {
      const { id, accountId } = item
      if (await follow(item, threadId)) return
      await recordFollowed(deps, id, { accountId, mail: [id], threadChanges: [] })
    },
  )
}

/** @returns whether a conversation has it */
const followOne = (deps: FollowDeps) => {
  const tell = tellConversation(deps, NAME)
  const merge = mergeConversations(deps, tell)

  const answerIn = async (id: string, { id: messageId, userId, at }: Answer): Promise<boolean> => {
    const found = await standingConversation(deps)(id)
    if (!found) return false
    const { conversationId, accountId } = found.state
    await tell({ conversationId, accountId }, { do: 'answer', answer: { messageId, userId, sentAt: at } })
    return true
  }
  const receiveIn = async (thread: FollowedThread, item: Message): Promise<boolean> => {
    const { id: conversationId, accountId } = thread
    const message = { messageId: item.id, receivedAt: item.at, from: item.from }
    const { state } = await deps.load(conversation, conversationStream(conversationId))
    // An answer may have been found before what it answers.
    const sent = state.status === 'none' ? await deps.sentInThread(thread, item.at) : []
    const answers = sent.map(({ id, at }) => ({ messageId: id, userId: null, sentAt: at }))
    await tell({ conversationId, accountId }, { do: 'receive', message, answers })
    return true
  }
  return async (item: MailItem, threadId: string): Promise<boolean> => {
    const thread = await deps.findThread(threadId)
    if (thread) await merge(thread)
    if (item.kind === 'answer') return answerIn(item.conversationId ?? thread?.id ?? threadId, item)
    return thread !== null && receiveIn(thread, item)
  }
}

const recordFollowed = (
  { handle, clock }: Pick<FollowDeps, 'handle' | 'clock'>,
  what: string,
  followed: Parameters<typeof mailFollowed.decide>[0],
) => handle(mailFollowed, mailFollowedStream(what), followed, systemCaller(NAME, clock, what))

/** Lets conversations follow what people did to threads, and then the mail in them. Returns whether there may be more. */
export const follow = (deps: FollowDeps) => {
  const followChanges = followThreadChanges(deps)
  const followItems = followMail(deps)
  return async (signal: AbortSignal): Promise<boolean> => {
    const hasMoreChanges = await followChanges(signal)
    return (await followItems(signal)) || hasMoreChanges
  }
}

const followThreadChanges = (deps: FollowDeps) =>
  pageByPage(
    PAGE,
    deps.threadChanges,
    ({ accountId, number }) => `${accountId}.${number}`,
    async (change: ThreadChange) => {
      if (!(await deps.isThreaded(change.position))) return 'later'
      await regroup(deps, change)
      const { accountId, number } = change
      const what = `${accountId}.${number}`
      return recordFollowed(deps, what, { accountId, mail: [], threadChanges: [number] })
    },
  )

const regroup = async (deps: FollowDeps, { accountId, threadId, other }: ThreadChange): Promise<void> => {
  const tell = tellConversation(deps, NAME)
  const found = await Promise.all([threadId, other].map((id) => deps.findThread(id)))
  const threads = found.filter((thread) => thread !== null)
  for (const id of [threadId, other]) {
    const { state } = await deps.load(conversation, conversationStream(id))
    const isOnItsOwn = threads.some((thread) => thread.id === id)
    if (isOnItsOwn && state.status !== 'none' && state.mergedInto !== null)
      await tell({ conversationId: id, accountId }, { do: 'separate' })
  }
  const home = await standingConversation(deps)(threadId)
  if (home && home.state.conversationId !== other) await handOver(deps, home.state, other)
  for (const thread of threads) await mergeConversations(deps, tell)(thread)
}

/** Mail that is in the other thread now is told there; where it was, it stays as well, but for replies still to be sent. */
const handOver = async (deps: FollowDeps, home: KnownConversation, other: string): Promise<void> => {
  const tell = tellConversation(deps, NAME)
  const from = { conversationId: home.conversationId, accountId: home.accountId }
  const to = { ...from, conversationId: other }
  const placeOf = ({ kind, id, to: answered }: MailChange) => (kind === 'reply' ? (answered ?? id) : id)
  const threads = await deps.threadsOf(home.mail.map(placeOf))
  const moved = home.mail.filter((each) => threads.get(placeOf(each)) === other)
  for (const each of moved.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))) {
    const { id, kind, userId, at } = each
    const message = kind === 'message' ? await deps.countedMessage(id) : null
    if (message) await tell(to, { do: 'receive', message })
    const { state } = await deps.load(conversation, conversationStream(other))
    if (state.status === 'none') continue
    if (kind === 'answer') await tell(to, { do: 'answer', answer: { messageId: id, userId, sentAt: at } })
    if (kind !== 'reply') continue
    if (!state.mail.some((known) => known.id === id)) await tell(to, queuedBefore(each))
    await tell(from, { do: 'withdraw-reply', outgoingId: id })
  }
}

const queuedBefore = ({ id: outgoingId, userId, to, at: queuedAt }: MailChange) =>
  ({
    do: 'queue-reply',
    reply: { outgoingId, userId, to: to ?? outgoingId, seen: null, maySee: true },
    anyway: true,
    queuedAt,
    opens: null,
  }) as const
