import { randomBytes } from 'node:crypto'

export type GraphFolder = {
  readonly id: string
  readonly displayName: string
  readonly parentFolderId: string | null
  /** Its name in paths, such as `sentitems`; null for those that people made. */
  readonly wellKnown: string | null
}

type Recipients = { readonly to: string[]; readonly cc: string[]; readonly bcc: string[] }

type GraphAttachment = { readonly name: string; readonly contentType: string; readonly bytes: Buffer }

/** What of a message may change; `raw` never does. */
export type MessageState = {
  readonly receivedAt: Date
  readonly isRead: boolean
  readonly isDraft: boolean
  readonly isFlagged: boolean
  readonly isAnswered: boolean
  readonly categories: readonly string[]
  readonly recipients: Recipients
  readonly attachments: readonly GraphAttachment[]
}

export type GraphMessage = MessageState & {
  readonly id: string
  readonly folderId: string
  readonly raw: Buffer
  /** Grows with each change; it is the etag. */
  readonly version: number
}

/** What was done in a folder. `changed` are the parts of a message that are different. */
type Entry = {
  readonly seq: number
  readonly folderId: string
  readonly id: string
  readonly did: 'arrived' | 'changed' | 'left'
  readonly changed: readonly (keyof MessageState)[]
}

/** A mailbox as Exchange Online has it: folders, messages whose immutable ids stay when they move, and a past. */
export type GraphMailbox = {
  readonly address: string
  folders(): GraphFolder[]
  /** By its id or its well-known name. */
  folder(name: string): GraphFolder | undefined
  addFolder(displayName: string, parentFolderId?: string | null): string
  renameFolder(id: string, displayName: string): void
  /** With all that is in it. */
  removeFolder(id: string): void
  add(folderId: string, raw: Buffer, state?: Partial<MessageState>): GraphMessage
  change(id: string, state: Partial<MessageState>): GraphMessage
  move(id: string, folderId: string): GraphMessage
  remove(id: string): void
  find(id: string): GraphMessage | undefined
  messages(folderId?: string): GraphMessage[]
  /** What was done in a folder after this moment, each message once. */
  since(folderId: string, moment: number): Entry[]
  moment(): number
  /** Calls back after every change. @returns ends that */
  onChange(listener: (entry: Entry) => void): () => void
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  inbox: 'Inbox',
  drafts: 'Drafts',
  sentitems: 'Sent Items',
  archive: 'Archive',
  deleteditems: 'Deleted Items',
  junkemail: 'Junk Email',
  outbox: 'Outbox',
}

const newId = (): string => `AAkALg${randomBytes(24).toString('base64url')}=`

const ADDRESS = /[\w.+-]+@[\w.-]+/g
const header = (raw: Buffer, name: string): string => {
  const [head = ''] = raw.toString('latin1').split(/\r?\n\r?\n/, 1)
  const unfolded = head.replaceAll(/\r?\n[ \t]+/g, ' ')
  return new RegExp(`^${name}:(.*)$`, 'im').exec(unfolded)?.[1]?.trim() ?? ''
}
const addressesIn = (raw: Buffer, name: string): string[] => header(raw, name).match(ADDRESS) ?? []

export const messageIdOf = (raw: Buffer): string => header(raw, 'message-id').replace(/^<|>$/g, '')
export const headerOf = header

const fresh = (raw: Buffer): MessageState => ({
  receivedAt: new Date(),
  isRead: false,
  isDraft: false,
  isFlagged: false,
  isAnswered: false,
  categories: [],
  recipients: { to: addressesIn(raw, 'to'), cc: addressesIn(raw, 'cc'), bcc: addressesIn(raw, 'bcc') },
  attachments: [],
})

export const graphMailbox = (address: string): GraphMailbox => {
  const folders = new Map<string, GraphFolder>()
  const messages = new Map<string, GraphMessage>()
  const past: Entry[] = []
  const listeners = new Set<(entry: Entry) => void>()

  const addFolder = (displayName: string, parentFolderId: string | null, wellKnown: string | null) => {
    const id = newId()
    folders.set(id, { id, displayName, parentFolderId, wellKnown })
    return id
  }
  for (const [name, displayName] of Object.entries(WELL_KNOWN)) addFolder(displayName, null, name)

  const note = (
    { id, folderId }: GraphMessage,
    did: Entry['did'],
    changed: readonly (keyof MessageState)[] = [],
  ): void => {
    const entry = { seq: past.length + 1, folderId, id, did, changed }
    past.push(entry)
    for (const listener of listeners) listener(entry)
  }
  const found = (id: string): GraphMessage => {
    const message = messages.get(id)
    if (message === undefined) throw new Error(`No message ${id}`)
    return message
  }
  const set = (message: GraphMessage): GraphMessage => {
    messages.set(message.id, message)
    return message
  }
  const remove = (id: string): void => {
    const message = found(id)
    messages.delete(id)
    note(message, 'left')
  }

  return {
    address,
    folders: () => [...folders.values()],
    folder: (name) => folders.get(name) ?? [...folders.values()].find(({ wellKnown }) => wellKnown === name),
    addFolder: (displayName, parentFolderId = null) => addFolder(displayName, parentFolderId, null),
    renameFolder: (id, displayName) => void folders.set(id, { ...folders.get(id)!, displayName }),
    removeFolder: (id) => {
      folders.delete(id)
      for (const message of messages.values()) if (message.folderId === id) remove(message.id)
    },
    add: (folderId, raw, state = {}) => {
      // Exchange keeps whole seconds.
      const receivedAt = new Date(Math.floor((state.receivedAt ?? new Date()).getTime() / 1000) * 1000)
      const message = set({ ...fresh(raw), ...state, receivedAt, id: newId(), folderId, raw, version: 1 })
      note(message, 'arrived')
      return message
    },
    change: (id, state) => {
      const before = found(id)
      const message = set({ ...before, ...state, version: before.version + 1 })
      note(message, 'changed', Object.keys(state) as (keyof MessageState)[])
      return message
    },
    move: (id, folderId) => {
      const before = found(id)
      const message = set({ ...before, folderId, version: before.version + 1 })
      note(before, 'left')
      note(message, 'arrived')
      return message
    },
    remove,
    find: (id) => messages.get(id),
    messages: (folderId) =>
      [...messages.values()].filter((message) => folderId === undefined || message.folderId === folderId),
    since: (folderId, moment) => {
      const last = new Map<string, Entry>()
      for (const entry of past.slice(moment)) {
        if (entry.folderId !== folderId) continue
        const before = last.get(entry.id)
        // Whatever came back is told whole; of what changed twice, both changes are told.
        const did = entry.did === 'changed' && before?.did === 'arrived' ? 'arrived' : entry.did
        const changed = [...new Set([...(before?.changed ?? []), ...entry.changed])]
        last.delete(entry.id)
        last.set(entry.id, { ...entry, did, changed })
      }
      return [...last.values()]
    },
    moment: () => past.length,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
