import { readModelsEqualRebuild } from '../../../src/adapters/postgres/projection-rebuild.ts'
import { readCheckpoints } from '../../../src/adapters/postgres/projection-checkpoints.ts'
import { projections } from '../../../src/app/read-models.ts'
import { ofType, type Invariant } from '../evidence.ts'

export const logIsDense: Invariant = {
  name: 'positions and revisions have no gaps; no checkpoint went back or past the head',
  atRest: false,
  check: async ({ pool, store, events, wentBack }) => {
    const { rows } = await pool.query<{ problem: string }>(`
      select format('Positions: %s events, from %s to %s', count(*), min(position), max(position)) as problem
        from es.events having count(*) <> max(position) or min(position) <> 1
      union all
      select format('%s: %s events, revisions %s to %s, and %s noted', s.name, count(e), min(e.revision),
          max(e.revision), s.revision)
        from es.streams s left join es.events e using (stream_id) group by s.stream_id, s.name, s.revision
        having count(e) <> s.revision + 1 or min(e.revision) <> 0 or max(e.revision) <> s.revision
      union all
      select format('%s events of no stream', count(*)) from es.events e
        where not exists (select from es.streams s where s.stream_id = e.stream_id) having count(*) > 0
      union all
      select format('Position %s was recorded before the one before it', position) from (
        select position, recorded_at < lag(recorded_at) over (order by position) as back from es.events) e where back`)
    const head = await store.head()
    const checkpoints = await readCheckpoints(pool)
    const past = [...checkpoints].filter(
      ([, position]) => position !== null && head !== null && position > head,
    )
    return {
      looked: `${events.length} events, ${checkpoints.size} checkpoints`,
      broken: [
        ...rows.map(({ problem }) => problem),
        ...wentBack,
        ...past.map(([key]) => `${key} is past the head`),
      ],
    }
  },
}

export const readModelsAreRebuilt: Invariant = {
  name: 'every table of every read model equals one that is rebuilt from the log',
  atRest: false,
  check: async ({ pool, store }) => {
    const compared = await readModelsEqualRebuild({ store, pool, projections })
    const rows = compared.reduce((sum, { liveRows }) => sum + liveRows, 0)
    return {
      looked: `${compared.length} tables, ${rows} rows`,
      broken: compared
        .filter(({ equal }) => !equal)
        .map(
          ({ projection, table, liveRows, rebuiltRows }) =>
            `${projection}.${table} differs: ${liveRows} rows, rebuilt ${rebuiltRows}`,
        ),
    }
  },
}

export const blobsAreThere: Invariant = {
  name: 'every blob that an event names is there, with the bytes of its name',
  atRest: false,
  check: async ({ pool, events }) => {
    const named = new Map<string, string>()
    for (const { data } of ofType(events, 'MessageQueued'))
      for (const hash of [data.mime.blob, data.copy.blob, ...data.attachments.map(({ blob }) => blob)])
        named.set(hash, data.outgoingId)
    for (const { type, data } of ofType(events, 'MessageSynced', 'MessageQuarantined')) {
      named.set(data.raw, data.messageId)
      if (type === 'MessageSynced') for (const { blob } of data.attachments) named.set(blob, data.messageId)
    }
    const { rows } = await pool.query<{ hash: string; good: boolean }>(
      `select encode(hash, 'hex') as hash, sha256(content) = hash and length(content) = size as good
       from mailtrail.blobs`,
    )
    const there = new Map(rows.map(({ hash, good }) => [hash, good]))
    return {
      looked: `${named.size} named, ${there.size} kept`,
      broken: [
        ...[...named]
          .filter(([hash]) => !there.has(hash))
          .map(([hash, id]) => `${id} names ${hash}, which is not there`),
        ...[...there]
          .filter(([, good]) => !good)
          .map(([hash]) => `${hash} has other bytes than its name says`),
      ],
    }
  },
}
