import { composeMail } from '../adapters/mime/compose.ts'
import { linkedStore } from '../adapters/tracing/traced-store.ts'
import { loginsOf } from '../commands/accounts/test-account.ts'
import { handler, loader, type Load } from '../commands/handle.ts'
import type { Clock } from '../commands/ports/clock.ts'
import type { MailToCompose } from '../commands/ports/composer.ts'
import type { OpenMailbox } from '../commands/ports/mail-provider.ts'
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
import { knownAmong, knownBelow, knownOfOld } from '../projections/sync/placements.ts'
import { lastRunOf } from '../projections/sync/sync-schedule.ts'
import { templateQueries } from '../projections/templates/templates.ts'
import type { Adapters } from './adapters.ts'
import { tracedHandle } from './observing.ts'

/** What commands ask of the outside and of other features, each set in the words of those that ask. */
export const needsOf = (adapters: Adapters, clock: Clock) => {
  const { db, store, leases, blobs, vault, tester, connector, sender, parser, compiler, tracker } = adapters
  const handle = tracedHandle(handler(linkedStore(store), clock))
  const load = loader(store)
  const findAccount = accountFinder(load)
  const openMailbox: OpenMailbox = async (accountId, stop) => {
    const found = await findAccount(accountId)
    if (!found?.imap || found.status === 'disconnected') return null
    const { imap } = await loginsOf(vault, found)
    return imap && connector.connect(imap, stop)
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
    tester,
    compiler,
    parser,
    leases,
    findAccount,
    openMailbox,
  }
  const known: KnownMail = {
    among: (folder, uids) => knownAmong(db, folder, uids),
    below: (folder, below, limit) => knownBelow(db, folder, below, limit),
    ofOld: (folder, after, limit) => knownOfOld(db, folder, after, limit),
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
    sender,
    chance: Math.random,
    accountsWithDue: (limit: number) => accountsWithDue(db, limit),
    dueMessages: (accountId: string, limit: number) => dueMessages(db, accountId, limit),
    releasingMessages: (accountId: string | null, limit: number) => releasingMessages(db, accountId, limit),
  }
  return { needs, syncNeeds, writeNeeds, sendNeeds, templates }
}

export type Needs = ReturnType<typeof needsOf>

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
