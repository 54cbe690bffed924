import { z } from 'zod'
import { passwordMissing, Secret } from '../../../src/commands/ports/credentials.ts'
import {
  MailUnavailable,
  type Access,
  type MailboxSession,
  type NamedEmail,
  type ListedFolder,
  type MailProvider,
  type MissingMessage,
  type RawMessage,
} from '../../../src/commands/ports/mail-provider.ts'
import { folderRole, type FolderRoles } from '../../../src/domain/mail.ts'
import type { Placement } from '../../../src/domain/sync/events.ts'
import { changesOf } from './changes.ts'
import { labelMailClient, problemOf, type LabelMailClient } from './client.ts'
import type { Label } from './mailbox.ts'
import { sendByDraft } from './send.ts'

/** Drafts that were taken back, which the service remembers. */
const takenBack = new Set<string>()

const provider = z.literal('label-mail')
const recorded = z.object({ provider, address: z.string() })
const entered = recorded.extend({ token: z.string().min(1).max(200).optional() })

/** The mail service of `service.ts`, at its address. */
export const labelMailProvider = (url: string): MailProvider => {
  const clientOf = ({ credentials }: Access, signal: AbortSignal): LabelMailClient =>
    labelMailClient(url, credentials['token']?.reveal() ?? '', signal)
  return {
    name: 'label-mail',
    forms: { entered, recorded },
    title: () => 'Label Mail',
    admit: (form, before) => {
      const { token, ...connection } = entered.parse(form)
      const isSame = before?.connection['address'] === connection.address
      const secret =
        token === undefined ? (isSame ? before.credentials['token'] : undefined) : new Secret(token)
      if (secret === undefined) throw passwordMissing()
      return {
        connection,
        credentials: { token: secret },
        sends: true,
        receives: true,
        filesCopies: true,
        mailbox: connection.address,
      }
    },
    test: async (access, signal) => {
      const started = performance.now()
      const step = { service: 'label-mail', step: 'login' }
      try {
        await foldersOf(clientOf(access, signal), {})
        return { ok: true, steps: [{ ...step, ok: true, durationMs: performance.now() - started }] }
      } catch (error) {
        if (!(error instanceof MailUnavailable)) throw error
        const { code, message: detail, remedy } = error
        const failed = { ...step, ok: false, durationMs: performance.now() - started, code, detail, remedy }
        return { ok: false, steps: [failed] }
      }
    },
    open: async (access, roles, signal) => {
      const client = clientOf(access, signal)
      await foldersOf(client, roles)
      return session(client, roles)
    },
    send: (access, email, release, signal) => sendByDraft(clientOf(access, signal), email, release, signal),
    watch: (access, onHint, signal) => clientOf(access, signal).follow(onHint),
    close: () => Promise.resolve(),
  }
}

const foldersOf = async (client: LabelMailClient, byHand: FolderRoles): Promise<ListedFolder[]> => {
  const labels = (await client.get<Label[]>('labels')) ?? []
  const given = new Set<string>(labels.flatMap(({ name }) => byHand[name] ?? []))
  return labels.map(({ name, kind }) => {
    const role = kind !== null && given.has(kind) ? null : (folderRole.safeParse(kind).data ?? null)
    return { folder: name, role: byHand[name] ?? role, opens: true }
  })
}

const session = (client: LabelMailClient, roles: FolderRoles): MailboxSession => ({
  folders: () => foldersOf(client, roles),
  changes: async function* (query) {
    yield* changesOf(client, await foldersOf(client, roles), query)
  },
  raw: async function* (placements) {
    for (const placement of placements) yield await rawOf(client, placement)
  },
  whatBecameOf: async ({ handle, ...email }) => {
    if (handle !== null) {
      const draft = await client.get<{ state: string }>(`draft/${handle}`)
      if (draft?.state === 'sent') return 'sent'
      // Taken away, so that a request which is still under way finds nothing to send.
      const taken = draft === null ? 'lost' : await client.hear('DELETE', `draft/${handle}`)
      if (taken !== 'lost' && taken.status === 200) takenBack.add(handle)
      if (takenBack.has(handle)) return 'not-sent'
    }
    return (await findSent(client, roles, email)).found ? 'sent' : 'unknown'
  },
  fileCopy: async ({ sentAt, content, ...email }) => {
    const { folder, found } = await findSent(client, roles, email)
    if (folder === null || found) return { outcome: found ? 'found' : 'impossible', folder }
    const copy = await content()
    if (copy === null) return { outcome: 'impossible', folder: null }
    await client.post('messages', { label: folder, raw: copy.toString('base64'), receivedAt: sentAt })
    return { outcome: 'filed', folder }
  },
  close: () => Promise.resolve(),
})

const rawOf = async (client: LabelMailClient, placement: Placement): Promise<RawMessage | MissingMessage> => {
  const heard = await client.hear('GET', `message/${placement.ref}`)
  if (heard === 'lost') throw problemOf(heard)
  if (heard.status === 451) return { placement, missing: 'withheld' }
  if (heard.status === 404) return { placement, missing: 'gone' }
  if (heard.status !== 200) throw problemOf(heard)
  const found = heard.json as { labels: string[]; flags: string[]; receivedAt: string; raw: string }
  if (!found.labels.includes(placement.folder)) return { placement, missing: 'gone' }
  const { flags, receivedAt, raw } = found
  return { placement, flags, receivedAt, raw: Buffer.from(raw, 'base64') }
}

const findSent = async (client: LabelMailClient, roles: FolderRoles, { messageId, trailId }: NamedEmail) => {
  const folder = (await foldersOf(client, roles)).find(({ role }) => role === 'sent')?.folder ?? null
  if (folder === null) return { folder, found: false }
  const query = String(new URLSearchParams({ label: folder, messageId, trailId }))
  const answer = await client.get<{ messages: unknown[] }>(`messages?${query}`)
  return { folder, found: (answer?.messages.length ?? 0) > 0 }
}
