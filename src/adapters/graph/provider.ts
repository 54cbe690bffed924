import https from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import type { Access, MailboxSession, MailProvider } from '../../commands/ports/mail-provider.ts'
import type { SignIn } from '../../commands/ports/sign-in.ts'
import type { FolderRoles } from '../../domain/mail.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import type { TokenSource } from '../oauth/tokens.ts'
import { changesOf } from './changes.ts'
import { graphClient, type GraphClient } from './client.ts'
import { testConnection } from './connection-test.ts'
import { forms } from './connection.ts'
import { foldersOf, type KnownRoles, type OutlookFolder } from './folders.ts'
import { gates } from './gate.ts'
import type { Notices } from './notices.ts'
import { rawOf } from './raw.ts'
import type { Seen } from './reading.ts'
import { sendByDraft } from './send.ts'
import { fileCopy, whatBecameOf } from './sent-folder.ts'
import { watchMailbox } from './watch.ts'

export type OutlookDeps = {
  readonly tokens: TokenSource
  readonly signIn?: SignIn
  /** Where Graph is, such as https://graph.microsoft.com, and how its certificate is checked. */
  readonly apiUrl: string
  readonly tls: ConnectionOptions
  readonly notices: Notices
  readonly checkEveryMs?: number
}

const CHECK_EVERY_MS = 15 * 60_000
/** A connection that is not used for so long is closed. */
const IDLE_MS = 30_000

const signInRequired = defineRefusal('outlook-sign-in-required', {
  title: 'Sign-in required',
  meaning: 'An Outlook account is connected by signing in with Microsoft; there is nothing to enter.',
  remedy: 'Begin a sign-in with Microsoft instead.',
})

/** Outlook and Microsoft 365, by Microsoft Graph. */
export const outlookProvider = (deps: OutlookDeps): MailProvider => {
  const agent = new https.Agent({ ...deps.tls, keepAlive: true, timeout: IDLE_MS })
  const gateOf = gates()
  const rolesOf = new Map<string, KnownRoles>()
  const clientOf = (access: Access, signal: AbortSignal): GraphClient =>
    graphClient({ ...deps, agent, gateOf }, access, signal)
  const knownRoles = ({ connection }: Access): KnownRoles => {
    const key = String(connection['address']).toLowerCase()
    const found = rolesOf.get(key) ?? new Map()
    rolesOf.set(key, found)
    return found
  }
  return {
    name: 'outlook',
    forms,
    ...(deps.signIn === undefined ? {} : { signIn: deps.signIn }),
    title: () => 'Outlook',
    admit: () => {
      throw signInRequired()
    },
    test: (access, signal) => testConnection(clientOf(access, signal)),
    open: async (access, roles, signal) => {
      const client = clientOf(access, signal)
      const session = mailbox(client, knownRoles(access), roles)
      await session.folders()
      return session
    },
    send: (access, email, release, signal) => sendByDraft(clientOf(access, signal), email, release),
    watch: (access, onHint, signal) => {
      const { notices, checkEveryMs = CHECK_EVERY_MS } = deps
      const afterwards = (end: AbortSignal) => clientOf(access, end)
      return watchMailbox(clientOf(access, signal), { notices, checkEveryMs, afterwards }, onHint)
    },
    close: async () => agent.destroy(),
  }
}

const mailbox = (client: GraphClient, known: KnownRoles, roles: FolderRoles): MailboxSession => {
  const seen: Seen = new Map()
  let listed: readonly OutlookFolder[] = []
  const list = async () => (listed = await foldersOf(client, known, roles))
  const once = async () => (listed.length > 0 ? listed : list())
  return {
    folders: async () => (await list()).map(({ id: _id, ...folder }) => folder),
    changes: async function* (query) {
      yield* changesOf(client, seen, await list(), query)
    },
    raw: (placements) => rawOf(client, seen, once, placements),
    whatBecameOf: whatBecameOf(client, once),
    fileCopy: fileCopy(client, once),
    close: () => Promise.resolve(),
  }
}
