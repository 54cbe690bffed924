import {
  factEvents,
  factsAfter,
  factsAfterChanges,
  freshFacts,
  type AccountFacts,
  type FactEvent,
} from '../../domain/accounts/account-facts.ts'
import { rightsAfter, rightsOfOwner, type AccessRights } from '../../domain/accounts/access-rights.ts'
import {
  accountEvents,
  defaultAccountEvents,
  type AccountConnected,
  type AccountSettings,
  type Owner,
} from '../../domain/accounts/events.ts'
import type { Connection, TestStep } from '../../domain/accounts/connection.ts'
import { OrganizationRecorded, UserRecorded } from '../../domain/directory/events.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import { ChangesSynced } from '../../domain/sync/events.ts'
import {
  freshSchedule,
  scheduleAfter,
  scheduleEvents,
  type ScheduleEvent,
  type SyncSchedule,
} from '../../domain/sync/sync-schedule.ts'
import type { VisibilityPolicy } from '../../domain/visibility.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  text,
  timestamp,
  type RowOf,
} from '../projection.ts'

const account = table({
  columns: {
    id: text,
    address: text,
    owner_kind: text,
    owner_user: nullable(text),
    rights: json<AccessRights>(),
    status: text,
    facts: json<AccountFacts>(),
    schedule: json<SyncSchedule>(),
    is_default: boolean,
    settings: json<AccountSettings>(),
    signature: text,
    connection: json<Connection>(),
    last_test: nullable(json<{ at: string; ok: boolean; steps: TestStep[] }>()),
    /** When its mailbox was last read, in whole or in part. */
    last_sync_at: nullable(timestamp),
    connected_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: [
    '(connected_at, id)',
    '(address, id)',
    '(owner_user)',
    `(coalesce(last_sync_at, '1970-01-01T00:00:00Z'::timestamptz), id)`,
  ],
})

export type AccountRow = RowOf<typeof account>

/** The list of email accounts, with each one's settings, the facts behind its status, and when it is read next. */
export const accountList = projection({
  name: 'account-list',
  version: 8,
  tables: {
    account,
    owner: table({ columns: { user_id: text, name: text }, key: ['user_id'] }),
    /** What the organisation says about seeing each other's mail. */
    policy: table({ columns: { id: text, policy: json<VisibilityPolicy>() }, key: ['id'] }),
    default_account: table({ columns: { owner: text, account_id: text }, key: ['owner'] }),
    /** Which messages are withheld, and which of those were ever dismissed. */
    withheld: table({
      columns: { account_id: text, ids: json<string[]>(), dismissed: json<string[]>() },
      key: ['account_id'],
    }),
  },
  events: [
    ...accountEvents,
    ...defaultAccountEvents,
    ...factEvents,
    ...scheduleEvents,
    ChangesSynced,
    UserRecorded,
    OrganizationRecorded,
  ],
  fold: (event, rows) => {
    if (event.type === 'OrganizationRecorded') {
      const { visibilityDefault, visibilityFloor } = event.data.organization
      return rows.put('policy', { id: 'main', policy: { visibilityDefault, visibilityFloor } })
    }
    if (event.type === 'UserRecorded')
      return rows.put('owner', { user_id: event.data.userId, name: event.data.user.name })
    if (event.type === 'AccountConnected') return rows.put('account', fresh(event))
    const row = rows.get('account', { id: event.data.accountId })
    if (!row) throw new Error(`${event.type} of an account that was not connected`)
    // Every event of its stream moves the revision, since `If-Match` names it.
    if (event.stream.startsWith('account-')) row.revision = event.revision
    switch (event.type) {
      case 'AccountAccessGranted':
      case 'AccountAccessRevoked':
        Object.assign(row, columnsOf(rightsAfter(row.rights, event)))
        break
      case 'AccountOwnerChanged':
        Object.assign(row, columnsOf(rightsAfter(row.rights, event)), { is_default: false })
        break
      case 'AccountConnectionChanged':
        row.connection = event.data.connection
        break
      case 'AccountSettingsChanged':
        row.settings = event.data.settings
        break
      case 'AccountSignatureChanged':
        row.signature = event.data.html
        break
      case 'AccountConnectionTested':
        row.last_test = { at: event.metadata.occurredAt, ok: event.data.ok, steps: event.data.steps }
        break
      case 'AccountDisconnected':
        row.is_default = false
        break
      case 'ChangesSynced': {
        const facts = factsAfterChanges(row.facts, event.data)
        const ids = event.data.withheld.map(({ placement }) => idOf(placement))
        const before = rows.get('withheld', { account_id: row.id })
        if (!before && ids.length === 0 && facts === row.facts) return
        row.facts = withWithheld(facts, ids, before?.dismissed ?? [])
        rows.put('withheld', { account_id: row.id, ids, dismissed: before?.dismissed ?? [] })
        break
      }
      case 'WithheldMessageDismissed': {
        const before = rows.get('withheld', { account_id: row.id })
        const dismissed = [...(before?.dismissed ?? []), idOf(event.data)]
        row.facts = withWithheld(row.facts, before?.ids ?? [], dismissed)
        rows.put('withheld', { account_id: row.id, ids: before?.ids ?? [], dismissed })
        break
      }
      case 'DefaultAccountChosen': {
        const owner = ownerKey(event.data.owner)
        const before = rows.get('default_account', { owner })
        const former = before && rows.get('account', { id: before.account_id })
        if (former) rows.put('account', { ...former, is_default: false })
        rows.put('default_account', { owner, account_id: row.id })
        row.is_default = true
        break
      }
      case 'DefaultAccountUnset':
        rows.remove('default_account', { owner: ownerKey(event.data.owner) })
        row.is_default = false
        break
      case 'SyncRunFinished':
        if (event.data.outcome === 'success' || event.data.outcome === 'partial')
          row.last_sync_at = event.metadata.occurredAt
        break
      case 'AccountAccessWithdrawn':
      case 'AccountPaused':
      case 'AccountResumed':
      case 'EmailDeferred':
      case 'EmailFailed':
      case 'EmailSent':
      case 'MessageQuarantined':
      case 'QuarantinedMessageReleased':
      case 'QuarantinedMessageSkipped':
      case 'SyncRequested':
      case 'SyncRunStarted':
      case 'BackfillRequested':
      case 'BackfillPaused':
      case 'BackfillResumed':
      case 'BackfillFinished':
      case 'LeftOutMailFetched':
      case 'PatternRunFinished':
        break
    }
    if (isFact(event)) row.facts = factsAfter(row.facts, event)
    if (isOfSchedule(event)) row.schedule = scheduleAfter(row.schedule, event)
    row.status = row.facts.lifecycle
    rows.put('account', row)
  },
})

const fresh = (event: RecordedEvent<EventOf<typeof AccountConnected>>): RowOf<typeof account> => {
  const { accountId: id, address, owner, settings, connection } = event.data
  return {
    id,
    address,
    ...columnsOf(rightsOfOwner(owner)),
    status: 'active',
    facts: freshFacts(event.data),
    schedule: freshSchedule(event),
    is_default: false,
    settings,
    signature: '',
    connection,
    last_test: null,
    last_sync_at: null,
    connected_at: event.metadata.occurredAt,
    revision: event.revision,
  }
}

const columnsOf = (rights: AccessRights) => ({
  owner_kind: rights.owner.kind,
  owner_user: rights.owner.kind === 'user' ? rights.owner.userId : null,
  rights,
})

const factTypes: ReadonlySet<string> = new Set(factEvents.map(({ type }) => type))

const isFact = (event: { readonly type: string }): event is FactEvent => factTypes.has(event.type)

const scheduleTypes: ReadonlySet<string> = new Set(scheduleEvents.map(({ type }) => type))

const isOfSchedule = (event: { readonly type: string }): event is ScheduleEvent =>
  scheduleTypes.has(event.type)

const withWithheld = (
  facts: AccountFacts,
  ids: readonly string[],
  dismissed: readonly string[],
): AccountFacts => ({ ...facts, withheld: ids.filter((id) => !dismissed.includes(id)).length })

const idOf = ({ folder, ref }: { readonly folder: string; readonly ref: string }): string =>
  `${folder}\n${ref}`

const ownerKey = (owner: Owner): string => (owner.kind === 'team' ? 'team' : `user.${owner.userId}`)
