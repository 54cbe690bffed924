import { classifyFailure } from '../../domain/sending/classify-failure.ts'
import { deliveryReport } from '../../domain/sending/delivery-report.ts'
import type { ReportedRecipient } from '../../domain/sending/events.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import { emailsNamedBy } from '../../domain/sending/own-message-id.ts'
import { newCommandId, type Caller, type Handle, type Load } from '../handle.ts'
import { soundBlob, type BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import { UnreadableMail, type DeliveryStatus, type MailParser, type ParsedMail } from '../ports/parser.ts'
import type { DeliveryReport } from './ports.ts'
import { recordBounce } from './record-bounce.ts'

/** A message whose header calls it a report. `raw` is the blob with its bytes. */
export type ReportToRead = {
  readonly messageId: string
  readonly accountId: string
  readonly raw: string
  readonly receivedAt: string
}

export type ReadDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly blobs: Pick<BlobStore, 'get'>
  readonly parser: Pick<MailParser, 'parse'>
}

/**
 * Reads a delivery report once. It counts only if it came back to the account that the email was sent from and names
 * the email by its id, which only its recipients know. Its content is recorded on the email first, so that after a
 * crash in between it is read again and recognised there.
 */
export const readReport =
  (deps: ReadDeps) =>
  async (caller: Caller, report: ReportToRead, signal: AbortSignal): Promise<void> => {
    const { messageId, accountId, receivedAt } = report
    const mail = await parse(deps, report.raw, signal)
    const outgoingId = mail?.delivery ? await ours(deps.load, accountId, mail) : null
    const told = outgoingId === null ? [] : (mail?.delivery?.recipients ?? []).map(judged)
    if (outgoingId !== null)
      await recordBounce(deps)(caller, outgoingId, { reportId: messageId, receivedAt, recipients: told })
    const recipients = told.map(recorded)
    await deps.handle(
      deliveryReport,
      `report-${messageId}`,
      { do: 'read', messageId, accountId, outgoingId, recipients },
      { ...caller, commandId: newCommandId(deps.clock()), causationId: caller.commandId },
    )
  }

/** Whatever a report gives for a recipient beside the address only served to find that recipient. */
const recorded = (told: DeliveryReport['recipients'][number]): ReportedRecipient => {
  const { otherAddresses: _, ...recipient } = told
  return recipient
}

/** Adds what kind of failure it is. */
const judged = (recipient: DeliveryStatus['recipients'][number]): DeliveryReport['recipients'][number] =>
  recipient.action === 'failed' || recipient.action === 'delayed'
    ? { ...recipient, ...classifyFailure(recipient) }
    : recipient

const parse = async (deps: ReadDeps, raw: string, signal: AbortSignal): Promise<ParsedMail | null> => {
  const bytes = await soundBlob(deps.blobs, raw)
  if (!bytes) return null
  try {
    return await deps.parser.parse(bytes, signal)
  } catch (error) {
    if (error instanceof UnreadableMail) return null
    throw error
  }
}

const ours = async (load: Load, accountId: string, mail: ParsedMail): Promise<string | null> => {
  for (const outgoingId of emailsNamedBy(mail)) {
    const { state } = await load(outgoingEmail, outgoingStream(outgoingId))
    if ('email' in state && state.email.accountId === accountId) return outgoingId
  }
  return null
}
