import type { Placement } from '../../domain/sync/events.ts'
import { accountReceivesNoMail } from '../../domain/accounts/refusals.ts'
import { presence, presenceStream } from '../../domain/sync/presence.ts'
import { tryAll } from '../../std/in-parallel.ts'
import { systemCaller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { Leases } from '../ports/leases.ts'
import {
  MailUnavailable,
  noTrash,
  type MailboxSession,
  type OpenMailbox,
  type Trashed,
} from '../ports/mail-provider.ts'
import { restAfterFailure, underLease } from '../to-do-work.ts'

const PAGE = 100
const ACCOUNTS_AT_ONCE = 4
/** A mailbox that could not be reached for this long keeps its copies. */
const GIVE_UP_AFTER_MS = 7 * 24 * 3_600_000

type Waiting = { readonly id: string; readonly accountId: string; readonly deletedAt: string }

export type TrashCopiesDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly leases: Leases
  readonly clock: Clock
  readonly openMailbox: OpenMailbox
  readonly copiesToTrash: (limit: number, without: readonly string[]) => Promise<readonly Waiting[]>
  /** Where a deleted message is in the mailbox, as far as that is known. */
  readonly placesOf: (messageId: string) => Promise<readonly Placement[]>
}

/**
 * Moves the copies of deleted messages into the trash of their mailboxes, where that was asked for, in one session for
 * each account. A mailbox that is unavailable is left alone for a while.
 */
export const trashCopies = (deps: TrashCopiesDeps) => {
  const resting = restAfterFailure({ first: 30_000, most: 30 * 60_000 })
  const record = (id: string, trashed: Trashed) => {
    const code = trashed.outcome === 'impossible' ? trashed.code : null
    const caller = systemCaller('trash', deps.clock, id)
    return deps.handle(
      presence,
      presenceStream(id),
      { do: 'record-trashed', outcome: trashed.outcome, code },
      caller,
    )
  }
  const trash = async (id: string, session: MailboxSession | null): Promise<void> => {
    const { state } = await deps.load(presence, presenceStream(id))
    if (!state.deletion?.toTrash) return
    await record(id, session ? await moved(session, await deps.placesOf(id)) : noMailbox)
  }
  const ofAccount = async (
    accountId: string,
    waiting: readonly Waiting[],
    signal: AbortSignal,
  ): Promise<void> => {
    try {
      const session = await deps.openMailbox(accountId, signal)
      try {
        for (const { id } of waiting) if (!signal.aborted) await trash(id, session)
      } finally {
        await session?.close()
      }
      resting.succeeded(accountId)
    } catch (error) {
      if (!(error instanceof MailUnavailable)) throw error
      resting.failed(accountId)
      const longAgo = deps.clock().getTime() - GIVE_UP_AFTER_MS
      for (const { id, deletedAt } of waiting)
        if (Date.parse(deletedAt) < longAgo) await record(id, { outcome: 'impossible', code: error.code })
    }
  }
  return async (signal: AbortSignal): Promise<boolean> => {
    const waiting = await deps.copiesToTrash(PAGE, resting.resting())
    const byAccount = [...Map.groupBy(waiting, ({ accountId }) => accountId)]
    await tryAll(byAccount, ACCOUNTS_AT_ONCE, async ([accountId, of]) => {
      const held = await deps.leases.acquire(`trash:${accountId}`, signal)
      if (held) await underLease(held, signal, (stop) => ofAccount(accountId, of, stop))
    })
    return waiting.length === PAGE
  }
}

const noMailbox: Trashed = { outcome: 'impossible', code: accountReceivesNoMail.code }

/** What no waiting changes is an outcome, and no reason to try it again. */
const moved = async (session: MailboxSession, places: readonly Placement[]): Promise<Trashed> => {
  if (session.moveToTrash === undefined) return { outcome: 'impossible', code: noTrash.code }
  try {
    return await session.moveToTrash(places)
  } catch (error) {
    if (error instanceof MailUnavailable && ['refused', 'gone', 'scope-missing'].includes(error.kind))
      return { outcome: 'impossible', code: error.code }
    throw error
  }
}
