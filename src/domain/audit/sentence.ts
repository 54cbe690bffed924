import { accessSentences } from '../access/sentences.ts'
import { accountSentences } from '../accounts/sentences.ts'
import { assignmentSentences } from '../assignment/sentences.ts'
import type { AnyEvent } from '../catalogue.ts'
import { conversationSentences } from '../conversations/sentences.ts'
import { directorySentences } from '../directory/sentences.ts'
import type { Sentences } from '../event.ts'
import { linkingSentences } from '../linking/sentences.ts'
import { notificationSentences } from '../notifications/sentences.ts'
import { sendingSentences } from '../sending/sentences.ts'
import { syncSentences } from '../sync/sentences.ts'
import { templateSentences } from '../templates/sentences.ts'
import { timelineSentences } from '../timeline/sentences.ts'
import { trackingSentences } from '../tracking/sentences.ts'
import { webhookSentences } from '../webhooks/sentences.ts'

const sentences: Sentences<AnyEvent> = {
  ...directorySentences,
  ...accountSentences,
  ...syncSentences,
  ...templateSentences,
  ...sendingSentences,
  ...trackingSentences,
  ...accessSentences,
  ...linkingSentences,
  ...timelineSentences,
  ...webhookSentences,
  ...notificationSentences,
  ...conversationSentences,
  ...assignmentSentences,
}

/** What happened, in plain words; who did it, and when, is said by the event's metadata. */
export const sentenceOf = (event: AnyEvent): string =>
  // The event's type says which of the sentences it is, and so of which data.
  (sentences[event.type] as (data: AnyEvent['data']) => string)(event.data)
