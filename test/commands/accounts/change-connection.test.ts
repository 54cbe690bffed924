import t from 'tap'
import { imapSmtpProvider } from '../../../src/adapters/imap-smtp/provider.ts'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'
import { changeConnection } from '../../../src/commands/accounts/change-connection.ts'
import { handler, loader, newCommandId, type Caller } from '../../../src/commands/handle.ts'
import { Secret, type Credentials } from '../../../src/commands/ports/credentials.ts'
import type { Access, MailProvider } from '../../../src/commands/ports/mail-provider.ts'
import { account, accountStream } from '../../../src/domain/accounts/account.ts'
import { defaultSettings, type Owner } from '../../../src/domain/accounts/events.ts'
import { idOf } from '../../support/example-emails.ts'

const accountId = idOf('acc', 1)
const callerOf = (user: string | null): Caller => ({
  actor: user === null ? { kind: 'api-key', id: 'key' } : { kind: 'user', id: user },
  commandId: newCommandId(new Date()),
  correlationId: 'test',
  causationId: null,
})
const smtp = { host: 'mail.acme.test', port: 587, encryption: 'starttls', username: 'me' } as const
const { signal } = new AbortController()
const guard = egressGuard({ allowedNetworks: [], allowedPorts: [], clearTextHosts: [], extraCa: [] })

/** An account with a kept password; `tried` is every access that a test of the connection was given. */
const world = async (owner: Owner) => {
  const store = memoryEventStore()
  const handle = handler(store, () => new Date())
  const kept = new Map<number, Credentials>([[1, { smtpPassword: new Secret('kept') }]])
  const tried: Access[] = []
  const provider: MailProvider = {
    ...imapSmtpProvider(guard),
    test: async (access) => {
      tried.push(access)
      return { ok: true, steps: [] }
    },
  }
  t.teardown(() => provider.close())
  const change = changeConnection({
    handle,
    load: loader(store),
    clock: () => new Date(),
    fingerprint: (text) => Buffer.from(text).toString('hex'),
    vault: {
      store: async (_id, credentials) => ({ version: kept.set(kept.size + 1, credentials).size }),
      load: async (_id, version) => kept.get(version) ?? null,
      destroy: async () => kept.clear(),
      discard: async (_id, versions) => versions.forEach((version) => kept.delete(version)),
      stored: async () => [],
      renew: async () => null,
    },
    providerOf: () => provider,
  })
  const connection = { provider: 'imap-smtp', smtp, imap: null }
  const connect = { accountId, address: 'me@acme.test', owner, connection, sends: true, receives: false }
  const settings = defaultSettings
  const command = { by: null, do: 'connect', ...connect, credentialVersion: 1, settings } as const
  await handle(account, accountStream(accountId), command, callerOf(null))
  return { change, tried, kept }
}
const to = (changes: { host?: string; port?: number; password?: string }, provider = 'imap-smtp') => ({
  accountId,
  connection: { provider, smtp: { ...smtp, ...changes }, imap: null },
  allowDuplicate: false,
})

t.test('a kept password goes to the host that it was given for, and to no other', async (t) => {
  const { change, tried } = await world({ kind: 'team' })
  await t.rejects(change(callerOf('u1'), to({ host: 'mail.elsewhere.test' }), 0, signal), {
    code: 'password-missing',
  })
  t.same(tried, [], 'nobody was told')
  await change(callerOf('u1'), to({ port: 465 }), 0, signal)
  await change(callerOf('u1'), to({ host: 'mail.elsewhere.test', password: 'new' }), 1, signal)
  t.same(
    tried.map(({ connection, credentials }) => [
      (connection['smtp'] as { host: string }).host,
      credentials['smtpPassword']?.reveal(),
    ]),
    [
      ['mail.acme.test', 'kept'],
      ['mail.elsewhere.test', 'new'],
    ],
  )
})

t.test('what is recorded has no secret in it', async (t) => {
  const { change } = await world({ kind: 'team' })
  const { state } = await change(callerOf('u1'), to({ port: 465, password: 'hunter2' }), 0, signal)
  t.match(state, { connection: { smtp: { port: 465 } }, credentialVersion: 2 })
  t.notMatch(JSON.stringify(state), /hunter2|password/)
})

t.test("another provider's mailbox is another account", async (t) => {
  const { change, tried } = await world({ kind: 'team' })
  await t.rejects(change(callerOf('u1'), to({ password: 'x' }, 'other'), 0, signal), {
    code: 'provider-differs',
  })
  t.same(tried, [])
})

t.test("another user's account is not there, and nothing is tried or kept", async (t) => {
  const { change, tried, kept } = await world({ kind: 'user', userId: 'u1' })
  await t.rejects(change(callerOf('u2'), to({ password: 'x' }), 0, signal), { name: 'NotFound' })
  t.same([tried.length, kept.size], [0, 1])
})

t.test(
  'a repeat of what was done is answered as done, another change of that version as stale',
  async (t) => {
    const { change, tried, kept } = await world({ kind: 'team' })
    const caller = callerOf(null)
    const first = await change(caller, to({ port: 465 }), 0, signal)
    const again = await change(caller, to({ port: 465 }), 0, signal)
    t.match(again, { repeated: true, revision: first.revision, position: first.position ?? '' })
    await t.rejects(change(callerOf(null), to({ port: 25 }), 0, signal), { name: 'StaleRevision' })
    t.same([tried.length, kept.size], [1, 2])
  },
)
