import { requireLevel } from '../../domain/accounts/access-rights.ts'
import { account, accountStream } from '../../domain/accounts/account.ts'
import { accountReceivesNoMail } from '../../domain/accounts/refusals.ts'
import { accountDisconnected } from '../../domain/accounts/refusals.ts'
import { NotFound } from '../../domain/decider.ts'
import type { FolderRole } from '../../domain/mail.ts'
import { definedCodes, defineRefusal, Refused } from '../../domain/refusal.ts'
import { wantedFolders } from '../../domain/sync/wanted-folders.ts'
import type { Load } from '../handle.ts'
import { MailUnavailable, type ListedFolder, type OpenMailbox } from '../ports/mail-provider.ts'

const WITHIN_MS = 30_000

export type FolderOfAccount = {
  readonly path: string
  readonly role: FolderRole | null
  /** The settings name it, by path or role. */
  readonly isChosen: boolean
  readonly canOpen: boolean
}

/**
 * The folders of the account's mailbox as they are now; `missing` lists the roles and paths that the settings name but
 * the mailbox does not have.
 * @throws Refused with the mailbox's own code if it cannot be reached
 */
export const listFolders =
  (deps: { readonly load: Load; readonly openMailbox: OpenMailbox }) =>
  async (
    accountId: string,
    userId: string | null,
    signal: AbortSignal,
  ): Promise<{ folders: FolderOfAccount[]; missing: readonly string[] }> => {
    const { state } = await deps.load(account, accountStream(accountId))
    if (state.status === 'none') throw new NotFound('email account', accountId)
    const { status, settings } = requireLevel(state, userId, 'read')
    if (status === 'disconnected') throw accountDisconnected()
    const stop = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)])
    const listed = await listedBy(deps.openMailbox, accountId, stop)
    const { chosen, missing } = wantedFolders(
      listed.filter(({ opens }) => opens),
      settings.folders,
    )
    const folders = listed.map((each) => ({
      path: each.folder,
      role: each.role,
      isChosen: chosen.includes(each),
      canOpen: each.opens,
    }))
    return { folders, missing }
  }

const mailboxUnavailable = defineRefusal('mailbox-unavailable', {
  title: 'Mailbox unavailable',
  meaning: 'The mailbox could not be reached.',
  remedy: "Test the account's connection: the test shows what is wrong.",
})

const listedBy = async (
  openMailbox: OpenMailbox,
  accountId: string,
  signal: AbortSignal,
): Promise<readonly ListedFolder[]> => {
  try {
    const session = await openMailbox(accountId, signal)
    if (session === null) throw accountReceivesNoMail()
    try {
      return await session.folders()
    } finally {
      await session.close()
    }
  } catch (error) {
    if (!(error instanceof MailUnavailable)) throw error
    const { code, message, remedy } = error
    throw new Refused(definedCodes.get(code) ?? mailboxUnavailable, { detail: message, remedy })
  }
}
