import type { RecordedEvent } from '../../domain/event.ts'
import {
  linkEvents,
  RelinkingFinished,
  RelinkingProgressed,
  type Link,
  type LinkEvent,
  type RecordRef,
} from '../../domain/linking/events.ts'
import {
  currentLinks,
  linksAfter,
  noLinks,
  type CurrentLink,
  type Links,
} from '../../domain/linking/links.ts'
import { absenceAfter, isAbsent } from '../../domain/sync/absence.ts'
import { presenceChanges, type PresenceChange } from '../../domain/sync/presence-events.ts'
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
  type Rows,
} from '../projection.ts'

const ofRecord = { record_kind: text, record_id: text, message_id: text, account_id: text }

const tables = {
  message: table({
    columns: {
      id: text,
      account_id: text,
      links: json<Links>(),
      revision: integer,
      /** What was deleted or is hidden counts as linked to nothing. */
      deleted: boolean,
      hidden: boolean,
    },
    key: ['id'],
  }),
  /** What each record has linked to it now. */
  link: table({
    columns: { ...ofRecord, rule: text, link: json<CurrentLink>(), since: timestamp },
    key: ['record_kind', 'record_id', 'message_id'],
    indexes: ['(message_id)'],
  }),
  /** What waits for somebody to decide. */
  suggestion: table({
    columns: { ...ofRecord, id: text, link: json<Link>(), since: timestamp },
    key: ['id'],
    indexes: [
      '(account_id, since DESC, id DESC)',
      '(account_id, record_kind, since DESC, id DESC)',
      '(record_kind, record_id, since DESC, id DESC)',
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
type MessageRow = RowOf<typeof tables.message>

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
    const before = rows.get('message', { id }) ?? unlinked(id, account_id)
    const after = changed(before, event)
    rows.put('message', after)
    const was = shownLinks(before)
    const is = shownLinks(after)
    const of = { id, account_id, at: event.metadata.occurredAt }
    replaceLinks(rows, of, was.links, is.links)
    replaceSuggestions(rows, of, was.suggestions, is.suggestions)
    count(rows, account_id, was.links, is.links)
  },
})

const unlinked = (id: string, account_id: string): MessageRow => ({
  id,
  account_id,
  links: noLinks,
  revision: -1,
  deleted: false,
  hidden: false,
})

const changed = (row: MessageRow, event: RecordedEvent<LinkEvent | PresenceChange>): MessageRow => {
  switch (event.type) {
    case 'MessageDeleted':
    case 'MessageRestored':
    case 'MessageHidden':
    case 'MessageShown':
      return { ...row, ...absenceAfter(row, event) }
    case 'MessageMatched':
    case 'MessageLinked':
    case 'MessageUnlinked':
    case 'LinkDecisionUndone':
      return { ...row, links: linksAfter(row.links, event), revision: event.revision }
  }
}

const shownLinks = (row: MessageRow): ReturnType<typeof currentLinks> =>
  currentLinks(isAbsent(row) ? noLinks : row.links)

type Of = { readonly id: string; readonly account_id: string; readonly at: string }

const keyOf = ({ kind, id }: RecordRef, message_id: string) => ({
  record_kind: kind,
  record_id: id,
  message_id,
})

const replaceLinks = (
  rows: LinkRows,
  { id, account_id, at }: Of,
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
    rows.put('link', { ...key, account_id, rule: link.rule, link, since: since ?? at })
  }
}

/** `<message>.<kind>.<record>` */
const suggestionId = (message_id: string, { kind, id }: RecordRef): string => `${message_id}.${kind}.${id}`

const replaceSuggestions = (
  rows: LinkRows,
  { id: message, account_id, at }: Of,
  was: readonly Link[],
  is: readonly Link[],
): void => {
  const known = was.map(({ record }) => rows.get('suggestion', { id: suggestionId(message, record) }))
  for (const { record } of was) rows.remove('suggestion', { id: suggestionId(message, record) })
  for (const link of is) {
    const id = suggestionId(message, link.record)
    const since = known.find((row) => row?.id === id)?.since ?? at
    rows.put('suggestion', { id, ...keyOf(link.record, message), account_id, link, since })
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
