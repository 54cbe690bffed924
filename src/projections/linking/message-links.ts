import {
  linkEvents,
  RelinkingFinished,
  RelinkingProgressed,
  type Link,
  type RecordRef,
} from '../../domain/linking/events.ts'
import {
  currentLinks,
  linksAfter,
  noLinks,
  type CurrentLink,
  type Links,
} from '../../domain/linking/links.ts'
import { presenceChanges } from '../../domain/sync/presence-events.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  text,
  timestamp,
  type Rows,
} from '../projection.ts'

const ofRecord = { record_kind: text, record_id: text, message_id: text, account_id: text }

const tables = {
  /** What a deleted message is linked to is shown nowhere, and is there again when it is restored. */
  message: table({
    columns: { id: text, account_id: text, links: json<Links>(), revision: integer, deleted: boolean },
    key: ['id'],
  }),
  /** What each record has linked to it now. */
  link: table({
    columns: { ...ofRecord, rule: text, link: json<CurrentLink>(), since: timestamp, deleted: boolean },
    key: ['record_kind', 'record_id', 'message_id'],
    indexes: ['(message_id)'],
  }),
  /** What waits for somebody to decide. */
  suggestion: table({
    columns: { ...ofRecord, id: text, link: json<Link>(), since: timestamp, deleted: boolean },
    key: ['id'],
    indexes: [
      '(account_id, since DESC, id DESC) WHERE NOT deleted',
      '(account_id, record_kind, since DESC, id DESC) WHERE NOT deleted',
      '(record_kind, record_id, since DESC, id DESC) WHERE NOT deleted',
      '(message_id)',
    ],
  }),
  /** How many messages of an account are linked by each rule, and `total` how many are linked at all. */
  figure: table({
    columns: { account_id: text, rule: text, messages: integer },
    key: ['account_id', 'rule'],
  }),
  /** Re-linkings of older messages, by up to where they cover changes. */
  run: table({
    columns: {
      up_to: text,
      started_at: timestamp,
      finished_at: nullable(timestamp),
      examined: integer,
      changed: integer,
    },
    key: ['up_to'],
    indexes: ['(started_at DESC, up_to DESC)'],
  }),
}
type LinkRows = Rows<typeof tables>

/** What mail is linked to, what is suggested, and how many messages of each account are linked. */
export const messageLinks = projection({
  name: 'message-links',
  version: 2,
  tables,
  events: [...linkEvents, ...presenceChanges, RelinkingProgressed, RelinkingFinished],
  fold: (event, rows) => {
    if (event.type === 'RelinkingProgressed' || event.type === 'RelinkingFinished') {
      const { upTo: up_to, startedAt: started_at, examined, changed } = event.data
      const finished_at = event.type === 'RelinkingFinished' ? event.metadata.occurredAt : null
      return rows.put('run', { up_to, started_at, finished_at, examined, changed })
    }
    const { messageId: id, accountId: account_id } = event.data
    const row = rows.get('message', { id }) ?? { ...unlinked, id, account_id }
    const was = currentLinks(row.links)
    if (event.type === 'MessageDeleted' || event.type === 'MessageRestored') {
      const deleted = event.type === 'MessageDeleted'
      rows.put('message', { ...row, deleted })
      return markDeleted(rows, id, was, deleted)
    }
    const links = linksAfter(row.links, event)
    rows.put('message', { ...row, links, revision: event.revision })
    const is = currentLinks(links)
    const of = { id, account_id, deleted: row.deleted, at: event.metadata.occurredAt }
    replaceLinks(rows, of, was.links, is.links)
    replaceSuggestions(rows, of, was.suggestions, is.suggestions)
    if (!row.deleted) count(rows, account_id, was.links, is.links)
  },
})

const unlinked = { links: noLinks, revision: -1, deleted: false }

const markDeleted = (
  rows: LinkRows,
  id: string,
  of: ReturnType<typeof currentLinks>,
  deleted: boolean,
): void => {
  const links = of.links.flatMap(({ record }) => rows.get('link', keyOf(record, id)) ?? [])
  for (const row of links) rows.put('link', { ...row, deleted })
  for (const { record } of of.suggestions) {
    const row = rows.get('suggestion', { id: suggestionId(id, record) })
    if (row) rows.put('suggestion', { ...row, deleted })
  }
  for (const { account_id } of links.slice(0, 1))
    if (deleted) count(rows, account_id, of.links, [])
    else count(rows, account_id, [], of.links)
}

type Of = {
  readonly id: string
  readonly account_id: string
  readonly deleted: boolean
  readonly at: string
}

const keyOf = ({ kind, id }: RecordRef, message_id: string) => ({
  record_kind: kind,
  record_id: id,
  message_id,
})

const replaceLinks = (
  rows: LinkRows,
  { id, account_id, deleted, at }: Of,
  was: readonly CurrentLink[],
  is: readonly CurrentLink[],
): void => {
  const known = was.map(({ record }) => rows.get('link', keyOf(record, id)))
  for (const { record } of was) rows.remove('link', keyOf(record, id))
  for (const link of is) {
    const key = keyOf(link.record, id)
    const since = known.find(
      (row) => row?.record_kind === key.record_kind && row.record_id === key.record_id,
    )?.since
    rows.put('link', { ...key, account_id, rule: link.rule, link, since: since ?? at, deleted })
  }
}

/** `<message>.<kind>.<record>` */
const suggestionId = (message_id: string, { kind, id }: RecordRef): string => `${message_id}.${kind}.${id}`

const replaceSuggestions = (
  rows: LinkRows,
  { id: message, account_id, deleted, at }: Of,
  was: readonly Link[],
  is: readonly Link[],
): void => {
  const known = was.map(({ record }) => rows.get('suggestion', { id: suggestionId(message, record) }))
  for (const { record } of was) rows.remove('suggestion', { id: suggestionId(message, record) })
  for (const link of is) {
    const id = suggestionId(message, link.record)
    const since = known.find((row) => row?.id === id)?.since ?? at
    rows.put('suggestion', { id, ...keyOf(link.record, message), account_id, link, since, deleted })
  }
}

const count = (
  rows: LinkRows,
  account_id: string,
  was: readonly CurrentLink[],
  is: readonly CurrentLink[],
): void => {
  const before = countedUnder(was)
  const after = countedUnder(is)
  for (const rule of new Set([...before, ...after])) {
    const change = (after.has(rule) ? 1 : 0) - (before.has(rule) ? 1 : 0)
    if (change === 0) continue
    const messages = (rows.get('figure', { account_id, rule })?.messages ?? 0) + change
    rows.put('figure', { account_id, rule, messages })
  }
}

const countedUnder = (links: readonly CurrentLink[]): ReadonlySet<string> =>
  new Set(links.length === 0 ? [] : ['total', ...links.map(({ rule }) => rule)])
