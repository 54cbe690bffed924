import t from 'tap'
import { imapSmtpProvider } from '../../../src/adapters/imap-smtp/provider.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { createKeyring } from '../../../src/adapters/vault/keyring.ts'
import { openKeyring } from '../../../src/adapters/vault/rotation.ts'
import { postgresVault } from '../../../src/adapters/vault/vault.ts'
import { keepCredentials } from '../../../src/commands/accounts/keep-credentials.ts'
import { sweepCredentials } from '../../../src/commands/accounts/sweep-credentials.ts'
import { handler, loader, systemCaller } from '../../../src/commands/handle.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import { StoreUnavailable } from '../../../src/commands/ports/event-log.ts'
import { account, accountStream, type AccountCommand } from '../../../src/domain/accounts/account.ts'
import { defaultSettings } from '../../../src/domain/accounts/events.ts'
import { defineRefusal } from '../../../src/domain/refusal.ts'
import { idOf } from '../../support/example-emails.ts'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const keyring = createKeyring()
const vault = postgresVault(pool, await openKeyring(pool, { value: keyring.text(), file: '/nowhere' }))
const store = memoryEventStore()
const clock = () => new Date()
const noEgress = { allowedNetworks: [], allowedPorts: [], clearTextHosts: [], extraCa: [] }
const handle = handler(store, clock)
// Connected with a password, there is no access to withdraw at any provider.
const providerOf = () => imapSmtpProvider(egressGuard(noEgress))
const deps = { handle, load: loader(store), vault, clock, providerOf }

const secret = { imapPassword: new Secret('a password') }
const imap = { host: 'mail.acme.test', port: 993, encryption: 'tls', username: 'sarah' } as const
const tell = (accountId: string, command: AccountCommand) =>
  handle(account, accountStream(accountId), command, systemCaller('test', clock, accountId))
const connect = (accountId: string) => (credentialVersion: number) =>
  tell(accountId, {
    do: 'connect',
    by: null,
    accountId,
    address: 'sarah@acme.test',
    owner: { kind: 'team' },
    connection: { provider: 'imap-smtp', smtp: null, imap },
    sends: false,
    receives: true,
    credentialVersion,
    settings: defaultSettings,
  })
const versionsOf = async (accountId: string) => {
  const { rows } = await pool.query<{ version: number }>(
    'select version from mailtrail.credentials where account_id = $1 order by version',
    [accountId],
  )
  return rows.map(({ version }) => version)
}
const keysOf = async (accountId: string) => {
  const { rows } = await pool.query<{ account_id: string }>(
    'select account_id from mailtrail.credential_keys where account_id = $1 and wrapped_key is not null',
    [accountId],
  )
  return rows.length
}
const refused = defineRefusal('refused-for-this-test', { title: 'No', meaning: 'No.', remedy: 'None.' })

t.test(
  'a refused command leaves no credentials behind, and no trace of an account that never began',
  async (t) => {
    const accountId = idOf('acc', 1)
    await t.rejects(
      keepCredentials(vault, accountId, secret, () => Promise.reject(refused())),
      { code: 'refused-for-this-test' },
    )
    t.same([await versionsOf(accountId), await keysOf(accountId)], [[], 0])

    await keepCredentials(vault, accountId, secret, connect(accountId))
    await t.rejects(keepCredentials(vault, accountId, secret, () => Promise.reject(refused())))
    t.same(await versionsOf(accountId), [1], 'those in use stay')
    await keepCredentials(vault, accountId, secret, connect(accountId))
    t.same(await versionsOf(accountId), [1], 'a second answer to the same command names the first version')
  },
)

t.test('what a crash left between the vault and the log is swept, and nothing else', async (t) => {
  const [never, changing, disconnected, fresh] = [2, 3, 4, 5].map((n) => idOf('acc', n)) as [
    string,
    string,
    string,
    string,
  ]
  const lost = () => Promise.reject(new StoreUnavailable('no answer'))
  await t.rejects(keepCredentials(vault, never, secret, lost))
  await keepCredentials(vault, changing, secret, connect(changing))
  await t.rejects(keepCredentials(vault, changing, secret, lost))
  await keepCredentials(vault, disconnected, secret, connect(disconnected))
  await tell(disconnected, { do: 'disconnect', by: null, reason: '' })
  await pool.query(`update mailtrail.credentials set created_at = now() - interval '2 hours'`)
  await t.rejects(keepCredentials(vault, fresh, secret, lost))

  await sweepCredentials(deps)(new AbortController().signal)
  t.same([await versionsOf(never), await keysOf(never)], [[], 0], 'an account that never began')
  t.same(await versionsOf(changing), [1], 'a connection that was never changed')
  t.same([await versionsOf(disconnected), await keysOf(disconnected)], [[], 0], 'one that was disconnected')
  t.same(await versionsOf(fresh), [1], 'one that may be on its way')
  t.equal((await vault.load(changing, 1))?.['imapPassword']?.reveal(), 'a password')
})
