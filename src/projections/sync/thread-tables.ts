import type { WrittenMailbox } from '../../domain/mail.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  table,
  text,
  timestamp,
  type RowOf,
  type Rows,
} from '../projection.ts'
import type { Part, Shown } from './thread-parts.ts'

/** That two threads are one, although no message connects them: a person said so. */
export type HandMerge = { readonly change: number; readonly threadId: string; readonly other: string }

/**
 * A thread has a row of its own for as long as there are messages in it, and points to the one that it has become part
 * of. What messages connect stays connected; what people do comes on top of that and may be undone: they merge threads
 * (`by_hand`), and split messages off into threads of their own.
 */
const thread = table({
  columns: {
    id: text,
    account_id: text,
    merged_into: nullable(text),
    by_hand: boolean,
    /** All threads that have become part of this one, by messages or by hand. */
    merged: json<string[]>(),
    /** Those among them that messages connect with it. */
    connected: json<string[]>(),
    /** Those that people have merged with it, each with others that messages connect with that one. */
    joined: json<string[]>(),
    joins: json<HandMerge[]>(),
    /** In which split thread the messages were from which this one was split off; null for what was in none. */
    origins: json<Record<string, string | null>>(),
    /** Messages in its own list, and messages that connections have brought together. */
    listed: integer,
    size: integer,
    /** What it shows: of its messages, and of those merged with it, that are neither deleted nor hidden. */
    messages: integer,
    /** No message in it was written by a person. */
    automatic: boolean,
    subject: text,
    base_subject: text,
    snippet: text,
    direction: text,
    people: json<WrittenMailbox[]>(),
    first_at: timestamp,
    last_at: timestamp,
  },
  key: ['id'],
  indexes: [
    '(account_id, last_at DESC, id DESC) WHERE merged_into IS NULL AND messages > 0',
    '(account_id, direction, last_at DESC, id DESC) WHERE merged_into IS NULL AND messages > 0',
    '(account_id, base_subject, last_at) WHERE merged_into IS NULL AND messages > 0',
  ],
})
export type ThreadRow = RowOf<typeof thread>

/** As many ids are in one row of the list of a thread: a long thread must not be written anew with each message. */
export const LIST_PART = 100

export const tables = {
  thread,
  /**
   * The thread that messages put a Message-ID in, the one into which people have split its message off, that message
   * once it was seen, and whether we wrote it.
   */
  node: table({
    columns: {
      account_id: text,
      message_id: text,
      thread_id: text,
      split: nullable(text),
      claimed_by: nullable(text),
      ours: boolean,
      message: nullable(text),
    },
    key: ['account_id', 'message_id'],
  }),
  member: table({
    columns: {
      id: text,
      /** The thread whose list it is in. */
      thread_id: text,
      /** The thread that it began, or that messages connect it with. */
      natural: text,
      split: nullable(text),
      account_id: text,
      at: timestamp,
      header_ids: json<string[]>(),
      /** The message that it answers. */
      answers: nullable(text),
      shown: json<Shown>(),
    },
    key: ['id'],
    indexes: ['(thread_id, at, id)'],
  }),
  /** The ids of the members of a thread, in parts. */
  list: table({
    columns: { thread_id: text, part: integer, ids: json<string[]>() },
    key: ['thread_id', 'part'],
  }),
  /** What was deleted or hidden. */
  absent: table({ columns: { id: text, deleted: boolean, hidden: boolean }, key: ['id'] }),
  /** Emails of ours since they were queued; they join when they are sent, or found in the mailbox. */
  outgoing: table({ columns: { id: text, joined: boolean, part: json<Part>() }, key: ['id'] }),
  /** The address of an account: it is in every thread, and so connects nobody. */
  own: table({ columns: { account_id: text, address: text }, key: ['account_id'] }),
}
export type ThreadRows = Rows<typeof tables>
export type Member = RowOf<typeof tables.member>
export type Node = RowOf<typeof tables.node>
