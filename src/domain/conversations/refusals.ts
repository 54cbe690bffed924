import { defineRefusal } from '../refusal.ts'

export const MOST_TAGS = 50

export const tooManyTags = defineRefusal('too-many-tags', {
  title: 'Too many tags',
  meaning: `A conversation has at most ${MOST_TAGS} tags.`,
  remedy: 'Remove one that is no longer needed.',
})
export const snoozedIntoThePast = defineRefusal('snoozed-into-the-past', {
  title: 'Snoozed into the past',
  meaning: 'The time until which the conversation is to be snoozed is over.',
  remedy: 'Give a time in the future.',
})
export const notYourNote = defineRefusal('not-your-note', {
  title: 'Not your note',
  meaning: 'Somebody else wrote the note, and only they can remove it.',
  remedy: 'Ask its writer to remove it.',
})
export const conversationMerged = defineRefusal('conversation-merged', {
  title: 'Conversation merged',
  meaning: 'The conversation has just become part of another one, because their threads are one now.',
  remedy: 'Load the conversation again: its id leads to the one that it is part of.',
  isConflict: true,
})
export const assigneeHasNoAccess = defineRefusal('assignee-has-no-access', {
  title: 'Assignee has no access',
  meaning: 'The user may not use the account of the conversation.',
  remedy: 'Assign it to somebody who may, or give the user access to the account first.',
})
export const notInConversation = defineRefusal('not-in-a-conversation', {
  title: 'Not in a conversation',
  meaning: 'The email names a version of a conversation, but answers nothing that is in one.',
  remedy: 'Leave out `conversationVersion`, or answer a message of the conversation.',
})
export const notThreadedYet = defineRefusal('thread-not-known-yet', {
  title: 'Thread not known yet',
  meaning: 'The message has just come, and it is not known yet which conversation it belongs to.',
  remedy: 'Try again in a moment.',
  isConflict: true,
})
