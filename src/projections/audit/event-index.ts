import {
  rightsAfter,
  rightsOfOwner,
  changesRights,
  type AccessRights,
} from '../../domain/accounts/access-rights.ts'
import {
  ownStreams,
  subjectKey,
  subjectsOf,
  type Subject,
  type SubjectKind,
} from '../../domain/audit/subjects.ts'
import { allEvents, type AnyEvent } from '../../domain/catalogue.ts'
import { directoryEvents } from '../../domain/directory/events.ts'
import type { RecordedEvent } from '../../domain/event.ts'
import { isForFeed, isOfOneUser } from '../../domain/notifications/who-sees.ts'
import {
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

/** Who may see an event besides programs, if it is not one user: everybody, or whoever has access to its account. */
export const EVERYBODY = ''
export const OF_ACCOUNT = ':account'

const tables = {
  /** A row for each event: where it is in the log, and what is asked for often. What it says is in the log alone. */
  event: table({
    columns: {
      position: text,
      stream: text,
      revision: integer,
      type: text,
      actor_kind: text,
      actor_id: text,
      /** With which it was done, by a program for itself or by or for a user; null for what Mailtrail did by itself. */
      api_key: nullable(text),
      recorded_at: timestamp,
      account: nullable(text),
      /** A user, EVERYBODY or OF_ACCOUNT; null if only programs may see it. */
      seen_by: nullable(text),
      /** The user whose email it is about: they may see it with access to send. */
      own: nullable(text),
    },
    key: ['position'],
    indexes: [
      '(stream, position)',
      '(account, position) WHERE account IS NOT NULL',
      '(type, position)',
      '(actor_id, position)',
      '(api_key, position) WHERE api_key IS NOT NULL',
      // Most of what happens is done by automations.
      "(actor_kind, position) WHERE actor_kind <> 'system'",
      '(seen_by, position)',
    ],
  }),
  /** What an event is about beside its account and the thing that its stream is of; of an email also for whom it is. */
  link: table({ columns: { subject: text, position: text }, key: ['subject', 'position'] }),
  /** To which account an email belongs and what it was made of, and who may see an account, an email or a template. */
  known: table({
    columns: {
      subject: text,
      account: nullable(text),
      seen_by: nullable(text),
      own: nullable(text),
      about: json<string[]>(),
    },
    key: ['subject'],
  }),
  /** Who has access to an account, and since which position. */
  access: table({
    columns: {
      account: text,
      rights: json<AccessRights>(),
      position: text,
    },
    key: ['account'],
  }),
  /** Between which positions the events of an hour lie, so that no index by time is needed. */
  hour: table({ columns: { hour: timestamp, first: text, last: text }, key: ['hour'] }),
}
type Known = Omit<RowOf<typeof tables.known>, 'subject'>

/**
 * An index of the event log for those who read it: by account, by what an event is about, by type, actor and time. It
 * holds references, and nothing of what events say.
 */
export const eventIndex = projection({
  name: 'event-index',
  version: 5,
  tables,
  events: allEvents,
  fold: (event, rows) => {
    const { position, stream, revision, type, recordedAt } = event
    const { kind: actor_kind, id: actor_id, via } = event.metadata.actor
    const subjects = subjectsOf(event)
    putAccess(event, rows)
    const { account, seen_by, own, about } = knownOf(event, subjects, rows)
    rows.put('event', {
      position,
      stream,
      revision,
      type,
      actor_kind,
      actor_id,
      api_key: actor_kind === 'api-key' ? actor_id : (via?.apiKey ?? null),
      recorded_at: recordedAt,
      account,
      seen_by,
      own,
    })
    const linked = subjects.filter(
      (subject) => subject.kind !== 'account' && !ownStreams(subject).includes(stream),
    )
    for (const subject of new Set([...linked.map(subjectKey), ...about]))
      rows.put('link', { subject, position })
    putHour(rows, recordedAt, position)
  },
})

/** What is known of what the event is about, itself included; what it says of that is remembered for later ones. */
const knownOf = (
  event: RecordedEvent<AnyEvent>,
  subjects: readonly Subject[],
  rows: Rows<typeof tables>,
): Known => {
  const keyOf = (kind: SubjectKind): string | null => {
    const subject = subjects.find((each) => each.kind === kind)
    return subject ? subjectKey(subject) : null
  }
  const find = (kind: SubjectKind): Known | undefined => {
    const subject = keyOf(kind)
    return subject === null ? undefined : rows.get('known', { subject })
  }
  const remember = (kind: SubjectKind, known: Known): Known => {
    const subject = keyOf(kind)
    if (subject !== null) rows.put('known', { subject, ...known })
    return known
  }
  const account = subjects.find(({ kind }) => kind === 'account')?.id ?? null
  const seen = (seen_by: string | null, about: string[] = [], own: string | null = null): Known => ({
    account,
    seen_by,
    own,
    about,
  })
  if (isOfOneUser(event)) return seen(isForFeed(event) ? event.data.userId : null)
  if (event.type === 'DefaultAccountChosen' || event.type === 'DefaultAccountUnset') {
    const { owner } = event.data
    return seen(owner.kind === 'team' ? OF_ACCOUNT : owner.userId)
  }
  if (event.type === 'TemplateCreated') {
    const { scope } = event.data
    return remember('template', seen(scope.kind === 'shared' ? EVERYBODY : scope.userId))
  }
  if (isOfDirectory(event.type)) return seen(EVERYBODY)
  if (event.type === 'DraftSaved' || event.type === 'EmailQueued') {
    const { userId } = event.type === 'DraftSaved' ? event.data.draft : event.data
    // What somebody is writing is theirs alone until it is queued.
    const seenBy = event.type === 'DraftSaved' && userId !== null ? userId : OF_ACCOUNT
    const about = subjects.filter(({ kind }) => kind !== 'account' && kind !== 'email').map(subjectKey)
    return remember('email', seen(seenBy, about, userId))
  }
  const email = find('email')
  if (email) {
    const isItsOwn = subjects.some((each) => each.kind === 'email' && ownStreams(each).includes(event.stream))
    // A draft is its writer's alone; that a conversation is answered with it is for all who read the account.
    return { ...email, account: account ?? email.account, ...(!isItsOwn && { seen_by: OF_ACCOUNT }) }
  }
  if (account !== null) return seen(OF_ACCOUNT)
  return find('template') ?? seen(null)
}

const isOfDirectory = (type: string): boolean => directoryEvents.some((of) => of.type === type)

const putAccess = (event: RecordedEvent<AnyEvent>, rows: Rows<typeof tables>): void => {
  const { position } = event
  if (event.type === 'AccountConnected') {
    const { accountId: account, owner } = event.data
    return rows.put('access', { account, rights: rightsOfOwner(owner), position })
  }
  if (!changesRights(event)) return
  const { accountId: account } = event.data
  const before = rows.get('access', { account })
  if (before) rows.put('access', { account, rights: rightsAfter(before.rights, event), position })
}

const putHour = (rows: Rows<typeof tables>, recordedAt: string, position: string): void => {
  const hour = `${recordedAt.slice(0, 13)}:00:00.000Z`
  const known = rows.get('hour', { hour })
  rows.put('hour', {
    hour,
    first: known && known.first < position ? known.first : position,
    last: known && known.last > position ? known.last : position,
  })
}
