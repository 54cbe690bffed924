import t from 'tap'
import { egressGuard } from '../../src/adapters/network/egress-guard.ts'
import { imapSmtpProvider } from '../../src/adapters/imap-smtp/provider.ts'
import { fingerprints } from '../../src/adapters/vault/derived-key.ts'
import { connectAccount } from '../../src/commands/accounts/connect-account.ts'
import { handler, loader, newCommandId, type Caller } from '../../src/commands/handle.ts'
import type { MailProvider } from '../../src/commands/ports/mail-provider.ts'
import type { Owner } from '../../src/domain/accounts/events.ts'
import { memoryEventStore } from './memory-event-store.ts'

// Accounts that are connected without a mail server: every test of a connection succeeds.

const guard = egressGuard({ allowedNetworks: [], allowedPorts: [], clearTextHosts: [], extraCa: [] })
export const { signal } = new AbortController()
const team: Owner = { kind: 'team' }

export const callerOf = (userId: string | null = null): Caller => {
  const commandId = newCommandId(new Date())
  const actor =
    userId === null ? { kind: 'system' as const, id: 'test' } : { kind: 'user' as const, id: userId }
  return { actor, commandId, correlationId: commandId, causationId: null }
}

type Mailbox = { host?: string; username?: string; address?: string; owner?: Owner; allowDuplicate?: boolean }

export const inputOf = ({
  host = 'mail.acme.test',
  username = 'sarah',
  address = 'sarah@acme.test',
  owner = team,
  allowDuplicate = false,
}: Mailbox = {}) => {
  const imap = { host, port: 993, encryption: 'tls', username, password: 'secret' }
  return {
    address,
    owner,
    connection: { provider: 'imap-smtp', smtp: null, imap },
    settings: {},
    allowDuplicate,
  }
}

export const connectingWorld = () => {
  const store = memoryEventStore()
  let shiftMs = 0
  const clock = () => new Date(Date.now() + shiftMs)
  const provider: MailProvider = { ...imapSmtpProvider(guard), test: async () => ({ ok: true, steps: [] }) }
  t.teardown(() => provider.close())
  const deps = {
    handle: handler(store, clock),
    load: loader(store),
    clock,
    fingerprint: fingerprints(Buffer.alloc(32, 7)),
    vault: {
      store: async () => ({ version: 1 }),
      load: async () => null,
      destroy: async () => {},
      discard: async () => {},
      stored: async () => [],
      renew: async () => null,
    },
    providerOf: () => provider,
  }
  const connect = (mailbox?: Mailbox, caller = callerOf()) =>
    connectAccount(deps)(caller, inputOf(mailbox), signal)
  const idOf = async (mailbox?: Mailbox): Promise<string> => {
    const { state } = await connect(mailbox)
    if (state.status === 'none') throw new Error('Nothing was connected')
    return state.accountId
  }
  return { store, clock, deps, connect, idOf, later: (ms: number) => void (shiftMs += ms) }
}
