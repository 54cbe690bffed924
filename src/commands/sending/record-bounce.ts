import { normaliseAddress } from '../../domain/mail.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingCommand } from '../../domain/sending/outgoing-commands.ts'
import type { AfterQueueing } from '../../domain/sending/outgoing-state.ts'
import { eventIdOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { DeliveryReport } from './ports.ts'

/**
 * Records what a delivery report says about each recipient: `failed` is a permanent bounce, `delayed` a temporary one,
 * `delivered` is proof of delivery. A failure that does not say which of several recipients it is about is recorded
 * without one. The same report again changes nothing.
 */
export const recordBounce =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, outgoingId: string, report: DeliveryReport): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (!('email' in state)) return
    for (const [index, reported] of report.recipients.entries()) {
      const recipient = recipientIn(whoMayHaveIt(state), [
        reported.address,
        ...(reported.otherAddresses ?? []),
      ])
      const command = commandOf(report, reported, recipient)
      const commandId = eventIdOf(caller.commandId, report.reportId, index)
      if (command) await deps.handle(outgoingEmail, stream, command, { ...caller, commandId })
    }
  }

/**
 * Reports often name the mailbox that an address was forwarded to. If there is only one recipient, that is the one;
 * null if it could be any of several.
 */
const recipientIn = (recipients: readonly string[], reported: readonly (string | null)[]): string | null => {
  const names = reported.filter((address) => address !== null).map(normaliseAddress)
  const named = recipients.find((address) => names.includes(normaliseAddress(address)))
  return named ?? (recipients.length === 1 ? (recipients[0] ?? null) : null)
}

/** Those who may have got it: whom the server accepted, or else whom it was last tried for. */
const whoMayHaveIt = ({ taken, unclear, pending }: AfterQueueing): string[] => [
  ...(taken?.recipients.map(({ address }) => address) ?? []),
  ...(unclear.length > 0 ? pending : []),
]

const commandOf = (
  { reportId, receivedAt }: DeliveryReport,
  { action, status, retryUntil, ...why }: DeliveryReport['recipients'][number],
  recipient: string | null,
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
        retryUntil,
        ...failureIn(why),
      }
    case 'delivered':
      return recipient === null ? null : { do: 'record-delivered', recipient, at: receivedAt }
    // Passed on to a system that sends no reports, so nothing more will be known.
    case 'relayed':
    case 'expanded':
      return null
  }
}

/** Why it failed, as far as the report says. */
const failureIn = ({
  code,
  diagnostic,
  kind,
  hard,
}: Omit<DeliveryReport['recipients'][number], 'action' | 'status' | 'retryUntil'>) =>
  kind === undefined ? {} : { code, diagnostic, kind, hard }
