import { sharedRead } from '../../std/shared-read.ts'
import type { OpenMailbox } from '../ports/mail-provider.ts'
import { abandonQueueing } from './abandon-queueing.ts'
import { cancelEmail } from './cancel-email.ts'
import { confirmDelivery } from './confirm-delivery.ts'
import { confirmFound } from './confirm-found.ts'
import { discardDraft } from './discard-draft.ts'
import { emailBytes, type BytesDeps } from './email-bytes.ts'
import { fileSentCopy, giveUpOnCopy } from './file-sent-copy.ts'
import { findDraft } from './find-draft.ts'
import { keepFile } from './keep-file.ts'
import { previewDraft } from './preview-draft.ts'
import { queueEmail, type QueueDeps } from './queue-email.ts'
import { readEmail } from './read-email.ts'
import { readReport, type ReadDeps } from './read-report.ts'
import { recoverReleased } from './recover-released.ts'
import { changeDraft, saveDraft } from './save-draft.ts'
import { sendEmail, type SendDeps } from './send-email.ts'
import { settleEmail } from './settle-email.ts'

export type SendingDeps = QueueDeps &
  SendDeps &
  ReadDeps &
  BytesDeps & {
    readonly openMailbox: OpenMailbox
    /** If nothing has come back after this long, an email counts as delivered. */
    readonly deliveryWindowMinutes: number
  }

/** Emails sent within this time share what is read about their account and user, so it may be this old. */
const SHARED_MS = 100

const withSharedReads = (deps: SendDeps): SendDeps => ({
  ...deps,
  findAccount: sharedRead((id: string) => deps.findAccount(id), SHARED_MS),
  directory: { user: sharedRead((id: string) => deps.directory.user(id), SHARED_MS) },
  vault: {
    ...deps.vault,
    load: sharedRead((id: string, version: number) => deps.vault.load(id, version), SHARED_MS),
  },
})

/** What can be done with drafts and with the emails they become. */
export const sendingCommands = (deps: SendingDeps) => ({
  keepFile: keepFile(deps),
  saveDraft: saveDraft(deps),
  changeDraft: changeDraft(deps),
  discardDraft: discardDraft(deps),
  findDraft: findDraft(deps),
  previewDraft: previewDraft(deps),

  queue: queueEmail(deps),
  abandon: abandonQueueing(deps),
  cancel: cancelEmail(deps),
  settle: settleEmail(deps),
  bytes: emailBytes(deps),

  read: readEmail(deps),
  send: sendEmail(withSharedReads(deps)),
  recoverReleased: recoverReleased(deps),
  confirmDelivery: confirmDelivery({ ...deps, windowMinutes: deps.deliveryWindowMinutes }),
  confirmFound: confirmFound(deps),
  fileSentCopy: fileSentCopy(deps),
  giveUpOnCopy: giveUpOnCopy(deps),
  readReport: readReport(deps),
})

export type SendingCommands = ReturnType<typeof sendingCommands>
