import { refused, notFound, type Answer, type Call, type Routes } from './call.ts'
import { FILTERED_DELTA_LIMIT, messageDeltas } from './delta.ts'
import { filterOf } from './filters.ts'
import { etagOf, folderItem, itemOf, messageIdIn, shapeOf } from './items.ts'
import type { GraphFolder, GraphMailbox, GraphMessage } from './mailbox.ts'

const PAGE = 10

/** `withheld`: messages that are not handed out, by id. `filteredLimit`: as `FILTERED_DELTA_LIMIT`. */
export type ReadingFaults = { withheld?: ReadonlySet<string>; filteredLimit?: number }

/** The message that a path names; one that was named by where it was is not found when it has moved. */
export const messageOf = ({ mailbox, ids }: Call, index = 0): GraphMessage | null => {
  const { id, folderId } = messageIdIn(ids[index] ?? '')
  const message = mailbox.find(id)
  return message === undefined || (folderId !== null && folderId !== message.folderId) ? null : message
}

export const readingRoutes = (faults: ReadingFaults) => {
  const deltas = new Map<GraphMailbox, ReturnType<typeof messageDeltas>>()
  const deltasOf = (mailbox: GraphMailbox) => {
    const found = deltas.get(mailbox) ?? messageDeltas(mailbox, faults.filteredLimit ?? FILTERED_DELTA_LIMIT)
    deltas.set(mailbox, found)
    return found
  }

  const folderCall = (work: (folder: GraphFolder, call: Call) => Answer) => (call: Call) => {
    const folder = call.mailbox.folder(call.ids[0] ?? '')
    return folder === undefined ? notFound() : work(folder, call)
  }
  const messageCall = (work: (message: GraphMessage, call: Call) => Answer) => (call: Call) => {
    const message = messageOf(call)
    return message === null ? notFound() : work(message, call)
  }

  const listFolders = (
    folders: readonly GraphFolder[],
    { mailbox, query, base }: Call,
    path: string,
  ): Answer => {
    const size = Number(query.get('$top') ?? PAGE)
    const skip = Number(query.get('$skip') ?? 0)
    const value = folders.slice(skip, skip + size).map((each) => folderItem(each, mailbox.folders()))
    const next = skip + size < folders.length ? `${base}/${path}?$top=${size}&$skip=${skip + size}` : null
    return { status: 200, json: { value, ...(next === null ? {} : { '@odata.nextLink': next }) } }
  }

  const folderDelta = ({ mailbox, query, pageSize, base }: Call): Answer => {
    const from = Number(query.get('$skiptoken') ?? 0)
    const to = from + (pageSize ?? PAGE)
    const all = mailbox.folders()
    const link = (text: string) => `${base}/me/mailFolders/delta()?${text}`
    const value = all.slice(from, to).map((each) => folderItem(each, all))
    const more =
      to < all.length
        ? { '@odata.nextLink': link(`$skiptoken=${to}`) }
        : { '@odata.deltaLink': link(`$deltatoken=${mailbox.moment()}`) }
    return { status: 200, json: { value, ...more } }
  }

  const listMessages = (messages: readonly GraphMessage[], path: string, call: Call): Answer => {
    const { query, base, isImmutable } = call
    const test = filterOf(query.get('$filter'))
    if (test === null) return refused(400, 'ErrorInvalidUrlQueryFilter')
    const found = messages
      .filter(test)
      .toSorted((a, b) => b.receivedAt.getTime() - a.receivedAt.getTime() || (a.id < b.id ? -1 : 1))
    const size = Math.min(Number(query.get('$top') ?? PAGE), 1000)
    const skip = Number(query.get('$skip') ?? 0)
    const next = new URLSearchParams(query)
    next.set('$skip', String(skip + size))
    const value = found
      .slice(skip, skip + size)
      .map((message) => itemOf(message, shapeOf(query, isImmutable)))
    const more = skip + size < found.length ? { '@odata.nextLink': `${base}/${path}?${next.toString()}` } : {}
    const count = query.get('$count') === 'true' ? { '@odata.count': found.length } : {}
    return { status: 200, json: { ...count, value, ...more } }
  }

  const routes: Routes = {
    'GET mailFolders': (call) =>
      listFolders(
        call.mailbox.folders().filter(({ parentFolderId }) => parentFolderId === null),
        call,
        'me/mailFolders',
      ),
    'GET mailFolders/delta': folderDelta,
    'GET mailFolders/{id}': folderCall((folder, { mailbox }) => ({
      status: 200,
      json: folderItem(folder, mailbox.folders()),
    })),
    'GET mailFolders/{id}/childFolders': folderCall(({ id }, call) =>
      listFolders(
        call.mailbox.folders().filter(({ parentFolderId }) => parentFolderId === id),
        call,
        `me/mailFolders/${id}/childFolders`,
      ),
    ),
    'GET mailFolders/{id}/messages': folderCall(({ id }, call) =>
      listMessages(call.mailbox.messages(id), `me/mailFolders/${id}/messages`, call),
    ),
    'GET mailFolders/{id}/messages/delta': folderCall(({ id }, call) => {
      const { mailbox, query, isImmutable, pageSize, base } = call
      const link = (text: string) => `${base}/me/mailFolders/${id}/messages/delta()?${text}`
      const page = deltasOf(mailbox).page(id, query, { isImmutable, pageSize, link })
      return 'status' in page ? refused(page.status, page.code) : { status: 200, json: page }
    }),
    'GET messages': (call) => listMessages(call.mailbox.messages(), 'me/messages', call),
    'GET messages/{id}': messageCall((message, { query, isImmutable }) => ({
      status: 200,
      json: itemOf(message, shapeOf(query, isImmutable)),
      headers: { etag: etagOf(message) },
    })),
    'GET messages/{id}/$value': messageCall((message) =>
      faults.withheld?.has(message.id)
        ? refused(500, 'ErrorMimeContentConversionFailed')
        : { status: 200, bytes: message.raw, headers: { 'content-type': 'text/plain' } },
    ),
  }
  return {
    routes,
    /** Tokens of deltas are not known any more: of one folder, or of all. */
    forget: (mailbox: GraphMailbox, folderId: string | null = null) => deltasOf(mailbox).forget(folderId),
  }
}
