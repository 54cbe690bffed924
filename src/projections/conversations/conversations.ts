import type { Kysely } from 'kysely'
import { figuresOfConversations } from './conversation-figures.ts'
import { conversationList } from './conversation-list.ts'
import {
  conversationOf,
  countConversations,
  dueSnoozes,
  findConversation,
  listConversations,
  listNotes,
} from './find-conversations.ts'
import { mailToFollow, mailToFollowOf, repliesToWithdraw, threadChangesToFollow } from './mail-to-follow.ts'

export const conversationProjections = [conversationList, mailToFollow]

/** What can be asked about conversations, and what remains to be done for them. */
export const conversationQueries = (db: Kysely<unknown>) => ({
  readModels: { conversationList, mailToFollow },
  list: listConversations(db),
  find: findConversation(db),
  counts: countConversations(db),
  figuresOf: figuresOfConversations(db),
  listNotes: listNotes(db),
  conversationOf: conversationOf(db),

  mailToFollow: mailToFollowOf(db),
  threadChanges: threadChangesToFollow(db),
  repliesToWithdraw: repliesToWithdraw(db),
  dueSnoozes: dueSnoozes(db),
})

export type ConversationQueries = ReturnType<typeof conversationQueries>
