import type { Kysely } from 'kysely'
import { OrganizationRecorded, UserRecorded, UserRemoved } from '../../domain/directory/events.ts'
import type { DigestReader } from '../../domain/notifications/due-digest.ts'
import { DigestMade, DigestSkipped } from '../../domain/notifications/digest-events.ts'
import { NotificationSettingsChanged } from '../../domain/notifications/events.ts'
import { integer, nullable, projection, table, tablesOf, text, timestamp } from '../projection.ts'

/** To do: who gets a digest each day, and which was the last. */
export const digestReaders = projection({
  name: 'digest-readers',
  version: 1,
  tables: {
    /** `on_since` is null while the digest is switched off. */
    reader: table({
      columns: { user_id: text, hour: integer, on_since: nullable(timestamp) },
      key: ['user_id'],
      indexes: ['(user_id) WHERE on_since IS NOT NULL'],
    }),
    last: table({ columns: { user_id: text, date: text }, key: ['user_id'] }),
    /** Users of the directory; the time zone is null where it is the organisation's. */
    person: table({ columns: { user_id: text, time_zone: nullable(text) }, key: ['user_id'] }),
    organization: table({ columns: { id: text, time_zone: text }, key: ['id'] }),
  },
  events: [
    NotificationSettingsChanged,
    DigestMade,
    DigestSkipped,
    UserRecorded,
    UserRemoved,
    OrganizationRecorded,
  ],
  fold: (event, rows) => {
    switch (event.type) {
      case 'NotificationSettingsChanged': {
        const { userId: user_id, settings } = event.data
        const { isOn, hour } = settings.digest
        const before = rows.get('reader', { user_id })?.on_since ?? null
        return rows.put('reader', {
          user_id,
          hour,
          on_since: isOn ? (before ?? event.metadata.occurredAt) : null,
        })
      }
      case 'DigestMade':
      case 'DigestSkipped': {
        const { userId: user_id, date } = event.data
        return rows.put('last', { user_id, date })
      }
      case 'UserRecorded': {
        const { userId: user_id, user } = event.data
        return rows.put('person', { user_id, time_zone: user.timeZone ?? null })
      }
      case 'UserRemoved':
        return rows.remove('person', { user_id: event.data.userId })
      case 'OrganizationRecorded':
        return rows.put('organization', { id: 'main', time_zone: event.data.organization.timeZone })
    }
  },
})

/** Everybody who wants a digest. */
export const digestReadersNow = (db: Kysely<unknown>) => async (): Promise<DigestReader[]> => {
  const rows = await tablesOf(db, digestReaders)
    .selectFrom('reader')
    .innerJoin('person', 'person.user_id', 'reader.user_id')
    .leftJoin('last', 'last.user_id', 'reader.user_id')
    .leftJoin('organization', (join) => join.on('organization.id', '=', 'main'))
    .select([
      'reader.user_id as userId',
      'hour',
      'on_since as onSince',
      'last.date as lastDate',
      'person.time_zone as own',
      'organization.time_zone as common',
    ])
    .where('on_since', 'is not', null)
    .$narrowType<{ onSince: string }>()
    .orderBy('reader.user_id')
    .execute()
  return rows.map(({ own, common, ...reader }) => ({ ...reader, timeZone: own ?? common ?? 'UTC' }))
}
