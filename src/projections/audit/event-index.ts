import type { Owner } from '../../domain/accounts/events.ts'
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
import { integer, nullable, projection, table, text, timestamp, type Rows } from '../projection.ts'

/** Who may see an event besides programs: everybody, or one user. */
export const EVERYBODY = ''

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
      recorded_at: timestamp,
      account: nullable(text),
      /** A user, or EVERYBODY; null if only programs may see it. */
      seen_by: nullable(text),
    },
    key: ['position'],
    indexes: [
      '(stream, position)',
      '(account, position) WHERE account IS NOT NULL',
      '(type, position)',
      '(actor_id, position)',
      '(seen_by, position)',
    ],
  }),
  /** What an event is about beside its account and the thing that its stream is of. */
  link: table({ columns: { subject: text, position: text }, key: ['subject', 'position'] }),
  /** To which account an email belongs, and who may see an account, an email or a template. */
  known: table({
    columns: { subject: text, account: nullable(text), seen_by: nullable(text) },
    key: ['subject'],
  }),
  /** Between which positions the events of an hour lie, so that no index by time is needed. */
  hour: table({ columns: { hour: timestamp, first: text, last: text }, key: ['hour'] }),
}
type Access = { readonly account: string | null; readonly seen_by: string | null }

/**
 * An index of the event log for those who read it: by account, by what an event is about, by type, actor and time. It
 * holds references, and nothing of what events say.
 */
export const eventIndex = projection({
  name: 'event-index',
  version: 1,
  tables,
  events: allEvents,
  fold: (event, rows) => {
    const { position, stream, revision, type, recordedAt } = event
    const { kind: actor_kind, id: actor_id } = event.metadata.actor
    const subjects = subjectsOf(event)
    const access = accessTo(event, subjects, rows)
    rows.put('event', {
      position,
      stream,
      revision,
      type,
      actor_kind,
      actor_id,
      recorded_at: recordedAt,
      ...access,
    })
    for (const subject of subjects)
      if (subject.kind !== 'account' && !ownStreams(subject).includes(stream))
        rows.put('link', { subject: subjectKey(subject), position })
    putHour(rows, recordedAt, position)
  },
})

/** To which account the event belongs, and who may see it; what it says of that is remembered for later ones. */
const accessTo = (
  event: RecordedEvent<AnyEvent>,
  subjects: readonly Subject[],
  rows: Rows<typeof tables>,
): Access => {
  const keyOf = (kind: SubjectKind): string | null => {
    const subject = subjects.find((each) => each.kind === kind)
    return subject ? subjectKey(subject) : null
  }
  const knownOf = (kind: SubjectKind): Access | null => {
    const subject = keyOf(kind)
    return subject === null ? null : (rows.get('known', { subject }) ?? null)
  }
  const remember = (kind: SubjectKind, access: Access): Access => {
    const subject = keyOf(kind)
    if (subject !== null) rows.put('known', { subject, ...access })
    return access
  }
  const account = subjects.find(({ kind }) => kind === 'account')?.id ?? null
  if (event.type === 'AccountConnected')
    return remember('account', { account, seen_by: seenBy(event.data.owner) })
  if (event.type === 'DefaultAccountChosen' || event.type === 'DefaultAccountUnset')
    return { account, seen_by: seenBy(event.data.owner) }
  if (event.type === 'TemplateCreated') {
    const { scope } = event.data
    return remember('template', { account, seen_by: scope.kind === 'shared' ? EVERYBODY : scope.userId })
  }
  const ofAccount = { account, seen_by: knownOf('account')?.seen_by ?? null }
  if (event.type === 'DraftSaved' || event.type === 'EmailQueued') return remember('email', ofAccount)
  if (account !== null) return ofAccount
  if (isOfDirectory(event.type)) return { account, seen_by: EVERYBODY }
  return knownOf('email') ?? knownOf('template') ?? ofAccount
}

const isOfDirectory = (type: string): boolean => directoryEvents.some((of) => of.type === type)

const seenBy = (owner: Owner): string => (owner.kind === 'team' ? EVERYBODY : owner.userId)

const putHour = (rows: Rows<typeof tables>, recordedAt: string, position: string): void => {
  const hour = `${recordedAt.slice(0, 13)}:00:00.000Z`
  const known = rows.get('hour', { hour })
  rows.put('hour', {
    hour,
    first: known && known.first < position ? known.first : position,
    last: known && known.last > position ? known.last : position,
  })
}
