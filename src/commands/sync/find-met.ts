import { requireLevel } from '../../domain/accounts/access-rights.ts'
import { NotFound } from '../../domain/decider.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { message, messageStream } from '../../domain/sync/message.ts'
import type { OfMessage } from '../../domain/sync/presence.ts'
import { userOf, type Caller } from '../handle.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'

export type FindMetDeps = Pick<SyncDeps, 'load' | 'findOutgoing' | 'findAccount'>

/**
 * A message by its id, by that of its copy in the mailbox or by the one under which it was quarantined, as the streams
 * have it, if it belongs to an account that this caller may use.
 * @throws NotFound; Refused if it could not be read, or is an email that was not sent
 */
export const findMet =
  (deps: FindMetDeps) =>
  async (caller: Caller, id: string): Promise<{ of: OfMessage; account: SyncAccount }> => {
    const of = id.startsWith('out_') ? await ofEmail(deps, id) : await ofMessage(deps, id)
    if (!of) throw new NotFound('message', id)
    const found = await deps.findAccount(of.accountId)
    const account = requireLevel(found, userOf(caller), 'full', ['message', id])
    if (of.receivedAt === null) throw (id.startsWith('out_') ? emailNotSent : messageNotRead)()
    return { of: { ...of, receivedAt: of.receivedAt }, account }
  }

/** A message by the id that it has in the mailbox, as its own stream has it; null if it could not be read. */
export const metBy = async (deps: FindMetDeps, id: string): Promise<OfMessage | null> => {
  const of = await ofMessage(deps, id)
  return of === null || of.receivedAt === null ? null : { ...of, receivedAt: of.receivedAt }
}

/** `receivedAt` is null for what is in no list. */
type Met = Omit<OfMessage, 'receivedAt'> & { readonly receivedAt: string | null }

const ofMessage = async (deps: FindMetDeps, id: string): Promise<Met | null> => {
  const { state } = await deps.load(message, messageStream(id))
  if (state.status === 'none') return null
  const { messageId, accountId } = state
  switch (state.status) {
    case 'released':
      return ofMessage(deps, state.became)
    case 'quarantined':
    case 'skipped':
      return { messageId, accountId, direction: 'in', receivedAt: null }
    case 'draft':
      return { messageId, accountId, direction: 'draft', receivedAt: state.draft.receivedAt }
    case 'synced': {
      const { outgoingId, direction, receivedAt } = state.found
      return outgoingId === null
        ? { messageId, accountId, direction, receivedAt }
        : ofEmail(deps, outgoingId, receivedAt)
    }
  }
}

const ofEmail = async (
  { findOutgoing }: FindMetDeps,
  messageId: string,
  foundAt: string | null = null,
): Promise<Met | null> => {
  const email = await findOutgoing(messageId)
  return (
    email && { messageId, accountId: email.accountId, direction: 'out', receivedAt: email.sentAt ?? foundAt }
  )
}

const emailNotSent = defineRefusal('email-not-sent', {
  title: 'Email not sent',
  meaning: 'An email that was not sent is no message, and in no mailbox.',
  remedy: 'Cancel the email if it still waits to be sent.',
})
const messageNotRead = defineRefusal('message-not-read', {
  title: 'Message could not be read',
  meaning: 'A message that could not be read is in no list of messages.',
  remedy: "Look at the account's sync errors, and retry or skip it.",
})
