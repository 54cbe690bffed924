import { z } from 'zod'
import type { EventFeed, FeedItem, FeedPart } from '../../commands/feed/feed.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import { ForeignPosition, type EventStore } from '../../commands/ports/event-log.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { allEvents, type AnyEvent } from '../../domain/catalogue.ts'
import { fileAnswer } from '../server/downloads.ts'
import { problems, type App } from '../server/server.ts'

const eventType = z.enum(allEvents.map(({ type }) => type) as [AnyEvent['type'], ...AnyEvent['type'][]])
const position = z.string().max(100)

/** A reader that takes nothing for this long is cut off; it goes on from its last position when it comes back. */
const SLOW_MS = 60_000
/** How soon a reader comes back when its connection ends. */
const RETRY_MS = 2000

export type FeedRouteDeps = {
  readonly feed: EventFeed
  readonly isPosition: EventStore['isPosition']
  readonly clock: Clock
}

/** What happens, as server-sent events (HTML Living Standard 9.2), resumable from any position of the log. */
export const feedRoutes = (app: App, { feed, isPosition, clock }: FeedRouteDeps): void => {
  app.get('/v1/feed', {
    config: { permission: 'events:read' },
    schema: {
      tags: ['Feed'],
      summary: 'Follow what happens, as server-sent events',
      description:
        'Each message tells of one event what it is, what it is about and where it is in the log, and nothing of what it ' +
        'says: read that over the API, with its `position` as `min_position`. Its `id` is the position, so a reader that ' +
        'comes back with `Last-Event-ID` misses nothing. For an acting user, only events of what they may see are told; ' +
        'other callers see all. Who views a conversation or writes in it is told as an event `presence`, without an id, unless ' +
        'only some types are asked for. The feed ends when the API key is revoked or expires, and when a reader is too slow.',
      headers: z.object({
        'last-event-id': position
          .optional()
          .describe('The position of the last event that was received; what happened since comes first'),
      }),
      querystring: z.object({
        after: position
          .optional()
          .describe('The same, for the first request; without both the feed begins now'),
        type: z
          .union([eventType, z.array(eventType).min(1).max(50)])
          .optional()
          .describe('Only events of this type; repeat it for several'),
        account: accountId.optional().describe('Only events of this account'),
      }),
      response: {
        ...fileAnswer('text/event-stream', 'Messages, for as long as the reader listens'),
        ...problems,
      },
    },
    handler: async ({ headers, query, apiKey, actingUser }, reply) => {
      const after = headers['last-event-id'] ?? query.after ?? null
      if (after !== null && !isPosition(after)) throw new ForeignPosition()
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const types = query.type === undefined ? null : new Set<string>([query.type].flat())
      const filter = { userId: actingUser, types, account: query.account ?? null }
      const { id: keyId, expiresAt } = apiKey!
      const isExpired = () => expiresAt !== null && Date.parse(expiresAt) <= clock().getTime()
      const parts = feed.read(filter, { after, keyId }, gone.signal)
      const lines = linesOf(parts, isExpired, () => void reply.raw.destroy())
      return reply
        .header('content-type', 'text/event-stream')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(ReadableStream.from(lines).pipeThrough(new TextEncoderStream()))
    },
  })
}

/** The text of a feed. `cutOff` is called when nothing of it is taken any more. */
const linesOf = async function* (
  parts: AsyncGenerator<FeedPart>,
  isExpired: () => boolean,
  cutOff: () => void,
): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`
  for await (const { items, presence, position: at } of parts) {
    if (isExpired()) return
    const slow = setTimeout(cutOff, SLOW_MS)
    // Without data the position alone is kept: what was not for this reader is not looked through again.
    try {
      const told = [...items.map(textOf), ...presence.map(presenceText)]
      yield told.length === 0 ? `id: ${at}\n\n` : told.join('')
    } finally {
      clearTimeout(slow)
    }
  }
}

/** Without an id: whoever comes back asks anew who is there. */
const presenceText = (presence: FeedPart['presence'][number]): string =>
  `event: presence\ndata: ${JSON.stringify(presence)}\n\n`

/** One text for all readers. */
const texts = new WeakMap<FeedItem, string>()

const textOf = (item: FeedItem): string => {
  const known = texts.get(item)
  if (known !== undefined) return known
  const text = `id: ${item.position}\ndata: ${JSON.stringify(item)}\n\n`
  texts.set(item, text)
  return text
}
