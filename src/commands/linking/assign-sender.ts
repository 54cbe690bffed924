import { createHash } from 'node:crypto'
import type { RecordRef } from '../../domain/linking/events.ts'
import { sender, senderStream, type Sender } from '../../domain/linking/sender.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import type { Caller, Handle, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

const streamOf = (address: string): string =>
  senderStream(createHash('sha256').update(normaliseAddress(address)).digest('hex').slice(0, 32))

/** Has mail from and to an address always belong to a record, or no longer. The same again does nothing. */
export const assignSender =
  (deps: { readonly handle: Handle }) =>
  (
    caller: Caller,
    decision: 'assign' | 'unassign',
    address: string,
    record: RecordRef,
    ifRevision?: IfRevision,
  ): Promise<Handled<Sender>> =>
    deps.handle(sender, streamOf(address), { do: decision, address, record }, caller, { ifRevision })
