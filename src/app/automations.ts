import type { Automation } from '../commands/automation-runner.ts'
import type { Clock } from '../commands/ports/clock.ts'
import {
  confirmDeliveries,
  confirmFoundEmails,
  fileCopies,
  readReports,
  recoverDeadSends,
  SEND_LANES,
  sendDue,
} from '../commands/sending/automations.ts'
import { SYNC_LANES, syncDueAccounts } from '../commands/sync/sync-due-accounts.ts'
import { WEBHOOK_LANES } from '../commands/webhooks/deliver.ts'
import { recordDueReplies } from '../commands/tracking/record-due-replies.ts'
import type { Config } from '../config.ts'
import type { Adapters } from './adapters.ts'
import type { Features } from './features.ts'

/** Gmail and Outlook take minutes now and then; a mailbox that left it to us before gets its copy at once. */
const COPY_WAIT_SECONDS = { filing: 600, unknown: 15, other: 3 }

type AutomationsDeps = {
  readonly config: Pick<Config, 'deliveryWindowMinutes'>
  readonly adapters: Adapters
  readonly features: Features
  readonly idempotency: { sweep(): Promise<unknown> }
  readonly clock: Clock
}

/** All automations. */
export const automationsOf = ({
  config,
  adapters,
  features,
  idempotency,
  clock,
}: AutomationsDeps): Automation[] => {
  const { leases, times } = adapters
  const {
    sync,
    sending,
    tracking,
    accounts,
    linking,
    webhooks,
    audit,
    conversations,
    assignment,
    notifications,
  } = features
  const { commands, queries } = sending
  const { outbox, sentCopiesToFile, reportsToRead } = queries.readModels
  const { read, send: attempt, recoverReleased: recover } = commands
  const send = { ...queries, leases, clock, read, send: attempt, recover }
  return [
    {
      name: 'note log time',
      wakeOn: [],
      everyMs: 60_000,
      single: true,
      work: async () => {
        await times.note()
        return false
      },
    },
    {
      // Stored answers are deleted once nobody is expected to repeat the request.
      name: 'sweep idempotency keys',
      wakeOn: [],
      everyMs: 3_600_000,
      single: true,
      work: async () => {
        await idempotency.sweep()
        return false
      },
    },
    {
      name: 'sweep credentials',
      wakeOn: [],
      everyMs: 3_600_000,
      single: true,
      work: async (signal) => {
        await accounts.commands.sweepCredentials(signal)
        return false
      },
    },
    {
      name: 'sync',
      wakeOn: [sync.queries.readModels.syncSchedule],
      onNews: sync.hints.onHint,
      everyMs: 1000,
      single: false,
      lanes: SYNC_LANES,
      work: syncDueAccounts({
        clock,
        dueAccounts: (limit) => sync.queries.dueAccounts(clock(), limit),
        hints: sync.hints,
        run: sync.commands.run,
      }),
    },
    {
      name: 'send',
      wakeOn: [outbox],
      everyMs: 500,
      single: false,
      lanes: SEND_LANES,
      work: sendDue(send),
    },
    {
      name: 'recover sends',
      wakeOn: [],
      everyMs: 2000,
      single: false,
      work: recoverDeadSends(send),
    },
    {
      name: 'file copies',
      wakeOn: [sentCopiesToFile],
      everyMs: 2000,
      single: false,
      work: fileCopies({
        leases,
        clock,
        openMailbox: accounts.openToFile,
        copiesToFile: (limit) => queries.copiesToFile(limit, COPY_WAIT_SECONDS),
        file: commands.fileSentCopy,
        giveUp: commands.giveUpOnCopy,
      }),
    },
    {
      name: 'trash copies',
      wakeOn: [sync.queries.readModels.copiesToTrash],
      everyMs: 10_000,
      single: false,
      work: sync.trashCopies,
    },
    {
      name: 'erase deleted messages',
      wakeOn: [],
      everyMs: 10_000,
      single: true,
      work: sync.eraseDeleted,
    },
    {
      name: 'apply exclude patterns',
      wakeOn: [sync.queries.readModels.patternRuns],
      everyMs: 2000,
      single: true,
      work: sync.commands.applyPatterns,
    },
    {
      name: 'confirm deliveries',
      wakeOn: [],
      everyMs: 1000,
      single: true,
      work: confirmDeliveries({
        clock,
        dueDeliveries: (limit) => queries.dueDeliveries(config.deliveryWindowMinutes, limit),
        confirm: commands.confirmDelivery,
      }),
    },
    {
      name: 'confirm found emails',
      wakeOn: [outbox],
      everyMs: 10_000,
      single: true,
      work: confirmFoundEmails({ clock, foundEmails: queries.foundEmails, confirm: commands.confirmFound }),
    },
    {
      name: 'read reports',
      wakeOn: [reportsToRead],
      everyMs: 10_000,
      single: true,
      work: readReports({ clock, unreadReports: queries.unreadReports, read: commands.readReport }),
    },
    {
      name: 'link messages',
      wakeOn: [linking.queries.readModels.matching],
      everyMs: 10_000,
      single: true,
      work: linking.commands.linkMessages,
    },
    {
      name: 'follow mail in conversations',
      wakeOn: [conversations.queries.readModels.mailToFollow, sync.queries.readModels.threads],
      everyMs: 2000,
      single: true,
      work: conversations.commands.follow,
    },
    {
      name: 'wake snoozed conversations',
      wakeOn: [],
      everyMs: 1000,
      single: true,
      work: conversations.commands.wakeSnoozed,
    },
    {
      name: 'withdraw replies from conversations',
      wakeOn: [conversations.queries.readModels.mailToFollow],
      everyMs: 5000,
      single: true,
      work: conversations.commands.withdrawReplies(commands.abandon),
    },
    {
      name: 'deliver webhooks',
      // Its read model advances with every event.
      wakeOn: [audit.queries.readModels.eventIndex, webhooks.queries.readModels.endpointList],
      everyMs: 1000,
      single: false,
      lanes: WEBHOOK_LANES,
      work: webhooks.commands.deliverDue,
    },
    {
      name: 'assign conversations',
      wakeOn: [assignment.queries.readModels.assignmentFacts],
      // Users come back, and their hours begin, without a sign.
      everyMs: 5_000,
      single: true,
      work: assignment.commands.assignConversations,
    },
    {
      name: 'release conversations',
      wakeOn: [],
      everyMs: 5_000,
      single: true,
      work: assignment.commands.releaseConversations,
    },
    {
      name: 'sweep webhook deliveries',
      wakeOn: [],
      everyMs: 3_600_000,
      single: true,
      work: async () => {
        await webhooks.commands.sweep()
        return false
      },
    },
    {
      name: 'notify users',
      wakeOn: [notifications.queries.readModels.notificationsDue],
      everyMs: 2000,
      single: true,
      work: notifications.commands.notifyDue,
    },
    {
      name: 'make digests',
      wakeOn: [],
      everyMs: 5000,
      single: true,
      work: notifications.commands.makeDigests,
    },
    {
      name: 'mail notifications',
      wakeOn: [notifications.queries.readModels.notificationMails],
      everyMs: 10_000,
      single: true,
      work: notifications.commands.writeMails,
    },
    {
      name: 'record replies',
      wakeOn: [tracking.queries.readModels.repliesToRecord],
      everyMs: 10_000,
      single: true,
      work: recordDueReplies({
        clock,
        dueReplies: tracking.queries.dueReplies,
        record: tracking.commands.recordReply,
      }),
    },
  ]
}
