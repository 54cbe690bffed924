import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import type { AssignmentRules, Availability } from '../../domain/assignment/events.ts'
import type { Turns } from '../../domain/assignment/turns.ts'
import type { Decision, PendingPick } from '../../domain/assignment/work.ts'
import { boolean, integer, json, nullable, table, text, timestamp, type Rows } from '../projection.ts'

export const assignmentTables = {
  account: table({
    columns: {
      id: text,
      rights: json<AccessRights>(),
      rules: json<AssignmentRules>(),
      /** Revisions of the streams of its rules and of its decisions; -1 while there are none. */
      rules_revision: integer,
      revision: integer,
      /** The revision of the rules under which turns were taken, and the turns. */
      turns_revision: integer,
      turns: json<Turns>(),
    },
    key: ['id'],
  }),
  conversation: table({
    columns: {
      id: text,
      account_id: text,
      status: text,
      /** Part of another one. */
      merged: boolean,
      opened_at: timestamp,
      /** Since when it has been open. */
      waiting_since: timestamp,
      /** When it was first no longer open; null if that never was. */
      done_at: nullable(timestamp),
      from_address: nullable(text),
      /** Who sent the email that is answered. */
      belongs_to: nullable(text),
      user_id: nullable(text),
      /** To whom it was assigned first. */
      first_user_id: nullable(text),
      pick: nullable(json<PendingPick>()),
      /** As what it was left unassigned (see left-as.ts). */
      left_as: text,
    },
    key: ['id'],
    indexes: [
      `(account_id, left_as, waiting_since, id)
        WHERE status = 'open' AND user_id IS NULL AND NOT merged AND pick IS NULL`,
      '(account_id) WHERE pick IS NOT NULL',
      `(account_id, user_id, waiting_since, id) WHERE user_id IS NOT NULL AND status <> 'closed' AND NOT merged`,
      '(account_id, opened_at, id)',
    ],
  }),
  /**
   * How many conversations of an account a user has: of those that are open, with what is theirs by a decision that the
   * conversation itself does not say yet, and of those that are not closed.
   */
  holding: table({
    columns: { account_id: text, user_id: text, open: integer, unclosed: integer },
    key: ['account_id', 'user_id'],
    indexes: ['(account_id, user_id) WHERE unclosed > 0'],
  }),
  user: table({ columns: { id: text }, key: ['id'] }),
  availability: table({
    columns: { user_id: text, availability: json<Availability>() },
    key: ['user_id'],
  }),
  contact: table({
    columns: {
      id: text,
      addresses: json<string[]>(),
      territory: nullable(text),
      product: nullable(text),
      company_id: nullable(text),
    },
    key: ['id'],
  }),
  contact_address: table({ columns: { address: text, contact_id: text }, key: ['address', 'contact_id'] }),
  company: table({ columns: { id: text, territory: nullable(text) }, key: ['id'] }),
  /** Users who queued an email. */
  writer: table({ columns: { outgoing_id: text, user_id: text }, key: ['outgoing_id'] }),
  /** Messages that answer an email that a user queued. */
  answer: table({ columns: { message_id: text, user_id: text }, key: ['message_id'] }),
  decision: table({
    columns: { conversation_id: text, position: text, at: timestamp, decision: json<Decision>() },
    key: ['conversation_id', 'position'],
  }),
  /** The position of the last event. */
  seen: table({ columns: { id: text, position: text }, key: ['id'] }),
}

export type AssignmentRows = Rows<typeof assignmentTables>
