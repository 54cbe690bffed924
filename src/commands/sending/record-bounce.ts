import { normaliseAddress } from '../../domain/mail.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingCommand } from '../../domain/sending/outgoing-state.ts'
import { eventIdOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { DeliveryReport } from './ports.ts'

/**
 * Records what a delivery report says of each recipient: `failed` is a permanent bounce, `delayed` a temporary one, and
 * `delivered` is proof of delivery. Who never got the message has no say in it. The same report again is nothing.
 */
export const recordBounce =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, outgoingId: string, report: DeliveryReport): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (!('message' in state)) return
    for (const [index, reported] of report.recipients.entries()) {
      const address = recipientIn(state.message.envelope.recipients, [
        reported.address,
        ...(reported.otherAddresses ?? []),
      ])
      const command = address === null ? null : commandOf(report, reported, address)
      const commandId = eventIdOf(caller.commandId, report.reportId, index)
      if (command) await deps.handle(outgoingEmail, stream, command, { ...caller, commandId })
    }
  }

/** Reports often name the mailbox that an address was forwarded to: with one recipient it can only be that one. */
const recipientIn = (recipients: readonly string[], reported: readonly (string | null)[]): string | null => {
  const [only] = recipients
  if (recipients.length === 1 && only !== undefined) return only
  const names = reported.filter((address) => address !== null).map(normaliseAddress)
  return recipients.find((address) => names.includes(normaliseAddress(address))) ?? null
}

const commandOf = (
  { reportId, receivedAt }: DeliveryReport,
  { action, status, ...why }: DeliveryReport['recipients'][number],
  recipient: string,
): OutgoingCommand | null => {
  switch (action) {
    case 'failed':
    case 'delayed':
      return {
        do: 'record-bounced',
        recipient,
        permanent: action === 'failed',
        status,
        report: reportId,
        at: receivedAt,
        ...failureIn(why),
      }
    case 'delivered':
      return { do: 'record-delivered', basis: 'report', windowMinutes: null }
    // Handed on to a system that sends no reports: nothing is known of what became of it there.
    case 'relayed':
    case 'expanded':
      return null
  }
}

/** Why it failed, as far as the report was asked: only what is known is recorded. */
const failureIn = ({
  code,
  diagnostic,
  kind,
  hard,
}: Omit<DeliveryReport['recipients'][number], 'action' | 'status'>) =>
  kind === undefined ? {} : { code, diagnostic, kind, hard }
