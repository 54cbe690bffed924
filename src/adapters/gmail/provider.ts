import type { MailboxSession, MailProvider } from '../../commands/ports/mail-provider.ts'
import type { SignIn } from '../../commands/ports/sign-in.ts'
import { changesOf } from './changes.ts'
import { gmailClients, type GmailClient, type GmailSettings } from './client.ts'
import { connectionTest } from './connection-test.ts'
import { forms } from './connection.ts'
import { signInNeeded } from '../oauth/sign-in.ts'
import { foldersOf, type GmailFolder } from './folders.ts'
import type { FolderRoles } from '../../domain/mail.ts'
import { pushTaker, watchByPush, type GmailPush } from './push.ts'
import { rawOf } from './raw.ts'
import { sendByDraft } from './send.ts'
import { fileCopy, whatBecameOf } from './sent-mail.ts'
import { moveToTrash } from './trash.ts'

/** `push` is null where the operator has not set it up; then a mailbox is read at its frequency only. */
export type GmailProviderSettings = GmailSettings & {
  readonly signIn?: SignIn
  readonly push: GmailPush | null
  readonly renewWatchEveryMs?: number
}

/** Gmail and Google Workspace, through the Gmail API. */
export const gmailProvider = ({
  signIn,
  push,
  renewWatchEveryMs,
  ...settings
}: GmailProviderSettings): MailProvider => {
  const clientOf = gmailClients(settings)
  return {
    name: 'gmail',
    forms,
    ...(signIn === undefined ? {} : { signIn }),
    title: () => 'Gmail',
    admit: () => {
      throw signInNeeded()
    },
    test: connectionTest(clientOf),
    open: async (access, roles, signal) => {
      const client = clientOf(access, signal)
      return session(client, roles, await foldersOf(client, roles))
    },
    send: sendByDraft(clientOf),
    watch: push === null ? () => Promise.resolve() : watchByPush(clientOf, push, renewWatchEveryMs),
    ...(push === null ? {} : { takePush: pushTaker(push) }),
    close: () => Promise.resolve(),
  }
}

/** `atFirst`: the folders as they were listed when it was opened, which is recent enough for its first reading. */
const session = (
  client: GmailClient,
  roles: FolderRoles,
  atFirst: readonly GmailFolder[],
): MailboxSession => {
  const folders = () => foldersOf(client, roles)
  let listed: readonly GmailFolder[] | null = atFirst
  return {
    folders: async () => (await folders()).map(({ folder, role }) => ({ folder, role, opens: true })),
    changes: async function* (query) {
      const now = listed ?? (await folders())
      listed = null
      yield* changesOf(client, now, query)
    },
    raw: async function* (placements) {
      yield* rawOf(client, await folders(), placements)
    },
    whatBecameOf: whatBecameOf(client, folders),
    fileCopy: fileCopy(client, folders),
    moveToTrash: moveToTrash(client),
    close: () => Promise.resolve(),
  }
}
