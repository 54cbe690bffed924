import type { gmail_v1 } from '@googleapis/gmail'
import type { MailFolder } from '../../commands/ports/mail-provider.ts'
import type { FolderRole, FolderRoles } from '../../domain/mail.ts'
import { ownMember } from '../../domain/own-member.ts'
import type { GmailClient } from './client.ts'
import { COST } from './quota.ts'

// Gmail has labels and no folders. What people take for folders is made of labels, and named as Gmail names it over IMAP.

/** Mail without INBOX, SENT and DRAFT: what was archived. */
const ARCHIVE = 'archive'
/** All mail but spam and what is in the trash. */
const ALL = 'all'

/** `id` is that of the label, or one of the two above. */
export type GmailFolder = MailFolder & { readonly id: string }

const SYSTEM: readonly GmailFolder[] = [
  { id: 'INBOX', folder: 'INBOX', role: 'inbox' },
  { id: 'SENT', folder: '[Gmail]/Sent Mail', role: 'sent' },
  { id: 'DRAFT', folder: '[Gmail]/Drafts', role: 'drafts' },
  { id: ARCHIVE, folder: '[Gmail]/Archive', role: 'archive' },
  { id: ALL, folder: '[Gmail]/All Mail', role: 'all' },
  { id: 'SPAM', folder: '[Gmail]/Spam', role: 'junk' },
  { id: 'TRASH', folder: '[Gmail]/Trash', role: 'trash' },
]
const NOT_ARCHIVED = ['INBOX', 'SENT', 'DRAFT']
/** What is in one of these is in no other folder, whatever other labels it has. */
const APART = ['TRASH', 'SPAM']

export const foldersOf = async (client: GmailClient, byHand: FolderRoles): Promise<GmailFolder[]> => {
  const { labels = [] } = await client.call(COST.labels, (users, options) =>
    users.labels.list({ userId: 'me' }, options),
  )
  const own = labels.flatMap(({ id, name, type }): GmailFolder[] =>
    type === 'user' && id && name ? [{ id, folder: name, role: null }] : [],
  )
  const folders = [...SYSTEM, ...own]
  const given = new Set<FolderRole | undefined>(folders.map(({ folder }) => ownMember(byHand, folder)))
  return folders.map((each) => ({
    ...each,
    role: ownMember(byHand, each.folder) ?? (each.role !== null && given.has(each.role) ? null : each.role),
  }))
}

/** Those of the folders that a message with these labels is in. Chats are in none. */
export const holding = (folders: readonly GmailFolder[], labels: ReadonlySet<string>): GmailFolder[] => {
  if (labels.has('CHAT')) return []
  const apart = APART.find((id) => labels.has(id))
  return folders.filter(({ id }) => {
    if (apart !== undefined) return id === apart
    if (id === ALL) return true
    return id === ARCHIVE ? !NOT_ARCHIVED.some((other) => labels.has(other)) : labels.has(id)
  })
}

/** Labels that decide about flags. */
export const FLAG_LABELS = ['UNREAD', 'STARRED', 'DRAFT']

/** A message's flags, in the port's words. Gmail does not tell what was answered. */
export const flagsOf = (labels: ReadonlySet<string>): string[] => [
  ...(labels.has('DRAFT') ? ['draft'] : []),
  ...(labels.has('STARRED') ? ['flagged'] : []),
  ...(labels.has('UNREAD') ? [] : ['seen']),
]

/** The messages of a mailbox by what they have: ids, the newest first. Each list is made once. */
export type MailLists = {
  /** Those in a folder; only those received after `since`, if given. */
  readonly inFolder: (id: string, since: Date | null) => Promise<ReadonlySet<string>>
  /** Flags of each message, wherever it is. */
  readonly flags: () => Promise<(id: string) => string[]>
}

export const mailLists = (client: GmailClient): MailLists => {
  const lists = new Map<string, Promise<ReadonlySet<string>>>()
  const listed = (label: string, since: Date | null, everywhere = APART.includes(label)) => {
    const key = JSON.stringify([label, since, everywhere])
    const list = lists.get(key) ?? everyId(client, label, since, everywhere)
    lists.set(key, list)
    return list
  }
  return {
    inFolder: async (id, since) => {
      if (id !== ARCHIVE) return listed(id, since)
      const all = await listed(ALL, since)
      const others = await Promise.all(NOT_ARCHIVED.map((label) => listed(label, since)))
      return others.reduce((left, other) => left.difference(other), new Set(all))
    },
    flags: async () => {
      const having = await Promise.all(FLAG_LABELS.map((label) => listed(label, null, true)))
      return (id) => flagsOf(new Set(FLAG_LABELS.filter((_label, index) => having[index]?.has(id))))
    },
  }
}

const everyId = async (
  client: GmailClient,
  label: string,
  since: Date | null,
  everywhere: boolean,
): Promise<ReadonlySet<string>> => {
  const ids = new Set<string>()
  const query = {
    userId: 'me',
    maxResults: 500,
    includeSpamTrash: everywhere,
    ...(label === ALL ? {} : { labelIds: [label] }),
    // In whole seconds, and only what came after the one that is named.
    ...(since === null ? {} : { q: `after:${Math.ceil(since.getTime() / 1000) - 1}` }),
  }
  for (let pageToken: string | null = ''; pageToken !== null;) {
    const at: { pageToken?: string } = pageToken === '' ? {} : { pageToken }
    const page: gmail_v1.Schema$ListMessagesResponse = await client.call(COST.list, (users, options) =>
      users.messages.list({ ...query, ...at }, options),
    )
    for (const { id } of page.messages ?? []) if (id) ids.add(id)
    pageToken = page.nextPageToken ?? null
  }
  return ids
}
