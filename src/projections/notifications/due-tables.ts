import type { AccountFacts } from '../../domain/accounts/account-facts.ts'
import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import type { NotificationSettings } from '../../domain/notifications/events.ts'
import type { Waiting } from '../../domain/notifications/gathering.ts'
import { json, nullable, table, text, timestamp, type Rows } from '../projection.ts'

export const tables = {
  /** What a user is to be told of one kind and account; `tell_at` is null while there is nothing. */
  waiting: table({
    columns: {
      user_id: text,
      kind: text,
      account_id: text,
      waiting: json<Waiting>(),
      tell_at: nullable(timestamp),
    },
    key: ['user_id', 'kind', 'account_id'],
    indexes: ['(tell_at) WHERE tell_at IS NOT NULL'],
  }),
  account: table({
    columns: { id: text, rights: json<AccessRights>(), connected_at: timestamp, facts: json<AccountFacts>() },
    key: ['id'],
  }),
  settings: table({ columns: { user_id: text, settings: json<NotificationSettings>() }, key: ['user_id'] }),
  /** Users whose settings say something about the account. */
  asking: table({ columns: { account_id: text, users: json<string[]>() }, key: ['account_id'] }),
  /** By whom an email was written, if somebody is to hear of it. */
  writer: table({ columns: { outgoing_id: text, user_id: text }, key: ['outgoing_id'] }),
  /** Users that the CRM has removed. */
  gone: table({ columns: { user_id: text }, key: ['user_id'] }),
}
export type DueRows = Rows<typeof tables>
