import { defineCode, defineRefusal } from '../refusal.ts'

export const attachmentMissing = defineRefusal('attachment-missing', {
  title: 'Attachment missing',
  meaning: 'The email refers to a file that was never uploaded.',
  remedy: 'Upload the file first, then pass on exactly what the upload returned.',
})

export const tooLateToCancel = defineRefusal('too-late-to-cancel', {
  title: 'Too late to cancel',
  meaning: 'The email is already with the mail server. It can only be cancelled before it is released.',
  remedy: 'It cannot be recalled; write to the recipients if it was a mistake.',
})

export const notQueued = defineRefusal('not-queued', {
  title: 'Not queued',
  meaning: 'Only an email that has been queued can be cancelled.',
  remedy: 'Discard the draft instead.',
})

export const attemptSuperseded = defineRefusal('attempt-superseded', {
  title: 'Attempt superseded',
  meaning: 'A later attempt to send the email has begun.',
  remedy: 'Do nothing: the later attempt continues.',
})

export const notDue = defineRefusal('not-due', {
  title: 'Not due yet',
  meaning: 'The email is not due yet.',
  remedy: 'Do nothing: it is sent automatically when it is due.',
})

export const overdue = defineRefusal('overdue', {
  title: 'Overdue',
  meaning:
    'The email was hours overdue, because the account was paused or the service was down. It was not sent automatically.',
  remedy: 'If it is still wanted, send its draft again: it then carries the new date.',
})

export const nothingToSettle = defineRefusal('nothing-to-settle', {
  title: 'Nothing to settle',
  meaning: 'Only an email whose outcome is unknown can be settled.',
  remedy: 'Check the state of the email.',
})

export const nothingToRetry = defineRefusal('nothing-to-retry', {
  title: 'Nothing to retry',
  meaning: 'Only an email that failed can be tried again.',
  remedy: 'Check the state of the email.',
})

export const draftDiscarded = defineRefusal('draft-discarded', {
  title: 'Draft discarded',
  meaning: 'The draft has been discarded.',
  remedy: 'Write a new draft.',
})

export const alreadyQueued = defineRefusal('already-queued', {
  title: 'Already queued',
  meaning: 'The email has been queued, so it is no longer a draft and cannot be changed.',
  remedy: 'Cancel it while it is still waiting; it then becomes a draft again.',
})

// Outcomes of sending; the outbox shows these codes.

export const gaveUp = defineCode('gave-up', {
  title: 'Given up',
  meaning: 'The mail server kept deferring the email for a day. It was not sent.',
  remedy: 'Check the address and the account, and try the email again.',
})

/** Why the outcome of an email is unknown. */
export const answerLost = defineCode('answer-lost', {
  title: 'Answer lost',
  meaning:
    'The email was handed over, but the connection broke before the server answered. It may or may not have been sent.',
  remedy: 'Look for it in the Sent folder, or ask a recipient. Then settle it: send it again or give up.',
})
