import type { OpenMailbox } from '../ports/mail-provider.ts'
import { cancelEmail } from './cancel-email.ts'
import { confirmDelivery } from './confirm-delivery.ts'
import { confirmFound } from './confirm-found.ts'
import { discardDraft } from './discard-draft.ts'
import { emailBytes } from './email-bytes.ts'
import { fileSentCopy, giveUpOnCopy } from './file-sent-copy.ts'
import { findDraft } from './find-draft.ts'
import { keepFile } from './keep-file.ts'
import { previewDraft } from './preview-draft.ts'
import { queueEmail, type QueueDeps } from './queue-email.ts'
import { readReport, type ReadDeps } from './read-report.ts'
import { recoverReleasing } from './recover-releasing.ts'
import { changeDraft, saveDraft } from './save-draft.ts'
import { sendEmail, type SendDeps } from './send-email.ts'
import { settleEmail } from './settle-email.ts'

export type SendingDeps = QueueDeps &
  SendDeps &
  ReadDeps & {
    readonly openMailbox: OpenMailbox
    /** What has not come back within it is taken for delivered. */
    readonly deliveryWindowMinutes: number
  }

/** What can be done with drafts and with the emails that they become. */
export const sendingCommands = (deps: SendingDeps) => ({
  keepFile: keepFile(deps),
  saveDraft: saveDraft(deps),
  changeDraft: changeDraft(deps),
  discardDraft: discardDraft(deps),
  findDraft: findDraft(deps),
  previewDraft: previewDraft(deps),

  queue: queueEmail(deps),
  cancel: cancelEmail(deps),
  settle: settleEmail(deps),
  bytes: emailBytes(deps),

  send: sendEmail(deps),
  recoverReleasing: recoverReleasing(deps),
  confirmDelivery: confirmDelivery({ ...deps, windowMinutes: deps.deliveryWindowMinutes }),
  confirmFound: confirmFound(deps),
  fileSentCopy: fileSentCopy(deps),
  giveUpOnCopy: giveUpOnCopy(deps),
  readReport: readReport(deps),
})

export type SendingCommands = ReturnType<typeof sendingCommands>
