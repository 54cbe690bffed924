import type { Story } from '../commands/audit/replay-events.ts'
import { apiKey } from '../domain/access/api-key.ts'
import { account } from '../domain/accounts/account.ts'
import { defaultAccount } from '../domain/accounts/default-account.ts'
import { mailboxClaim } from '../domain/accounts/mailbox-claim.ts'
import { signIn } from '../domain/accounts/sign-in.ts'
import { assignment } from '../domain/assignment/assignment.ts'
import { accountRules } from '../domain/assignment/rules.ts'
import { userAvailability } from '../domain/assignment/user-availability.ts'
import { trackingReport } from '../domain/audit/tracking-report.ts'
import { conversation } from '../domain/conversations/conversation.ts'
import { mailFollowed } from '../domain/conversations/mail-followed.ts'
import type { Decider } from '../domain/decider.ts'
import { entry } from '../domain/directory/entry.ts'
import type { DomainEvent } from '../domain/event.ts'
import { messageLinks } from '../domain/linking/message-links.ts'
import { newMessages, relinking } from '../domain/linking/matching-progress.ts'
import { sender } from '../domain/linking/sender.ts'
import { deliveryReport } from '../domain/sending/delivery-report.ts'
import { digest } from '../domain/notifications/digest.ts'
import { userSettings } from '../domain/notifications/notification-settings.ts'
import {
  notificationMail,
  readNotifications,
  userNotifications,
} from '../domain/notifications/user-notifications.ts'
import { outgoingEmail } from '../domain/sending/outgoing-email.ts'
import { accountThreads } from '../domain/sync/account-threads.ts'
import { backfill } from '../domain/sync/backfill.ts'
import { message } from '../domain/sync/message.ts'
import { patternRuns } from '../domain/sync/pattern-run.ts'
import { presence } from '../domain/sync/presence.ts'
import { syncRun } from '../domain/sync/sync-run.ts'
import { template } from '../domain/templates/template.ts'
import { timelineNote } from '../domain/timeline/note.ts'
import { webhookEndpoint } from '../domain/webhooks/endpoint.ts'

type Fold<State, Event extends DomainEvent> = Pick<Decider<State, never, Event>, 'initial' | 'evolve'>

/** The events of one stream, folded by its rules. */
const ofStream = <State, Event extends DomainEvent>(
  category: string,
  { initial, evolve }: Fold<State, Event>,
): [string, Story] => [category, { from: [category], initial, evolve, shown: (state: State) => state }]

/** How the history of each kind of thing is replayed. */
export const stories: ReadonlyMap<string, Story> = new Map<string, Story>([
  ofStream('account', account),
  ofStream('defaultaccount', defaultAccount),
  ofStream('mailboxclaim', mailboxClaim),
  ofStream('signin', signIn),
  ofStream('syncrun', syncRun),
  ofStream('backfill', backfill),
  ofStream('threads', accountThreads),
  ofStream('message', message),
  ofStream('presence', presence),
  ofStream('patterns', patternRuns),
  ofStream('report', deliveryReport),
  ofStream('template', template),
  ofStream('user', entry),
  ofStream('contact', entry),
  ofStream('company', entry),
  ofStream('deal', entry),
  ofStream('organization', entry),
  ofStream('apikey', apiKey),
  ofStream('outgoing', outgoingEmail),
  ofStream('links', messageLinks),
  ofStream('sender', sender),
  ofStream('matching', newMessages),
  ofStream('relinking', relinking),
  ofStream('timelineentry', timelineNote),
  ofStream('webhook', webhookEndpoint),
  ofStream('notificationsettings', userSettings),
  ofStream('notifications', userNotifications),
  ofStream('notificationsread', readNotifications),
  ofStream('notificationmail', notificationMail),
  ofStream('digest', digest),
  ofStream('conversation', conversation),
  ofStream('mailfollowed', mailFollowed),
  ofStream('assignmentrules', accountRules),
  ofStream('assignment', assignment),
  ofStream('availability', userAvailability),
  // Hits are facts and no rule decides on them: what is known of them is what the tracking report says.
  ['tracking', { ...trackingReport, from: ['outgoing', 'tracking'] }],
])
