import { randomBytes } from 'node:crypto'

/** A label of a mailbox; `kind` is what the service uses it for. */
export type Label = { readonly name: string; readonly kind: string | null }

export type LabelMessage = {
  readonly id: string
  readonly raw: Buffer
  readonly receivedAt: Date
  readonly labels: ReadonlySet<string>
  readonly flags: readonly string[]
}

/** What the service tells of the past, in the order in which it was. */
export type Entry =
  | { readonly did: 'label' | 'unlabel'; readonly id: string; readonly label: string }
  | {
      readonly did: 'move'
      readonly id: string
      readonly from: string
      readonly to: string
      readonly flags: readonly string[]
    }
  | {
      readonly did: 'flag'
      readonly id: string
      readonly labels: readonly string[]
      readonly flags: readonly string[]
    }

/** A mailbox whose messages bear labels, and that remembers what was done to it, but not for ever. */
export type LabelMailbox = {
  readonly address: string
  readonly token: string
  labels(): Label[]
  removeLabel(name: string): void
  /** @returns its id */
  add(
    label: string,
    message: { readonly raw: Buffer; readonly receivedAt: Date; readonly flags: readonly string[] },
  ): string
  move(id: string, from: string, to: string): void
  unlabel(id: string, label: string): void
  flag(id: string, flags: readonly string[]): void
  find(id: string): LabelMessage | undefined
  messages(): LabelMessage[]
  /** A name of this very moment, for `since`. */
  moment(): string
  /** What was done since that moment, at most `limit`; null where that is not remembered any more. */
  since(token: string, limit: number): { entries: Entry[]; token: string } | null
  /** Forgets the past. */
  forget(): void
  /** Calls back after every change. @returns ends that */
  onChange(listener: () => void): () => void
}

const LABELS: readonly Label[] = [
  { name: 'Inbox', kind: 'inbox' },
  { name: 'Outgoing', kind: 'sent' },
  { name: 'Put away', kind: 'archive' },
  { name: 'Later', kind: null },
]

export const labelMailbox = (address: string, token: string): LabelMailbox => {
  let labels = [...LABELS]
  const messages = new Map<string, LabelMessage>()
  const history: Entry[] = []
  const moments = new Map<string, number>()
  const listeners = new Set<() => void>()

  const note = (entry: Entry): void => {
    history.push(entry)
    for (const listener of listeners) listener()
  }
  const momentAt = (index: number): string => {
    const name = randomBytes(9).toString('base64url')
    moments.set(name, index)
    return name
  }
  const change = (id: string, what: Partial<LabelMessage>): LabelMessage => {
    const message = messages.get(id)
    if (message === undefined) throw new Error(`No message ${id}`)
    const changed = { ...message, ...what }
    messages.set(id, changed)
    return changed
  }
  const unlabel = (id: string, label: string): void => {
    const left = new Set(messages.get(id)?.labels)
    if (!left.delete(label)) return
    if (left.size === 0) messages.delete(id)
    else change(id, { labels: left })
    note({ did: 'unlabel', id, label })
  }

  return {
    address,
    token,
    labels: () => labels,
    removeLabel: (name) => {
      labels = labels.filter((label) => label.name !== name)
      for (const { id } of messages.values()) unlabel(id, name)
    },
    add: (label, { raw, receivedAt, flags }) => {
      const id = randomBytes(8).toString('hex')
      messages.set(id, { id, raw, receivedAt, flags: flags.toSorted(), labels: new Set([label]) })
      note({ did: 'label', id, label })
      return id
    },
    move: (id, from, to) => {
      const moved = new Set(messages.get(id)?.labels)
      moved.delete(from)
      moved.add(to)
      const { flags } = change(id, { labels: moved })
      note({ did: 'move', id, from, to, flags })
    },
    unlabel,
    flag: (id, flags) => {
      const changed = change(id, { flags: flags.toSorted() })
      note({ did: 'flag', id, labels: [...changed.labels], flags: flags.toSorted() })
    },
    find: (id) => messages.get(id),
    messages: () => [...messages.values()],
    moment: () => momentAt(history.length),
    since: (moment, limit) => {
      const from = moments.get(moment)
      if (from === undefined) return null
      const entries = history.slice(from, from + limit)
      return { entries, token: entries.length === 0 ? moment : momentAt(from + entries.length) }
    },
    forget: () => moments.clear(),
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
