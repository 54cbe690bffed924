import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import t from 'tap'
import { oauthClient } from '../../../src/adapters/oauth/client.ts'
import { credentialsOf, tokenSource } from '../../../src/adapters/oauth/tokens.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { createKeyring } from '../../../src/adapters/vault/keyring.ts'
import { openKeyring } from '../../../src/adapters/vault/rotation.ts'
import { postgresVault } from '../../../src/adapters/vault/vault.ts'
import { accessOf } from '../../../src/commands/access-of.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { trustAlso } from '../../../src/adapters/network/authorities.ts'
import { startGoogleSignIn } from '../../../scripts/lib/mail-servers/google/authorization-server.ts'
import { startMicrosoftSignIn } from '../../../scripts/lib/mail-servers/microsoft/authorization-server.ts'
import { consent, type AuthorizationServer } from '../../../scripts/lib/mail-servers/authorization-server.ts'
import type { TokenQuestion } from '../../support/token-asker.ts'
import { testDatabase } from '../../support/test-database.ts'

const never = new AbortController().signal
const redirectUri = 'http://127.0.0.1:1/oauth/callback'
const sarah = { id: 'g-1', address: 'sarah@gmail.test' }
const callers = [13, 13, 12, 12]

const database = await testDatabase(t)
const pool = createPool({ ...database, max: 8 })
t.teardown(() => pool.end())
await migrate(pool)
const keyring = createKeyring()
const vault = postgresVault(pool, await openKeyring(pool, { value: keyring.text(), file: '/nowhere' }))
const tls = await testTls()
trustAlso([tls.ca])

const google = await startGoogleSignIn(() => redirectUri)
const microsoft = await startMicrosoftSignIn(() => redirectUri, tls.good)
t.teardown(() => Promise.all([google.close(), microsoft.close()]))
for (const server of [google, microsoft]) server.addPerson(sarah)

const registered = ({ issuer, clientId, clientSecret }: AuthorizationServer) => ({
  issuer: new URL(issuer),
  clientId,
  clientSecret: new Secret(clientSecret),
})

/** A refresh token that the server has given to somebody who agreed. */
const grantedBy = async (server: AuthorizationServer): Promise<string> => {
  const verifier = 'v'.repeat(43)
  const { buildAuthorizationUrl, calculatePKCECodeChallenge, authorizationCodeGrant } =
    await import('openid-client')
  const configuration = await oauthClient(registered(server)).configuration()
  const url = buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid email offline_access',
    state: 'one',
    access_type: 'offline',
    prompt: 'consent',
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const callback = await consent(url.href, sarah)
  const answer = await authorizationCodeGrant(configuration, callback, {
    expectedState: 'one',
    pkceCodeVerifier: verifier,
  })
  return answer.refresh_token ?? ''
}

let accounts = 0
/** An account whose access token is over. */
const account = async (server: AuthorizationServer) => {
  const accountId = `acc_${++accounts}`
  const refreshToken = await grantedBy(server)
  const expired = { accessToken: 'at-over', refreshToken, expiresAt: new Date(0).toISOString() }
  const { version: credentialVersion } = await vault.store(accountId, credentialsOf(expired))
  const of = { accountId, connection: { provider: 'gmail' }, credentialVersion }
  return { ...of, refreshToken, access: async () => (await accessOf(vault, of))! }
}

t.test('50 callers in 4 processes cause one refresh, and all get its token', async (t) => {
  const { accountId, credentialVersion } = await account(microsoft)
  const before = microsoft.refreshes()
  const script = path.join(import.meta.dirname, '../../support/token-asker.ts')
  const { issuer, clientId, clientSecret } = microsoft
  const authority = path.join(t.testdir({ 'ca.pem': tls.ca }), 'ca.pem')
  const processes = callers.map((count) => {
    const child = fork(script, { env: { ...process.env, NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: authority } })
    t.teardown(() => child.kill('SIGKILL'))
    const question: TokenQuestion = {
      database,
      keyring: keyring.text().reveal(),
      issuer,
      clientId,
      clientSecret,
      accountId,
      credentialVersion,
      callers: count,
    }
    child.send(question)
    return child
  })
  await Promise.all(processes.map((child) => once(child, 'message')))
  const answers = processes.map(async (child): Promise<string[]> => {
    const [tokens] = await once(child, 'message')
    return tokens
  })
  for (const child of processes) child.send('go')
  const tokens = (await Promise.all(answers)).flat()
  t.equal(tokens.length, 50)
  t.equal(new Set(tokens).size, 1)
  t.strictSame(microsoft.personOf(tokens[0]!), sarah)
  t.equal(microsoft.refreshes() - before, 1)
})

