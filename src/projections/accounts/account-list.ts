import { sql, type Kysely } from 'kysely'
import {
  accountEvents,
  DefaultAccountChosen,
  type AccountSettings,
  type MailServer,
  type TestStep,
} from '../../domain/accounts/events.ts'
import { UserRecorded } from '../../domain/directory/events.ts'
import { SyncRunFinished } from '../../domain/sync/events.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  tablesOf,
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
    provider: text,
    owner_kind: text,
    owner_user: nullable(text),
    status: text,
    status_reason: nullable(text),
    health: json<Health>(),
    is_default: boolean,
    settings: json<AccountSettings>(),
    signature: text,
    smtp: nullable(json<MailServer>()),
    imap: nullable(json<MailServer>()),
    last_test: nullable(json<{ at: string; ok: boolean; steps: TestStep[] }>()),
    connected_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: ['(connected_at, id)'],
})

export type AccountRow = RowOf<typeof account> & { owner_name: string | null }

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
      const { accountId, address, provider, owner, settings, smtp, imap } = event.data
      return rows.put('account', {
        id: accountId,
        address,
        provider,
        owner_kind: owner.kind,
        owner_user: owner.kind === 'user' ? owner.userId : null,
        status: 'active',
        status_reason: null,
        health: healthy,
        is_default: false,
        settings,
        signature: '',
        smtp,
        imap,
        last_test: null,
        connected_at: event.metadata.occurredAt,
        revision: event.revision,
      })
    }
    const row = rows.get('account', { id: event.data.accountId })
    if (!row) throw new Error(`${event.type} of an account that was not connected`)
    if (event.stream.startsWith('account-')) row.revision = event.revision
    switch (event.type) {
      case 'AccountConnectionChanged':
        row.smtp = event.data.smtp
        row.imap = event.data.imap
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

const accounts = (db: Kysely<unknown>) =>
  tablesOf(db, accountList)
    .selectFrom('account')
    .leftJoin('owner', 'owner.user_id', 'account.owner_user')
    .selectAll('account')
    .select('owner.name as owner_name')

/** Those that this user (null: anybody) may use: the team's, and their own. */
const usable = (userId: string | null) =>
  userId === null ? sql<boolean>`true` : sql<boolean>`(owner_user is null or owner_user = ${userId})`

/** Accounts in the order in which they were connected, up to `limit` behind the key `after`; disconnected ones on request. */
export const listAccounts = (
  db: Kysely<unknown>,
  after: readonly [connectedAt: string, id: string] | null,
  limit: number,
  withDisconnected: boolean,
  userId: string | null,
): Promise<AccountRow[]> =>
  accounts(db)
    .where(usable(userId))
    .$if(!withDisconnected, (query) => query.where('status', '<>', 'disconnected'))
    .$if(after !== null, (query) =>
      query.where(sql<boolean>`(connected_at, id) > (${after![0]}::timestamptz, ${after![1]})`),
    )
    .orderBy('connected_at')
    .orderBy('id')
    .limit(limit)
    .execute()

export const findAccount = (
  db: Kysely<unknown>,
  id: string,
  userId: string | null,
): Promise<AccountRow | undefined> =>
  accounts(db).where(usable(userId)).where('id', '=', id).executeTakeFirst()

/** Ids of the accounts that this user may use, disconnected ones too. */
export const usableAccounts = async (db: Kysely<unknown>, userId: string): Promise<string[]> => {
  const rows = await tablesOf(db, accountList)
    .selectFrom('account')
    .select('id')
    .where(usable(userId))
    .execute()
  return rows.map(({ id }) => id)
}

/** How many accounts are connected, paused ones included. */
export const countConnected = async (db: Kysely<unknown>, userId: string | null): Promise<number> => {
  const { count } = await tablesOf(db, accountList)
    .selectFrom('account')
    .select((of) => of.fn.countAll<number>().as('count'))
    .where('status', '<>', 'disconnected')
    .where(usable(userId))
    .executeTakeFirstOrThrow()
  return count
}
