import { requireLevel } from '../../domain/accounts/access-rights.ts'
import { NotFound } from '../../domain/decider.ts'
import { message, messageStream, requireQuarantined, type Message } from '../../domain/sync/message.ts'
import { turnsByKey } from '../../std/in-parallel.ts'
import { userOf, type Caller, type Handled } from '../handle.ts'
import { storedBlob } from '../ports/blobs.ts'
import { AppendTooLarge } from '../ports/event-log.ts'
import { UnreadableMail } from '../ports/parser.ts'
import { meets, type IfRevision } from '../revisions.ts'
import { contactsCaughtUp } from './known-contacts.ts'
import type { FindSyncAccount } from './ports.ts'
import { judge, read, storeRead, tell, TOO_MUCH, type StoreDeps } from './store-message.ts'

/**
 * Reads a quarantined message again from its stored bytes. If that works now, the message continues under the id of its
 * identity, in all its places; if not, that counts as another attempt. If the account's settings exclude it, it
 * is skipped, as it would have been when it was found.
 */
export const retryQuarantined =
  (deps: Omit<StoreDeps, 'inTurn'> & { findAccount: FindSyncAccount }) =>
  async (
    caller: Caller,
    messageId: string,
    signal: AbortSignal,
    ifRevision?: IfRevision,
  ): Promise<Handled<Message>> => {
    const stream = messageStream(messageId)
    const { state, revision } = await deps.load(message, stream)
    if (state.status === 'none') throw new NotFound('message', messageId)
    const found = await deps.findAccount(state.accountId)
    const account = requireLevel(found, userOf(caller), 'full', ['message', messageId])
    const failAgain = (reason: string) =>
      deps.handle(message, stream, { do: 'fail-again', reason }, caller, { ifRevision })
    // A stale version, which the handler refuses before anything is read.
    if (!meets(ifRevision, revision)) return failAgain(TOO_MUCH)
    const { quarantined, placements } = requireQuarantined(state)
    await contactsCaughtUp(deps.contacts, account)
    const raw = await storedBlob(deps.blobs, quarantined.raw)
    const mail = await read(deps, raw, signal)
    if (mail instanceof UnreadableMail) return failAgain(mail.message)
    const { placement, flags } = placements[0] ?? quarantined
    const { backfill = null } = quarantined
    const kept = { placement, flags, receivedAt: quarantined.receivedAt, raw, backfill }
    const judged = await judge(deps, account, placement, mail, signal)
    if (judged.exclusion !== null)
      return deps.handle(message, stream, { do: 'skip', exclusion: judged.exclusion }, caller)
    const store = storeRead({ ...deps, inTurn: turnsByKey() })
    const stored = await store(caller, account.accountId, kept, mail, judged).catch((error: unknown) => {
      if (error instanceof AppendTooLarge) return null
      throw error
    })
    if (stored === null) return failAgain(TOO_MUCH)
    const became = stored.messageId
    for (const other of placements.slice(1)) await tell(deps, caller, became, { do: 'place', ...other })
    if (placements.length === 0) await tell(deps, caller, became, { do: 'remove', placement })
    return deps.handle(message, stream, { do: 'release', became }, caller)
  }
