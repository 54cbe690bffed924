import { NotFound } from '../domain/decider.ts'
import { accountSendsNoMail } from '../domain/accounts/refusals.ts'
import { checkSignature } from '../adapters/mjml/compile.ts'
import { accountCommands } from '../commands/accounts/accounts.ts'
import { accessOf } from '../commands/access-of.ts'
import { NotCaughtUp } from '../commands/outage.ts'
import { credentialsMissing } from '../commands/ports/credentials.ts'
import {
  MailUnavailable,
  type Access,
  type MailProvider,
  type OpenMailbox,
  type WatchMailbox,
} from '../commands/ports/mail-provider.ts'
import { account, accountStream, requireActive, type ConnectedAccount } from '../domain/accounts/account.ts'
import { defaultAccount, defaultAccountStream } from '../domain/accounts/default-account.ts'
import { may } from '../domain/accounts/access-rights.ts'
import { entryStream } from '../domain/directory/entry.ts'
import type { Owner } from '../domain/accounts/events.ts'
import type { FolderRoles } from '../domain/mail.ts'
import { accountQueries } from '../projections/accounts/accounts.ts'
import { accountList } from '../projections/accounts/account-list.ts'
import { accountsWith } from '../projections/accounts/find-accounts.ts'
import { isWithheld } from '../projections/sync/sync-errors.ts'
import type { Core, Directory } from './features.ts'

/** Email accounts, and how their mailboxes are reached. */
export const accountFeature = (
  core: Core,
  directory: Directory,
  signingIn: { readonly returnOrigins: readonly string[]; readonly redirectUri: string },
) => {
  const { load, vault, providerOf, db } = core
  const find = async (id: string): Promise<ConnectedAccount | null> => {
    const { state } = await load(account, accountStream(id))
    return state.status === 'none' ? null : state
  }
  /** The owner's default account; one that is paused or was disconnected, or from which the user may not send, is passed over. */
  const chosen = async (owner: Owner, userId: string | null): Promise<string | null> => {
    const { accountId } = (await load(defaultAccount, defaultAccountStream(owner))).state
    const found = accountId === null ? null : await find(accountId)
    return found?.status === 'active' && may(found, userId, 'send') ? accountId : null
  }
  const mailboxOf = async (
    accountId: string,
  ): Promise<{ provider: MailProvider; access: Access; roles: FolderRoles } | null> => {
    const found = await find(accountId)
    if (!found?.receives || found.status === 'disconnected') return null
    const access = await accessOf(vault, found)
    if (!access) throw signInAgain()
    return { provider: providerOf(found.connection), access, roles: found.settings.folderRoles }
  }
  const openMailbox: OpenMailbox = async (accountId, stop) => {
    const mailbox = await mailboxOf(accountId)
    return mailbox && mailbox.provider.open(mailbox.access, mailbox.roles, stop)
  }
  /** The same for the copies of what is sent, which belong to accounts that send and receive. */
  const openToFile: OpenMailbox = async (accountId, stop) =>
    (await find(accountId))?.settings.syncDirection === 'both' ? openMailbox(accountId, stop) : null
  const watchMailbox: WatchMailbox = async (accountId, onHint, stop) => {
    const mailbox = await mailboxOf(accountId)
    await mailbox?.provider.watch(mailbox.access, onHint, stop)
  }
  const commands = accountCommands({
    ...core,
    directory: directory.lookup,
    openMailbox,
    checkSignature,
    isWithheld: isWithheld(db),
    accountsWith: async (userId) => {
      if (!(await core.caughtUp(accountList))) throw new NotCaughtUp()
      return accountsWith(db)(userId)
    },
    find,
    organizationEvents: () => core.store.readStream(entryStream('organization', 'main')),
    ...signingIn,
  })
  const queries = accountQueries(db, { titleOf: (connection) => providerOf(connection).title(connection) })
  return {
    commands,
    queries,
    find,
    organizationEvents: () => core.store.readStream(entryStream('organization', 'main')),
    openMailbox,
    openToFile,
    watchMailbox,
    findActive: async (id: string) => requireActive((await load(account, accountStream(id))).state),
    /** The user's own default account, or else the team's. */
    findDefault: async (userId: string | null): Promise<string | null> =>
      (userId === null ? null : await chosen({ kind: 'user', userId }, userId)) ??
      chosen({ kind: 'team' }, userId),
    visibilityOf: queries.visibilityOf,
    visibleAccounts: queries.visibleAccounts,
    /** An account that was connected, and for sending. */
    requireSender: async (id: string): Promise<void> => {
      const found = await find(id)
      if (!found) throw new NotFound('email account', id)
      if (!found.sends) throw accountSendsNoMail()
    },
    /** Whether the user may read all mail of the account; decided on its stream. */
    mayRead: async (accountId: string, userId: string | null): Promise<boolean> => {
      if (userId === null) return true
      const found = await find(accountId)
      return found !== null && may(found, userId, 'read')
    },
    readableAccounts: queries.readableAccounts,
    sendOnlyAccounts: queries.sendOnlyAccounts,
  }
}
export type Accounts = ReturnType<typeof accountFeature>

const signInAgain = () => {
  const { code, meaning, remedy } = credentialsMissing
  return new MailUnavailable('sign-in-again', code, meaning, remedy)
}
