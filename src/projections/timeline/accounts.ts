import type {
  AccountConnected,
  AccountConnectionChanged,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  AccountSignatureChanged,
} from '../../domain/accounts/events.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import type { SyncRunFinished } from '../../domain/sync/events.ts'
import type { AccountKind } from '../../domain/timeline/kinds.ts'
import { newEntry, putEntry } from './items.ts'
import type { EntryRow, TimelineRows } from './tables.ts'

type AccountEvent = EventOf<
  | typeof AccountConnected
  | typeof AccountConnectionChanged
  | typeof AccountSettingsChanged
  | typeof AccountSignatureChanged
  | typeof AccountPaused
  | typeof AccountResumed
  | typeof AccountDisconnected
>

const kinds: Readonly<Record<AccountEvent['type'], AccountKind>> = {
  AccountConnected: 'connected',
  AccountConnectionChanged: 'connection-changed',
  AccountSettingsChanged: 'settings-changed',
  AccountSignatureChanged: 'settings-changed',
  AccountPaused: 'paused',
  AccountResumed: 'resumed',
  AccountDisconnected: 'disconnected',
}

/** What happens to an account itself is on its own timeline. */
export const foldAccount = (event: RecordedEvent<AccountEvent>, rows: TimelineRows): void =>
  putEntry(
    rows,
    ofAccount(event, kinds[event.type], 'reason' in event.data ? event.data.reason || null : null),
  )

const ofAccount = (
  event: RecordedEvent<AccountEvent | EventOf<typeof SyncRunFinished>>,
  kind: AccountKind,
  text: string | null = null,
): EntryRow =>
  newEntry({
    entry_id: event.id,
    account_id: event.data.accountId,
    kind,
    inward: true,
    at: event.metadata.occurredAt,
    position: event.position,
    content: { actor: event.metadata.actor, text },
  })

/** One entry for all runs that failed since the account could not sign in. */
export const foldSignIn = (
  event: RecordedEvent<EventOf<typeof SyncRunFinished>>,
  rows: TimelineRows,
): void => {
  const { accountId: account_id, outcome, kind, detail } = event.data
  const known = rows.get('signed_out', { account_id })
  if (outcome === 'success') {
    if (known) rows.remove('signed_out', { account_id })
    return
  }
  if (kind !== 'sign-in-again') return
  const entry = known && rows.get('entry', { entry_id: known.entry_id })
  if (entry)
    return putEntry(rows, {
      ...entry,
      count: entry.count + 1,
      last_at: event.metadata.occurredAt,
      position: event.position,
    })
  rows.put('signed_out', { account_id, entry_id: event.id })
  putEntry(rows, ofAccount(event, 'sign-in-needed', detail))
}
