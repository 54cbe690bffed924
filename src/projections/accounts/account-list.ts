import { accountEvents, DefaultAccountChosen, type AccountSettings } from '../../domain/accounts/events.ts'
import type { Connection, TestStep } from '../../domain/accounts/connection.ts'
import { UserRecorded } from '../../domain/directory/events.ts'
import { SyncRunFinished } from '../../domain/sync/events.ts'
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

/** What the last finished run says of the account. */
type Health = {
  state: 'ok' | 'degraded' | 'failing'
  code: string | null
  detail: string | null
  remedy: string | null
}

const account = table({
  columns: {
    id: text,
    address: text,
    owner_kind: text,
    owner_user: nullable(text),
    status: text,
    status_reason: nullable(text),
    health: json<Health>(),
    is_default: boolean,
    settings: json<AccountSettings>(),
    signature: text,
    connection: json<Connection>(),
    last_test: nullable(json<{ at: string; ok: boolean; steps: TestStep[] }>()),
    connected_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: ['(connected_at, id)'],
})

export type AccountRow = RowOf<typeof account>

const healthy: Health = { state: 'ok', code: null, detail: null, remedy: null }

/** The list of email accounts, with each one's settings and state. */
export const accountList = projection({
  name: 'account-list',
  version: 1,
  tables: {
    account,
    owner: table({ columns: { user_id: text, name: text }, key: ['user_id'] }),
    default_account: table({ columns: { owner: text, account_id: text }, key: ['owner'] }),
  },
  events: [...accountEvents, DefaultAccountChosen, SyncRunFinished, UserRecorded],
  fold: (event, rows) => {
    if (event.type === 'UserRecorded')
      return rows.put('owner', { user_id: event.data.userId, name: event.data.user.name })
    if (event.type === 'AccountConnected') {
      const { accountId, address, owner, settings, connection } = event.data
      return rows.put('account', {
        id: accountId,
        address,
        owner_kind: owner.kind,
        owner_user: owner.kind === 'user' ? owner.userId : null,
        status: 'active',
        status_reason: null,
        health: healthy,
        is_default: false,
        settings,
        signature: '',
        connection,
        last_test: null,
        connected_at: event.metadata.occurredAt,
        revision: event.revision,
      })
    }
    const row = rows.get('account', { id: event.data.accountId })
    if (!row) throw new Error(`${event.type} of an account that was not connected`)
    // Whatever its stream says moves it, for `If-Match` names it.
    if (event.stream.startsWith('account-')) row.revision = event.revision
    switch (event.type) {
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
        if (event.data.ok && row.health.state === 'failing') row.health = healthy
        break
      case 'AccountPaused':
      case 'AccountDisconnected':
        row.status = event.type === 'AccountPaused' ? 'paused' : 'disconnected'
        row.status_reason = event.data.reason
        break
      case 'AccountResumed':
        row.status = 'active'
        row.status_reason = null
        break
      case 'SyncRequested':
        break
      case 'SyncRunFinished': {
        const { outcome, code, detail, remedy } = event.data
        if (outcome === 'abandoned') break
        const state = outcome === 'success' ? 'ok' : outcome === 'partial' ? 'degraded' : 'failing'
        row.health = { state, code, detail, remedy }
        break
      }
      case 'DefaultAccountChosen': {
        const { owner: of } = event.data
        const key = of.kind === 'team' ? 'team' : `user.${of.userId}`
        const before = rows.get('default_account', { owner: key })
        const former = before && rows.get('account', { id: before.account_id })
        if (former) rows.put('account', { ...former, is_default: false })
        rows.put('default_account', { owner: key, account_id: event.data.accountId })
        row.is_default = true
        break
      }
    }
    rows.put('account', row)
  },
})
