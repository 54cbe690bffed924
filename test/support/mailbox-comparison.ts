import { createHash } from 'node:crypto'
import type { ImapFlow } from 'imapflow'
import type pg from 'pg'
import { portFlags } from '../../src/adapters/imap-smtp/flags.ts'
import type { Client } from '../../scripts/lib/client.ts'

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
      found.set(place, { place, raw, from: senderOf(raw), flags: portFlags(flags ?? []) })
    }
  }
  return found
}

const senderOf = (raw: Buffer): string => {
  const header = raw.toString('latin1').split(/\r\n\r\n/, 1)[0] ?? ''
  return /^From:.*?([\w.+-]+@[\w.-]+)/im.exec(header)?.[1] ?? ''
}

/** A message that the log says lies at a place: with these flags, and with bytes of this digest if they are kept. */
export type Known = { readonly id: string; readonly flags: readonly string[]; readonly sha: string | null }

type Placing = {
  type: string
  id: string
  place: string
  flags: string[] | null
  sha: string | null
}

/** What the log says lies at each place of SMTP and IMAP, `<folder>/<uid>`. The bytes are those of the blobs, read anew. */
export const placedByLog = async (pool: pg.Pool): Promise<Map<string, Known[]>> => {
  const { rows } = await pool.query<Placing>(
    `select type, data->>'messageId' as id, data->'flags' as flags,
       (data->'placement'->>'folder') || '/' || split_part(data->'placement'->>'ref', '.', 2)::bigint || ' ' ||
         (data->'placement'->>'ref') as place,
       encode(sha256(content), 'hex') as sha
     from es.events left join mailtrail.blobs on hash = decode(data->>'raw', 'hex')
     where data->'placement' is not null order by position`,
  )
  const bytesOf = new Map<string, string | null>()
  const placed = new Map<string, Map<string, Known>>()
  for (const { type, id, place, flags, sha } of rows) {
    if (sha !== null) bytesOf.set(id, sha)
    const there = placed.get(place) ?? new Map<string, Known>()
    if (type === 'MessageRemovedFromFolder') there.delete(id)
    else there.set(id, { id, flags: (flags ?? []).toSorted(), sha: bytesOf.get(id) ?? null })
    placed.set(place, there)
  }
  const found = new Map<string, Known[]>()
  for (const [key, there] of placed) {
    const place = key.slice(0, key.lastIndexOf(' '))
    if (there.size > 0) found.set(place, [...(found.get(place) ?? []), ...there.values()])
  }
  return found
}

/** All items of a list, page by page; `path` has a query. */
const allOf = async <Item>(client: Client, path: string): Promise<Item[]> => {
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

/** A message as lists of the API show it. */
export type Listed = {
  readonly id: string
  readonly direction: string
  readonly seen: boolean
  readonly folders: readonly string[]
}
/** A message by itself. */
export type Detailed = Listed & {
  readonly placements: readonly { readonly folder: string; readonly ref: string; readonly flags: string[] }[]
  readonly defects: readonly string[]
}

export const listedMessages = async (client: Client, account: string): Promise<Listed[]> => {
  const of = async (filter: string) =>
    allOf<Listed>(client, `/v1/messages?account=${account}${filter}&${await upToNow(client)}`)
  // Drafts were neither sent nor received: their folder alone lists them.
  return [...(await of('')), ...(await of('&folder=drafts'))].map((message) => ({
    ...message,
    folders: message.folders.toSorted(),
  }))
}

/** How many messages the log announces as new. */
export const announcedIn = async (pool: pg.Pool): Promise<number> => {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from es.events where type in ('MessageSynced', 'MessageDraftSynced', 'MessageQuarantined')`,
  )
  return rows[0]!.n
}

export type SyncError = {
  readonly kind: string
  readonly messageId: string
  readonly folder: string
  readonly ref: string
  readonly reason: string
}

export const syncErrors = async (client: Client, account: string): Promise<SyncError[]> =>
  allOf(client, `/v1/email-accounts/${account}/sync-errors?${await upToNow(client)}`)
