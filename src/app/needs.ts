import { composeMail } from '../adapters/mime/compose.ts'
import { linkedStore } from '../adapters/tracing/traced-store.ts'
import { accessOf } from '../commands/accounts/test-account.ts'
import { handler, loader, type Load } from '../commands/handle.ts'
import type { Clock } from '../commands/ports/clock.ts'
import type { MailToCompose } from '../commands/ports/composer.ts'
import {
  MailUnavailable,
  type Access,
  type MailProvider,
  type OpenMailbox,
  type ProviderOf,
  type WatchMailbox,
} from '../commands/ports/mail-provider.ts'
import { hintsOfMailboxes } from '../commands/sync/hints.ts'
import type { KnownMail } from '../commands/sync/ports.ts'
import { templateCommands } from '../commands/templates/templates.ts'
import { account, accountStream, requireActive, type ConnectedAccount } from '../domain/accounts/account.ts'
import { defaultAccount, defaultAccountStream } from '../domain/accounts/default-account.ts'
import type { Owner } from '../domain/accounts/events.ts'
import { entry, entryStream, type Entry } from '../domain/directory/entry.ts'
import { outgoingEmail, outgoingStream } from '../domain/sending/outgoing-email.ts'
import { contactOfAddress } from '../projections/directory/directory.ts'
import { accountsWithDue, dueMessages, releasingMessages } from '../projections/sending/outbox-queries.ts'
import { findMessage } from '../projections/sync/find-messages.ts'
import { knownAmong, knownPage, placements } from '../projections/sync/placements.ts'
import { lastRunOf, stillWatchable, watchableAccounts } from '../projections/sync/sync-schedule.ts'
import { templateQueries } from '../projections/templates/templates.ts'
import type { Adapters } from './adapters.ts'
import { tracedHandle } from './observing.ts'

/** What commands ask of the outside and of other features, each set in the words of those that ask. */
export const needsOf = (adapters: Adapters, clock: Clock) => {
  const { db, store, leases, blobs, vault, runner, parser, compiler, tracker } = adapters
  const handle = tracedHandle(handler(linkedStore(store), clock))
  const load = loader(store)
  const findAccount = accountFinder(load)
  const providerOf = providerFinder(adapters.providers)
  const mailboxOf = async (accountId: string): Promise<{ provider: MailProvider; access: Access } | null> => {
    const found = await findAccount(accountId)
    if (!found?.receives || found.status === 'disconnected') return null
    const access = await accessOf(vault, found)
    if (!access) throw signInAgain()
    return { provider: providerOf(found.connection), access }
  }
  const openMailbox: OpenMailbox = async (accountId, stop) => {
    const mailbox = await mailboxOf(accountId)
    return mailbox && mailbox.provider.open(mailbox.access, stop)
  }
  const watchMailbox: WatchMailbox = async (accountId, onHint, stop) => {
    const mailbox = await mailboxOf(accountId)
    await mailbox?.provider.watch(mailbox.access, onHint, stop)
  }
  const lookup = {
    ...directoryLookup(load),
    contactOfAddress: (address: string) => contactOfAddress(db, address),
  }
  const needs = {
    handle,
    load,
    clock,
    store,
    blobs,
    vault,
    providerOf,
    compiler,
    parser,
    leases,
    findAccount,
    openMailbox,
  }
  const known: KnownMail = {
    among: (...asked) => knownAmong(db, ...asked),
    page: (...asked) => knownPage(db, ...asked),
    catchUp: async () => {
      const position = await store.head()
      return position === null || runner.waitFor(placements.name, position, CATCH_UP_MS)
    },
  }
  const syncNeeds = {
    ...needs,
    findAccount: async (id: string) => {
      const found = await findAccount(id)
      return found && { ...found, active: found.status === 'active' }
    },
    findOutgoing: async (id: string) => {
      const { state } = await load(outgoingEmail, outgoingStream(id))
      if (!('message' in state)) return null
      const { accountId, mime, copy } = state.message
      return { accountId, blobs: [mime.blob, copy.blob] }
    },
    known,
    lastRun: (accountId: string) => lastRunOf(db, accountId),
    hints: hintsOfMailboxes(),
  }
  const watchNeeds = {
    leases,
    hints: syncNeeds.hints,
    watchMailbox,
    watchable: (after: string | null, limit: number) => watchableAccounts(db, after, limit),
    stillWatchable: (accountIds: readonly string[]) => stillWatchable(db, accountIds),
  }

  const templates = {
    commands: templateCommands({ ...needs, directory: lookup }),
    queries: templateQueries(db),
  }

  const writeNeeds = {
    ...needs,
    activeAccount: async (id: string) => requireActive((await load(account, accountStream(id))).state),
    defaultAccount: defaultAccountOf(load),
    directory: lookup,
    findTemplate: templates.commands.find,
    findMessage: async (id: string) => {
      const row = await findMessage(db, id)
      return row ? { ...row.header, accountId: row.account_id, direction: directionOf(row) } : null
    },
    tracker,
    // No script leaves in a mail, whoever wrote it.
    compose: async (mail: MailToCompose) => {
      await compiler.compile({ format: 'html', source: mail.html })
      return composeMail(mail)
    },
  }

  const sendNeeds = {
    ...needs,
    directory: lookup,
    chance: Math.random,
    accountsWithDue: (limit: number) => accountsWithDue(db, limit),
    dueMessages: (accountId: string, limit: number) => dueMessages(db, accountId, limit),
    releasingMessages: (accountId: string | null, limit: number) => releasingMessages(db, accountId, limit),
  }
  return { needs, syncNeeds, watchNeeds, writeNeeds, sendNeeds, templates }
}

export type Needs = ReturnType<typeof needsOf>

/** How long a sync waits for the read model of what lies in the mailbox. */
const CATCH_UP_MS = 30_000

const providerFinder =
  (providers: readonly MailProvider[]): ProviderOf =>
  (connection) => {
    const found = providers.find(({ name }) => name === connection.provider)
    if (!found) throw new Error(`There is no mail provider ${connection.provider}`)
    return found
  }

const signInAgain = () =>
  new MailUnavailable(
    'sign-in-again',
    'credentials-missing',
    'No credentials are kept for this account',
    'Enter the password of the account again.',
  )

const accountFinder =
  (load: Load) =>
  async (id: string): Promise<ConnectedAccount | null> => {
    const { state } = await load(account, accountStream(id))
    return state.status === 'none' ? null : state
  }

/** The user's own default account, else the team's. */
const defaultAccountOf =
  (load: Load) =>
  async (userId: string | null): Promise<string | null> => {
    const chosen = async (owner: Owner) =>
      (await load(defaultAccount, defaultAccountStream(owner))).state.accountId
    const own = userId === null ? null : await chosen({ kind: 'user', userId })
    return own ?? chosen({ kind: 'team' })
  }

const directionOf = ({ direction }: { readonly direction: string }): 'in' | 'out' =>
  direction === 'out' ? 'out' : 'in'

/** The CRM's records from their streams, so never behind. */
const directoryLookup = (load: Load) => {
  const find =
    <Kind extends Entry['kind']>(kind: Kind) =>
    async (id: string) => {
      const { state } = await load(entry, entryStream(kind, id))
      if (state.status === 'absent') return null
      return state.value as Extract<Entry, { kind: Kind }>['value']
    }
  return {
    user: find('user'),
    contact: find('contact'),
    company: find('company'),
    deal: find('deal'),
    organization: () => find('organization')('main'),
  }
}
