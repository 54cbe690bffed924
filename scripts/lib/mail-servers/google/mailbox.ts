import { randomBytes } from 'node:crypto'
import type { GoogleMessage } from '@emulators/google'
import type { Emulator } from './emulator.ts'

export type GmailMessage = { readonly id: string; readonly raw: Buffer; readonly labels: readonly string[] }

/** A mailbox from behind: as its owner and the world change it, with ids of Gmail's labels. */
export type GmailMailbox = {
  readonly address: string
  messages(): GmailMessage[]
  find(id: string): GmailMessage | undefined
  /** @returns its id */
  add(raw: Buffer, labels: readonly string[], at: Date): string
  relabel(id: string, add: readonly string[], remove: readonly string[]): Promise<void>
  delete(id: string): Promise<void>
  addLabel(name: string): string
  removeLabel(id: string): Promise<void>
  historyId(): string
  /** From now on the history before this moment is forgotten. */
  forget(): void
  /** What is forgotten: histories from before are not known any more. */
  forgotten(): string
}

export const gmailMailbox = (
  emulator: Emulator,
  address: string,
  token: string,
  changed: () => void,
): GmailMailbox => {
  const { users } = emulator
  let forgotten = '0'
  const own = () => users.messages.findBy('user_email', address)
  const find = (id: string) =>
    users.messages.findBy('gmail_id', id).find((each) => each.user_email === address)
  const seen = ({ gmail_id: id, raw, label_ids: labels }: GoogleMessage): GmailMessage => ({
    id,
    raw: Buffer.from(raw ?? '', 'base64url'),
    labels,
  })
  const ask = async (method: string, path: string, body?: unknown): Promise<void> => {
    const answer = await emulator.fetch(
      new Request(`http://localhost/gmail/v1/users/me/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    changed()
  }
  const historyId = (): string =>
    [
      ...own().map((each) => each.history_id),
      ...users.history.findBy('user_email', address).map((each) => each.gmail_id),
    ]
      .map(BigInt)
      .reduce((a, b) => (a > b ? a : b), 1n)
      .toString()
  return {
    address,
    messages: () => own().map(seen),
    find: (id) => {
      const found = find(id)
      return found && seen(found)
    },
    add: (raw, labels, at) => {
      const id = randomBytes(8).toString('hex')
      emulator.seed({
        messages: [
          {
            id,
            thread_id: id,
            user_email: address,
            raw: raw.toString('base64url'),
            label_ids: [...labels],
            internal_date: String(at.getTime()),
          },
        ],
      })
      changed()
      return id
    },
    relabel: (id, addLabelIds, removeLabelIds) =>
      ask('POST', `messages/${id}/modify`, { addLabelIds, removeLabelIds }),
    delete: (id) => ask('DELETE', `messages/${id}`),
    addLabel: (name) => {
      const id = `Label_${users.labels.findBy('user_email', address).length}`
      emulator.seed({ labels: [{ id, user_email: address, name }] })
      return id
    },
    removeLabel: (id) => ask('DELETE', `labels/${id}`),
    historyId,
    forget: () => void (forgotten = historyId()),
    forgotten: () => forgotten,
  }
}
