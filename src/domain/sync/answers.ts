import type { EventOf } from '../event.ts'
import type { MessageSynced } from './events.ts'

type Automatic = EventOf<typeof MessageSynced>['data']['automatic']

/**
 * Whether a person may have written a message of this kind as a reply. Lists and bulk mailers only say how a mail came:
 * whoever writes through a group or a help desk does reply. Text written by programs never is a reply.
 */
export const mayAnswer = (automatic: Automatic): boolean =>
  automatic !== 'auto-reply' && automatic !== 'report'
