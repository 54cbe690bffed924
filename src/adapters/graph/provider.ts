import https from 'node:https'
import type { Access, MailboxSession, MailProvider } from '../../commands/ports/mail-provider.ts'
import type { SignIn } from '../../commands/ports/sign-in.ts'
import type { FolderRoles } from '../../domain/mail.ts'
import { signInNeeded } from '../oauth/sign-in.ts'
import type { TokenSource } from '../oauth/tokens.ts'
import { changesOf } from './changes.ts'
import { graphClient, type GraphClient } from './client.ts'
import { testConnection } from './connection-test.ts'
import { forms } from './connection.ts'
import { foldersOf, type KnownRoles, type OutlookFolder } from './folders.ts'
import { gates } from './gate.ts'
import { pushTaker, type GraphPush } from './push.ts'
import { rawOf } from './raw.ts'
import type { Seen } from './reading.ts'
import { sendByDraft } from './send.ts'
import { fileCopy, whatBecameOf } from './sent-folder.ts'
import { moveToTrash } from './trash.ts'
import { watchMailbox } from './watch.ts'

export type OutlookDeps = {
  readonly tokens: TokenSource
  readonly signIn: SignIn
  /** Where Graph is, such as https://graph.microsoft.com. */
  readonly apiUrl: string
  /** Null where Graph cannot reach us. */
  readonly push: GraphPush | null
  readonly checkEveryMs?: number
}

const CHECK_EVERY_MS = 15 * 60_000
/** A connection that is not used for so long is closed. */
const IDLE_MS = 30_000

/** Outlook and Microsoft 365, by Microsoft Graph. */
export const outlookProvider = (deps: OutlookDeps): MailProvider => {
  const { push, checkEveryMs = CHECK_EVERY_MS } = deps
  const agent = new https.Agent({ keepAlive: true, timeout: IDLE_MS })
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
    signIn: deps.signIn,
    title: () => 'Outlook',
    admit: () => {
      throw signInNeeded()
    },
    test: (access, signal) => testConnection(clientOf(access, signal)),
    open: async (access, roles, signal) => {
      const client = clientOf(access, signal)
      const known = knownRoles(access)
      return mailbox(client, known, roles, await foldersOf(client, known, roles))
    },
    send: (access, email, release, signal) => sendByDraft(clientOf(access, signal), email, release),
    watch: async (access, onHint, signal) => {
      if (push === null) return
      const afterwards = (end: AbortSignal) => clientOf(access, end)
      await watchMailbox(clientOf(access, signal), { push, checkEveryMs, afterwards }, onHint)
    },
    ...(push === null ? {} : { takePush: pushTaker(push) }),
    close: async () => agent.destroy(),
  }
}

/** `atFirst`: the folders as they were listed when it was opened, which is recent enough for its first reading. */
const mailbox = (
  client: GraphClient,
  known: KnownRoles,
  roles: FolderRoles,
  atFirst: readonly OutlookFolder[],
): MailboxSession => {
  const seen: Seen = new Map()
  let listed = atFirst
  let isRecent = true
  const list = async () => (listed = await foldersOf(client, known, roles))
  const once = () => Promise.resolve(listed)
  return {
    folders: async () => (await list()).map(({ id: _id, ...folder }) => folder),
    changes: async function* (query) {
      const now = isRecent ? listed : await list()
      isRecent = false
      yield* changesOf(client, seen, now, query)
    },
    raw: (placements) => rawOf(client, seen, once, placements),
    whatBecameOf: whatBecameOf(client, once),
    fileCopy: fileCopy(client, once),
    moveToTrash: moveToTrash(client, once),
    close: () => Promise.resolve(),
  }
}
