import { normaliseMessageId } from '../../domain/mail.ts'
import { deliveryReport } from '../../domain/sending/delivery-report.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import { outgoingIdIn } from '../../domain/sending/own-message-id.ts'
import { newCommandId, type Caller, type Handle, type Load } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import { UnreadableMail, type MailParser, type ParsedMail } from '../ports/parser.ts'
import { recordBounce } from './record-bounce.ts'

/** A mail of a mailbox that its header calls a report. `raw` is the blob with its bytes. */
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
 * Reads a delivery report once. It counts where it came back to the account that the message was sent from, and
 * names that message by its id, which only those know who got it. What it says goes to the message first, so that
 * after a crash in between it is read again and found there.
 */
export const readReport =
  (deps: ReadDeps) =>
  async (caller: Caller, report: ReportToRead, signal: AbortSignal): Promise<void> => {
    const { messageId, accountId, receivedAt } = report
    const mail = await parse(deps, report.raw, signal)
    const outgoingId = mail?.delivery ? await ours(deps.load, accountId, mail) : null
    const recipients = outgoingId === null ? [] : [...(mail?.delivery?.recipients ?? [])]
    if (outgoingId !== null)
      await recordBounce(deps)(caller, outgoingId, { reportId: messageId, receivedAt, recipients })
    await deps.handle(
      deliveryReport,
      `report-${messageId}`,
      { do: 'read', messageId, accountId, outgoingId, recipients },
      { ...caller, commandId: newCommandId(deps.clock()), causationId: caller.commandId },
    )
  }

const parse = async (deps: ReadDeps, raw: string, signal: AbortSignal): Promise<ParsedMail | null> => {
  const bytes = await deps.blobs.get(raw)
  if (!bytes) return null
  try {
    return await deps.parser.parse(bytes, signal)
  } catch (error) {
    if (error instanceof UnreadableMail) return null
    throw error
  }
}

const ours = async (
  load: Load,
  accountId: string,
  { delivery, header }: ParsedMail,
): Promise<string | null> => {
  const named = [delivery?.originalMessageId ?? '', ...header.inReplyTo, ...header.references]
  for (const id of named) {
    const outgoingId = outgoingIdIn(normaliseMessageId(id))
    if (outgoingId === null) continue
    const { state } = await load(outgoingEmail, outgoingStream(outgoingId))
    if ('message' in state && state.message.accountId === accountId) return outgoingId
  }
  return null
}
