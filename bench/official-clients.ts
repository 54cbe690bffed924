import { gmail, type gmail_v1 } from '@googleapis/gmail'
import { Client, ResponseType } from '@microsoft/microsoft-graph-client'
import { inParallel } from '../src/std/in-parallel.ts'
import { tokenOf, type Doubles } from './doubles.ts'

/** A mailbox by the bare official client of its provider, as fast as the provider lets it. */
export type BareMailbox = {
  /** Lists what an account reads by default, and fetches every message whole. @returns how many */
  readonly readAll: () => Promise<number>
  /** Asks what is new since then; nothing is. */
  readonly askForNews: () => Promise<void>
}

/** As many requests for one mailbox as the provider runs at once. */
const GMAIL_AT_ONCE = 5
const GRAPH_AT_ONCE = 4

export const bareGmail = ({ env }: Doubles, mailbox: number): BareMailbox => {
  const { users } = gmail({ version: 'v1', rootUrl: `${env['MAILTRAIL_GMAIL_URL']}/` })
  const options = { headers: { authorization: `Bearer ${tokenOf(mailbox)}` } }
  const me = { userId: 'me' }
  let startHistoryId = ''
  const idsOf = async (label: string): Promise<string[]> => {
    const ids: string[] = []
    let at: { pageToken?: string } | null = {}
    while (at !== null) {
      const query = { ...me, maxResults: 500, labelIds: [label], ...at }
      const page: gmail_v1.Schema$ListMessagesResponse = (await users.messages.list(query, options)).data
      ids.push(...(page.messages ?? []).map(({ id }) => id ?? ''))
      at = page.nextPageToken ? { pageToken: page.nextPageToken } : null
    }
    return ids
  }
  return {
    readAll: async () => {
      const profile = await users.getProfile(me, options)
      startHistoryId = profile.data.historyId ?? ''
      await users.labels.list(me, options)
      const ids = [...(await idsOf('INBOX')), ...(await idsOf('SENT'))]
      const read = await inParallel(ids, GMAIL_AT_ONCE, async (id) => {
        const { data } = await users.messages.get({ ...me, id, format: 'raw' }, options)
        return Buffer.from(data.raw ?? '', 'base64url')
      })
      return read.filter(({ length }) => length > 0).length
    },
    askForNews: async () => {
      const { data } = await users.history.list({ ...me, startHistoryId, maxResults: 500 }, options)
      if ((data.history ?? []).length > 0) throw new Error('Nothing should be new')
    },
  }
}

type Page = {
  readonly value: readonly { readonly id: string }[]
  readonly '@odata.nextLink'?: string
  readonly '@odata.deltaLink'?: string
}

export const bareGraph = ({ env }: Doubles, mailbox: number): BareMailbox => {
  const baseUrl = `${env['MAILTRAIL_GRAPH_URL']}/`
  const client = Client.init({
    baseUrl,
    customHosts: new Set([new URL(baseUrl).hostname]),
    authProvider: (done) => done(null, tokenOf(mailbox)),
  })
  const prefer = 'IdType="ImmutableId", odata.maxpagesize=200'
  const links: string[] = []
  /** Follows a delta to its end. @returns the ids, and where to go on later */
  const follow = async (from: string): Promise<{ ids: string[]; link: string }> => {
    const ids: string[] = []
    for (let link = from; ;) {
      const page = (await client.api(link).header('Prefer', prefer).get()) as Page
      ids.push(...page.value.map(({ id }) => id))
      const next = page['@odata.nextLink']
      if (next === undefined) return { ids, link: page['@odata.deltaLink'] ?? '' }
      link = next
    }
  }
  return {
    readAll: async () => {
      links.length = 0
      const ids: string[] = []
      await follow('/me/mailFolders/delta()')
      for (const folder of ['inbox', 'sentitems']) {
        const select = 'id,receivedDateTime,isRead,isDraft,flag,categories,parentFolderId'
        const read = await follow(`/me/mailFolders/${folder}/messages/delta()?$select=${select}`)
        ids.push(...read.ids)
        links.push(read.link)
      }
      const read = await inParallel(ids, GRAPH_AT_ONCE, async (id) => {
        const path = `/me/messages/${encodeURIComponent(id)}/$value`
        const raw = client.api(path).header('Prefer', prefer).responseType(ResponseType.ARRAYBUFFER)
        return (await raw.get()) as ArrayBuffer
      })
      return read.filter(({ byteLength }) => byteLength > 0).length
    },
    askForNews: async () => {
      await follow('/me/mailFolders/delta()')
      for (const link of links)
        if ((await follow(link)).ids.length > 0) throw new Error('Nothing should be new')
    },
  }
}
