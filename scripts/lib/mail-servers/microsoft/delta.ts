import { randomBytes } from 'node:crypto'
import { itemOf, shapeOf, shownId, type Item, type Shape } from './items.ts'
import type { GraphMailbox, GraphMessage } from './mailbox.ts'

/** A filtered delta of messages hands out no more than these in its first round. */
export const FILTERED_DELTA_LIMIT = 5000
const DEFAULT_PAGE = 10

/** What a token stands for: `queue` is still to be handed out, then what was done after `moment`. */
type State = {
  readonly folderId: string
  readonly shape: Shape
  readonly since: Date | null
  readonly moment: number
  readonly queue: readonly Item[] | null
}
export type Page = {
  readonly value: readonly Item[]
  readonly '@odata.nextLink'?: string
  readonly '@odata.deltaLink'?: string
}
export type Refused = { readonly status: number; readonly code: string }

const SINCE = /^receivedDateTime (ge|gt) (\S+)$/

/** Deltas of the messages of a folder, by opaque tokens that are not remembered for ever. */
export const messageDeltas = (mailbox: GraphMailbox, limit: number) => {
  const states = new Map<string, State>()

  const pageOf = (state: State, size: number, link: (query: string) => string): Page => {
    const queue = state.queue ?? changesSince(state)
    const left = queue.slice(size)
    const token = randomBytes(18).toString('base64url')
    const isDone = left.length === 0
    // What happens during a round is told in the next one.
    const moment = state.queue === null ? mailbox.moment() : state.moment
    states.set(token, { ...state, moment, queue: isDone ? null : left })
    const name = isDone ? '@odata.deltaLink' : '@odata.nextLink'
    return { value: queue.slice(0, size), [name]: link(`${isDone ? '$deltatoken' : '$skiptoken'}=${token}`) }
  }

  const changesSince = ({ folderId, shape, since, moment }: State): Item[] =>
    mailbox.since(folderId, moment).flatMap(({ id, did, changed }): Item[] => {
      const message = mailbox.find(id)
      if (message === undefined || message.folderId !== folderId) {
        const shown = shownId({ id, folderId } as GraphMessage, shape.isImmutable)
        return [{ id: shown, '@removed': { reason: 'deleted' } }]
      }
      if (since !== null && message.receivedAt < since) return []
      return [itemOf(message, shape, did === 'changed' ? changed : null)]
    })

  const begin = (folderId: string, query: URLSearchParams, isImmutable: boolean): State | Refused => {
    const [filter, order] = [query.get('$filter'), query.get('$orderby')]
    const matched = filter === null ? null : SINCE.exec(filter)
    if ((filter !== null && matched === null) || (order !== null && order !== 'receivedDateTime desc'))
      return { status: 400, code: 'ErrorInvalidUrlQuery' }
    const since = matched === null ? null : new Date(matched[2]!)
    const all = mailbox
      .messages(folderId)
      .filter(({ receivedAt }) => since === null || receivedAt >= since)
      .toSorted((a, b) => b.receivedAt.getTime() - a.receivedAt.getTime())
    const shape = shapeOf(query, isImmutable)
    const shown = since === null ? all : all.slice(0, limit)
    return {
      folderId,
      shape,
      since,
      moment: mailbox.moment(),
      queue: shown.map((message) => itemOf(message, shape)),
    }
  }

  return {
    /** A page of a new round, or of the one that a token in the query belongs to. */
    page: (
      folderId: string,
      query: URLSearchParams,
      of: { isImmutable: boolean; pageSize: number | null; link: (query: string) => string },
    ): Page | Refused => {
      const token = query.get('$skiptoken') ?? query.get('$deltatoken')
      const state = token === null ? begin(folderId, query, of.isImmutable) : states.get(token)
      if (state === undefined) return { status: 410, code: 'SyncStateNotFound' }
      return 'status' in state ? state : pageOf(state, of.pageSize ?? DEFAULT_PAGE, of.link)
    },
    forget: (folderId: string | null): void => {
      for (const [token, state] of states)
        if (folderId === null || state.folderId === folderId) states.delete(token)
    },
  }
}
