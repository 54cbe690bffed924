import { createHash } from 'node:crypto'
import type { ImapFlow } from 'imapflow'
import type { Client } from '../../scripts/lib/client.ts'
import type { Ask } from './app.ts'

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A mail that lies on a server, as another client sees it. `place` is `<folder>/<uid>`, `from` its sender's address. */
export type Lying = {
  readonly place: string
  readonly raw: Buffer
  readonly from: string
  readonly flags: readonly string[]
}

/** What lies in these folders, by place. It is read without a trace. */
export const lookInto = async (other: ImapFlow, folders: readonly string[]): Promise<Map<string, Lying>> => {
  const found = new Map<string, Lying>()
  for (const folder of folders) {
    const { exists } = await other.mailboxOpen(folder, { readOnly: true })
    const query = { uid: true, source: true, flags: true }
    for await (const { uid, source, flags } of exists === 0 ? [] : other.fetch('1:*', query)) {
      const raw = source ?? Buffer.alloc(0)
      const place = `${folder}/${uid}`
      found.set(place, { place, raw, from: senderOf(raw), flags: withoutRecent([...(flags ?? [])]) })
    }
  }
  return found
}

const senderOf = (raw: Buffer): string => {
  const header = raw.toString('latin1').split(/\r\n\r\n/, 1)[0] ?? ''
  return /^From:.*?([\w.+-]+@[\w.-]+)/im.exec(header)?.[1] ?? ''
}

const withoutRecent = (flags: readonly string[]): string[] =>
  flags.filter((flag) => flag !== '\\Recent').toSorted()

/** A message as the API shows it. */
export type Synced = {
  readonly id: string
  readonly subject: string
  readonly seen: boolean
  readonly folders: readonly string[]
  readonly placements: readonly { folder: string; uid: number; flags: string[] }[]
  readonly quarantined: string | null
  readonly defects: readonly string[]
}

/** All items of a list, page by page; `path` has a query. */
export const allOf = async <Item>(client: Client, path: string): Promise<Item[]> => {
  const items: Item[] = []
  for (let cursor = ''; ;) {
    const page = await client.get<{ data: Item[]; nextCursor: string | null }>(`${path}&limit=200${cursor}`)
    items.push(...page.data)
    if (page.nextCursor === null) return items
    cursor = `&cursor=${page.nextCursor}`
  }
}

/** For a query: it waits until its answer has everything that the log has now. */
export const upToNow = async (client: Client): Promise<string> => {
  const { data } = await client.get<{ data: { head: string | null }[] }>('/v1/projections')
  const head = data[0]?.head ?? null
  return head === null ? '' : `min_position=${head}`
}

/** The ids of all messages of an account, or of a folder of it, the quarantined ones with them. */
export const messageIds = async (client: Client, account: string, folder?: string): Promise<string[]> => {
  const within = folder === undefined ? '' : `&folder=${folder}`
  const [read, failed] = await Promise.all([
    allOf<{ id: string }>(client, `/v1/messages?account=${account}${within}&${await upToNow(client)}`),
    syncErrors(client, account),
  ])
  const met = failed.filter((error) => folder === undefined || error.folder === folder)
  return [...read.map(({ id }) => id), ...met.map(({ messageId }) => messageId)].toSorted()
}

export const syncErrors = (client: Client, account: string) =>
  allOf<{ kind: string; messageId: string; folder: string; uid: number; reason: string }>(
    client,
    `/v1/email-accounts/${account}/sync-errors?`,
  )

export const messagesOf = (client: Client, ids: readonly string[]): Promise<Synced[]> =>
  fourAtOnce(ids, (id) => client.get<Synced>(`/v1/messages/${id}`))

/** The digests of the bytes of messages, by id. */
export const bytesOf = async (ask: Ask, ids: readonly string[]): Promise<Map<string, string>> =>
  new Map(
    await fourAtOnce(ids, async (id): Promise<[string, string]> => {
      const { bytes } = await ask('GET', `/v1/messages/${id}/raw`)
      return [id, sha256(bytes)]
    }),
  )

const fourAtOnce = async <Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const left = [...items]
  const results: Result[] = []
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) results.push(await work(item))
  }
  await Promise.all([worker(), worker(), worker(), worker()])
  return results
}

/** The messages that lie at each place, by place. */
export const byPlace = (messages: readonly Synced[]): Map<string, Synced[]> => {
  const found = new Map<string, Synced[]>()
  for (const message of messages)
    for (const { folder, uid } of message.placements) {
      const place = `${folder}/${uid}`
      found.set(place, [...(found.get(place) ?? []), message])
    }
  return found
}
