import type { Clock } from '../commands/ports/clock.ts'
import {
  confirmDeliveries,
  confirmFoundMessages,
  fileCopies,
  readReports,
  recoverDeadSends,
  SEND_LANES,
  sendDue,
} from '../commands/sending/automations.ts'
import { confirmDelivery } from '../commands/sending/confirm-delivery.ts'
import { confirmFound } from '../commands/sending/confirm-found.ts'
import { fileSentCopy, giveUpOnCopy } from '../commands/sending/file-sent-copy.ts'
import { readReport } from '../commands/sending/read-report.ts'
import { recoverReleased } from '../commands/sending/recover-released.ts'
import { sendEmail } from '../commands/sending/send-email.ts'
import { runSync } from '../commands/sync/run-sync.ts'
import { SYNC_LANES, syncDueAccounts } from '../commands/sync/sync-due-accounts.ts'
import { recordDueReplies } from '../commands/tracking/record-due-replies.ts'
import { recordReply } from '../commands/tracking/record-reply.ts'
import type { Automation } from '../commands/automation-runner.ts'
import { dueDeliveries } from '../projections/sending/deliveries-due.ts'
import { metMessages } from '../projections/sending/outbox-queries.ts'
import { outbox } from '../projections/sending/outbox.ts'
import { reportsToRead, unreadReports } from '../projections/sending/reports-to-read.ts'
import { copiesToFile, sentCopiesToFile } from '../projections/sending/sent-copies-to-file.ts'
import { dueAccounts, syncSchedule } from '../projections/sync/sync-schedule.ts'
import { dueReplies, repliesToRecord } from '../projections/tracking/replies-to-record.ts'
import type { Adapters } from './adapters.ts'
import type { Needs } from './needs.ts'

/** Servers that file what is sent by themselves are left this long to do it. */
const OWN_COPY_WAIT_SECONDS = 3

/** Everything that happens unasked. */
export const automationsOf = (
  { db, times }: Adapters,
  { needs, syncNeeds, sendNeeds }: Needs,
  clock: Clock,
  deliveryWindowMinutes: number,
): Automation[] => {
  const sending = { ...sendNeeds, send: sendEmail(sendNeeds), recover: recoverReleased(needs) }
  const syncDue = syncDueAccounts({
    clock,
    dueAccounts: (limit) => dueAccounts(db, clock(), limit),
    hints: syncNeeds.hints,
    run: runSync(syncNeeds),
  })
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
      name: 'sync',
      wakeOn: [syncSchedule],
      onNews: syncNeeds.hints.onHint,
      everyMs: 1000,
      single: false,
      lanes: SYNC_LANES,
      work: syncDue,
    },
    {
      name: 'send',
      wakeOn: [outbox],
      everyMs: 500,
      single: false,
      lanes: SEND_LANES,
      work: sendDue(sending),
    },
    {
      name: 'recover sends',
      wakeOn: [],
      everyMs: 2000,
      single: false,
      work: recoverDeadSends(sending),
    },
    {
      name: 'file copies',
      wakeOn: [sentCopiesToFile],
      everyMs: 2000,
      single: false,
      work: fileCopies({
        ...needs,
        copiesToFile: (limit) => copiesToFile(db, limit, OWN_COPY_WAIT_SECONDS),
        file: fileSentCopy(needs),
        giveUp: giveUpOnCopy(needs),
      }),
    },
    {
      name: 'confirm deliveries',
      wakeOn: [],
      everyMs: 1000,
      single: true,
      work: confirmDeliveries({
        clock,
        dueDeliveries: (limit) => dueDeliveries(db, deliveryWindowMinutes, limit),
        confirm: confirmDelivery({ ...needs, windowMinutes: deliveryWindowMinutes }),
      }),
    },
    {
      name: 'confirm found messages',
      wakeOn: [outbox],
      everyMs: 10_000,
      single: true,
      work: confirmFoundMessages({
        clock,
        metMessages: (limit) => metMessages(db, limit),
        confirm: confirmFound(needs),
      }),
    },
    {
      name: 'read reports',
      wakeOn: [reportsToRead],
      everyMs: 10_000,
      single: true,
      work: readReports({
        clock,
        unreadReports: (limit) => unreadReports(db, limit),
        read: readReport(needs),
      }),
    },
    {
      name: 'record replies',
      wakeOn: [repliesToRecord],
      everyMs: 10_000,
      single: true,
      work: recordDueReplies({
        clock,
        dueReplies: async (limit) =>
          (await dueReplies(db, limit)).map((row) => ({
            outgoingId: row.outgoing_id,
            accountId: row.account_id,
            messageId: row.message_id,
            from: row.from,
            at: row.at,
          })),
        record: recordReply(needs),
      }),
    },
  ]
}
