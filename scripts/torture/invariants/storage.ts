import { readModelsEqualRebuild } from '../../lib/equals-rebuild.ts'
import { readCheckpoints } from '../../../src/adapters/postgres/projections/state/checkpoints.ts'
import { projections } from '../../../src/app/read-models.ts'
import type { EventStore } from '../../../src/commands/ports/event-log.ts'
import { ofType, type Invariant, type Logged } from '../evidence.ts'

export const logIsDense: Invariant = {
  name: 'positions and revisions have no gaps; no checkpoint moved back or is past the head',
  atRest: false,
  check: async ({ pool, store, events, wentBack }) => {
    const head = await store.head()
    const checkpoints = await readCheckpoints(pool)
    const past = [...checkpoints].filter(
      ([, position]) => position !== null && head !== null && position > head,
    )
    const streams = Map.groupBy(events, ({ stream }) => stream)
    return {
      looked: `${events.length} events in ${streams.size} streams, ${checkpoints.size} checkpoints`,
      broken: [
        ...gapsIn(events, store.extent(head)),
        ...(await streamsThatDiffer(store, streams)),
        ...wentBack,
        ...past.map(([key]) => `${key} is past the head`),
      ],
    }
  },
}

/**
 * Positions only grow; in a log that counts its events none is missing, and none was recorded before its predecessor.
 */
const gapsIn = (events: readonly Logged[], extent: ReturnType<EventStore['extent']>): string[] => {
  const counts = extent.unit === 'events'
  const broken =
    counts && extent.amount !== events.length ? [`${events.length} events, at ${extent.amount}`] : []
  for (const [index, event] of events.entries()) {
    const before = events[index - 1]
    if (!before) continue
    if (event.position <= before.position) broken.push(`${event.position} comes behind ${before.position}`)
    if (counts && event.recordedAt < before.recordedAt)
      broken.push(`Position ${event.position} was recorded before the one before it`)
  }
  return broken
}

/** Each stream read by itself equals its events in the log, from revision 0 on. */
const streamsThatDiffer = async (
  store: EventStore,
  streams: ReadonlyMap<string, readonly Logged[]>,
): Promise<string[]> => {
  const broken: string[] = []
  const queue = streams.entries()
  const compare = async () => {
    for (const [name, events] of queue) {
      const inOrder = events.every(({ revision }, index) => revision === index)
      const alone = await store.readStream(name)
      const isSame =
        alone.length === events.length && alone.every(({ id }, index) => id === events[index]!.id)
      if (!inOrder || !isSame)
        broken.push(
          `${name}: revisions ${events.map(({ revision }) => revision).join(' ')}, and ${alone.length} read alone`,
        )
    }
  }
  await Promise.all(Array.from({ length: 4 }, compare))
  return broken
}

export const readModelsAreRebuilt: Invariant = {
  name: 'every table of every read model equals one rebuilt from the log',
  atRest: false,
  check: async ({ pool, store }) => {
    const compared = await readModelsEqualRebuild({ store, pool, projections })
    return {
      looked: `${compared.length} tables; rows: ${[...Map.groupBy(compared, ({ projection }) => projection)].map(rowsInWords).join(', ')}`,
      broken: compared
        .filter(({ equal }) => !equal)
        .map(
          ({ projection, table, liveRows, rebuiltRows }) =>
            `${projection}.${table} differs: ${liveRows} rows, rebuilt ${rebuiltRows}`,
        ),
    }
  },
}

const rowsInWords = ([projection, tables]: [string, readonly { readonly liveRows: number }[]]): string =>
  `${projection} ${tables.reduce((sum, { liveRows }) => sum + liveRows, 0)}`

export const blobsAreThere: Invariant = {
  name: 'every blob that an event names exists, with the bytes of its name',
  atRest: false,
  check: async ({ pool, events }) => {
    const named = new Map<string, string>()
    for (const { data } of ofType(events, 'EmailQueued'))
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