t.test('a token that the provider did not accept is replaced, once for all who hold it', async (t) => {
  const tokens = tokenSource(oauthClient(registered(google)))
  const { access } = await account(google)
  const held = await access()
  const first = await tokens.accessToken(held, null, never)
  google.expireAccess()
  const before = google.refreshes()
  const others = await Promise.all(Array.from({ length: 5 }, access))
  const got = await Promise.all([held, held, ...others].map((each) => tokens.accessToken(each, first, never)))
  t.equal(new Set(got).size, 1)
  t.not(got[0], first)
  t.equal(google.refreshes() - before, 1)
  t.equal(await tokens.accessToken(held, null, never), got[0], 'whoever holds the old access gets it too')
})

t.test('a new refresh token is kept, and so the next refresh works', async (t) => {
  const tokens = tokenSource(oauthClient(registered(microsoft)))
  const { access, refreshToken, accountId, credentialVersion } = await account(microsoft)
  const first = await tokens.accessToken(await access(), null, never)
  t.not((await vault.load(accountId, credentialVersion))?.['refreshToken']?.reveal(), refreshToken)
  t.strictSame(microsoft.personOf(await tokens.accessToken(await access(), first, never)), sarah)
})

t.test('only a sign-in that has ended asks a person to sign in again', async (t) => {
  const tokens = tokenSource(oauthClient(registered(google), { answerWithinSeconds: 1 }))
  const { access } = await account(google)
  const troubleWith = async (token: NonNullable<AuthorizationServer['faults']['token']>) => {
    google.faults.token = token
    try {
      return await tokens.accessToken(await access(), null, never).then(
        () => null,
        (error: unknown) => (error instanceof MailUnavailable ? error : null),
      )
    } finally {
      delete google.faults.token
    }
  }
  const json = { error: 'invalid_grant' }
  const throttled = await troubleWith({ status: 429, json, retryAfter: '120' })
  t.match(throttled, { kind: 'throttled', code: 'sign-in-server-throttled' })
  t.ok(throttled?.until && throttled.until.getTime() > Date.now(), 'not before the time that it named')
  for (const status of [500, 502, 503, 504])
    t.equal((await troubleWith({ status, json }))?.kind, 'temporary', `${status}`)
  t.equal((await troubleWith({ status: 400, json: { error: 'temporarily_unavailable' } }))?.kind, 'temporary')
  t.equal((await troubleWith({ status: 403, json: { error: 'rate_limit_exceeded' } }))?.kind, 'throttled')
  t.equal((await troubleWith('silence'))?.kind, 'temporary', 'no answer')
  t.equal((await troubleWith({ status: 401, json: { error: 'invalid_client' } }))?.kind, 'refused')
  t.equal((await troubleWith({ status: 200, json: {} }))?.kind, 'refused', 'an answer without tokens')
  t.type(await tokens.accessToken(await access(), null, never), 'string', 'and then all is well')

  const other = await account(google)
  google.withdraw(sarah)
  await t.rejects(tokens.accessToken(await other.access(), null, never), {
    name: 'MailUnavailable',
    kind: 'sign-in-again',
    code: 'sign-in-ended',
  })
})

t.test('a server that is not there, or that nobody vouches for, ends no sign-in', async (t) => {
  const { access } = await account(google)
  const gone = { ...registered(google), issuer: new URL('http://127.0.0.1:1') }
  await t.rejects(tokenSource(oauthClient(gone)).accessToken(await access(), null, never), {
    name: 'MailUnavailable',
    kind: 'temporary',
  })
  const untrusted = await startMicrosoftSignIn(() => redirectUri, tls.selfSigned)
  t.teardown(() => untrusted.close())
  const source = tokenSource(oauthClient(registered(untrusted)))
  await t.rejects(source.accessToken(await access(), null, never), {
    name: 'MailUnavailable',
    kind: 'refused',
    code: 'sign-in-server-untrusted',
  })
})

t.test('whoever is stopped stops waiting, and the refresh goes on for the others', async (t) => {
  const tokens = tokenSource(oauthClient(registered(google)))
  const { access } = await account(google)
  const [held, same] = await Promise.all([access(), access()])
  const stopping = new AbortController()
  const stopped = tokens.accessToken(held, null, stopping.signal)
  const other = tokens.accessToken(same, null, never)
  stopping.abort()
  await t.rejects(stopped, { name: 'MailUnavailable', code: 'stopped' })
  t.strictSame(google.personOf(await other), sarah)
})
