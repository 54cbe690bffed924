import { NotFound, type Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  ThreadMergeUndone,
  ThreadsMerged,
  ThreadSplit,
  ThreadSplitUndone,
  type ThreadEvent,
} from './thread-events.ts'

// ---------------------------------------------------------------- state

/** What people have changed about the threads of an account; `undone` changes are kept, so that undoing is repeatable. */
type ThreadChange = { readonly change: number; readonly undone: boolean } & (
  | { readonly kind: 'merge'; readonly threadId: string; readonly other: string }
  | { readonly kind: 'split'; readonly threadId: string; readonly into: string }
)
export type AccountThreads = { readonly changes: readonly ThreadChange[] }

// ---------------------------------------------------------------- commands

/** `messages`: all that are in the thread now. `into`: the id for the new thread. */
export type ThreadCommand =
  | { readonly do: 'merge'; readonly accountId: string; readonly threadId: string; readonly other: string }
  | {
      readonly do: 'split'
      readonly accountId: string
      readonly threadId: string
      readonly into: string
      readonly messageIds: readonly string[]
      readonly messages: readonly string[]
    }
  | { readonly do: 'undo'; readonly accountId: string; readonly change: number }

// ---------------------------------------------------------------- evolve

const evolve = ({ changes }: AccountThreads, event: ThreadEvent): AccountThreads => {
  const { change, threadId } = event.data
  switch (event.type) {
    case 'ThreadsMerged':
      return {
        changes: [...changes, { change, undone: false, kind: 'merge', threadId, other: event.data.other }],
      }
    case 'ThreadSplit':
      return {
        changes: [...changes, { change, undone: false, kind: 'split', threadId, into: event.data.into }],
      }
    case 'ThreadMergeUndone':
    case 'ThreadSplitUndone':
      return { changes: changes.map((each) => (each.change === change ? { ...each, undone: true } : each)) }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: ThreadCommand, { changes }: AccountThreads): ThreadEvent[] => {
  const { accountId } = command
  const change = changes.length + 1
  switch (command.do) {
    case 'merge': {
      const { threadId, other } = command
      if (threadId === other) throw sameThread()
      return [ThreadsMerged({ accountId, change, threadId, other })]
    }
    case 'split': {
      const { threadId, into, messages } = command
      const messageIds = [...new Set(command.messageIds)]
      const strange = messageIds.find((id) => !messages.includes(id))
      if (strange !== undefined) throw messageNotInThread({ detail: `${strange} is not in this thread.` })
      if (messages.every((id) => messageIds.includes(id))) throw wholeThread()
      return [ThreadSplit({ accountId, change, threadId, into, messageIds })]
    }
    case 'undo': {
      const done = changes.find((each) => each.change === command.change)
      if (!done) throw new NotFound('thread change', String(command.change))
      if (done.undone) return []
      return done.kind === 'merge'
        ? [ThreadMergeUndone({ accountId, change: done.change, threadId: done.threadId, other: done.other })]
        : [ThreadSplitUndone({ accountId, change: done.change, threadId: done.threadId, into: done.into })]
    }
  }
}

const sameThread = defineRefusal('same-thread', {
  title: 'One and the same thread',
  meaning: 'The two ids are of one thread, so there is nothing to merge.',
  remedy: 'Reload the threads: they may have become one meanwhile.',
})
const messageNotInThread = defineRefusal('message-not-in-thread', {
  title: 'Message not in this thread',
  meaning: 'Only messages of the thread can be split off.',
  remedy: 'Reload the thread, and send ids of its messages.',
})
const wholeThread = defineRefusal('whole-thread', {
  title: 'No message left in the thread',
  meaning: 'All messages of the thread are to be split off, so nothing would change.',
  remedy: 'Leave out at least one message.',
})

export const accountThreads: Decider<AccountThreads, ThreadCommand, ThreadEvent> = {
  initial: { changes: [] },
  evolve,
  decide,
}

/** `threads-<accountId>` */
export const accountThreadsStream = (accountId: string): string => `threads-${accountId}`
