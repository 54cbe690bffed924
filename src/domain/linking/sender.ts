import type { Decider } from '../decider.ts'
import { normaliseAddress } from '../mail.ts'
import { SenderAssigned, SenderUnassigned, type RecordRef, type SenderEvent } from './events.ts'
import { isAmong } from './links.ts'

// ---------------------------------------------------------------- state

/** The records that mail from and to one address always belongs to. */
export type Sender = { readonly records: readonly RecordRef[] }

// ---------------------------------------------------------------- commands

export type SenderCommand = {
  readonly do: 'assign' | 'unassign'
  readonly address: string
  readonly record: RecordRef
}

// ---------------------------------------------------------------- evolve

const evolve = ({ records }: Sender, { type, data: { record } }: SenderEvent): Sender => {
  const others = records.filter((each) => !isAmong(each, [record]))
  return { records: type === 'SenderAssigned' ? [...others, record] : others }
}

// ---------------------------------------------------------------- decide

const decide = (command: SenderCommand, { records }: Sender): SenderEvent[] => {
  const { record } = command
  const address = normaliseAddress(command.address)
  const isAssigned = isAmong(record, records)
  if (command.do === 'assign') return isAssigned ? [] : [SenderAssigned({ address, record })]
  return isAssigned ? [SenderUnassigned({ address, record })] : []
}

export const sender: Decider<Sender, SenderCommand, SenderEvent> = {
  initial: { records: [] },
  evolve,
  decide,
}

/** `sender-<hash>`, of the address in normal form. */
export const senderStream = (hash: string): string => `sender-${hash}`
