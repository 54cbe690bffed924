import { outgoingMessage } from '../../domain/sending/outgoing-message.ts'
import type { OutgoingCommand } from '../../domain/sending/outgoing-state.ts'
import { eventIdOf, type Caller, type Handle } from '../handle.ts'
import type { DeliveryReport } from './neighbours.ts'
import { outgoingStream } from './outgoing-stream.ts'

/**
 * Records what a delivery report says of each recipient: `failed` is a permanent bounce, `delayed` a temporary one, and
 * `delivered` is proof of delivery. The same report again is nothing.
 */
export const recordBounce =
  (deps: { handle: Handle }) =>
  async (caller: Caller, outgoingId: string, report: DeliveryReport): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    for (const [index, recipient] of report.recipients.entries()) {
      const command = commandOf(report, recipient)
      const commandId = eventIdOf(caller.commandId, report.reportId, index)
      if (command) await deps.handle(outgoingMessage, stream, command, { ...caller, commandId })
    }
  }

const commandOf = (
  { reportId, receivedAt }: DeliveryReport,
  { address, action, status }: DeliveryReport['recipients'][number],
): OutgoingCommand | null => {
  switch (action) {
    case 'failed':
    case 'delayed':
      return {
        do: 'record-bounced',
        recipient: address,
        permanent: action === 'failed',
        status,
        report: reportId,
        at: receivedAt,
      }
    case 'delivered':
      return { do: 'record-delivered', basis: 'report', windowMinutes: null }
    // Handed on to a system that sends no reports: nothing is known of what became of it there.
    case 'relayed':
    case 'expanded':
      return null
  }
}
