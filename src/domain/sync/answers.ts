import type { EventOf } from '../event.ts'
import type { MessageSynced } from './events.ts'

type Automatic = EventOf<typeof MessageSynced>['data']['automatic']

/**
 * Whether a person may have written a mail of this kind as an answer. Lists and bulk mailers are ways that a mail
 * comes: who answers through a group, or from behind a help desk, answers. What programs say themselves is none.
 */
export const mayAnswer = (automatic: Automatic): boolean =>
  automatic !== 'auto-reply' && automatic !== 'report'
