import type { MailFolder, Message, Recipient } from '@microsoft/microsoft-graph-types'
import { headerOf, messageIdOf, type GraphFolder, type GraphMessage, type MessageState } from './mailbox.ts'

/** JSON of a message; what is not selected is left out. */
export type Item = Record<string, unknown> & { readonly id: string }

/** PR_LAST_VERB_EXECUTED (MS-OXOMSG 2.2.1.13): 102 is an answer to the sender. */
const LAST_VERB = 'Integer 0x1081'
const REPLIED = '102'

const recipients = (addresses: readonly string[]): Recipient[] =>
  addresses.map((address) => ({ emailAddress: { address, name: address } }))

const instant = (at: Date): string => at.toISOString().replace('.000Z', 'Z')

/** Without the Prefer header an id says where a message is, and so is another one when that has moved. */
export const shownId = ({ id, folderId }: GraphMessage, isImmutable: boolean): string =>
  isImmutable ? id : `AAMk${Buffer.from(`${folderId} ${id}`).toString('base64url')}`

export const messageIdIn = (shown: string): { id: string; folderId: string | null } => {
  if (!shown.startsWith('AAMk')) return { id: shown, folderId: null }
  const [folderId = '', id = ''] = Buffer.from(shown.slice(4), 'base64url').toString().split(' ')
  return { id, folderId }
}

const everything = (message: GraphMessage): Omit<Message, 'id'> => ({
  receivedDateTime: instant(message.receivedAt),
  createdDateTime: instant(message.receivedAt),
  isRead: message.isRead,
  isDraft: message.isDraft,
  flag: { flagStatus: message.isFlagged ? 'flagged' : 'notFlagged' },
  categories: [...message.categories],
  parentFolderId: message.folderId,
  internetMessageId: `<${messageIdOf(message.raw)}>`,
  subject: headerOf(message.raw, 'subject'),
  hasAttachments: message.attachments.length > 0,
  toRecipients: recipients(message.recipients.to),
  ccRecipients: recipients(message.recipients.cc),
  bccRecipients: recipients(message.recipients.bcc),
})

const CHANGED: Readonly<Record<keyof MessageState, string>> = {
  receivedAt: 'receivedDateTime',
  isRead: 'isRead',
  isDraft: 'isDraft',
  isFlagged: 'flag',
  isAnswered: 'singleValueExtendedProperties',
  categories: 'categories',
  recipients: 'toRecipients',
  attachments: 'hasAttachments',
}

export type Shape = {
  readonly select: readonly string[] | null
  readonly expand: string | null
  readonly isImmutable: boolean
}

export const shapeOf = (query: URLSearchParams, isImmutable: boolean): Shape => ({
  select: query.get('$select')?.split(',') ?? null,
  expand: query.get('$expand'),
  isImmutable,
})

export const etagOf = ({ version }: GraphMessage): string => `W/"v${version}"`

/** A message as JSON; `only` what has changed of it, where that is given. */
export const itemOf = (
  message: GraphMessage,
  { select, expand, isImmutable }: Shape,
  only: readonly (keyof MessageState)[] | null = null,
): Item => {
  const verb = { id: LAST_VERB, value: REPLIED }
  const all: Record<string, unknown> = {
    ...everything(message),
    ...(expand?.includes(LAST_VERB) && message.isAnswered ? { singleValueExtendedProperties: [verb] } : {}),
  }
  const isShown = (name: string): boolean =>
    (select === null || select.includes(name) || name === 'singleValueExtendedProperties') &&
    (only === null || only.some((part) => CHANGED[part] === name))
  return {
    '@odata.etag': etagOf(message),
    id: shownId(message, isImmutable),
    ...Object.fromEntries(Object.entries(all).filter(([name]) => isShown(name))),
  }
}

export const folderItem = (
  { id, displayName, parentFolderId }: GraphFolder,
  folders: readonly GraphFolder[],
): MailFolder => ({
  id,
  displayName,
  parentFolderId: parentFolderId ?? 'root',
  childFolderCount: folders.filter((other) => other.parentFolderId === id).length,
  isHidden: false,
})
