import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { browser } from '../../scripts/lib/mail-servers/browser.ts'
import { CRM, signInWorld } from '../support/oauth/sign-in-world.ts'

// Connecting a mailbox by signing in with Google or Microsoft, as a CRM, its users and their browsers do it.

const sarah = { id: 'person-1', address: 'sarah@acme.test' }
const mia = { id: 'person-2', address: 'mia@acme.test' }
const { app, google, microsoft, begin } = await signInWorld(t, [sarah, mia])
const [ada, bob] = ['u-ada', 'u-bob'].map((user) => app.clientOf(user))

type SignIn = {
  status: string
  accountId: string | null
  address: string | null
  granted: string[]
  missing: string[]
  problem: { code: string; remedy: string } | null
}
type Account = {
  address: string
  status: string
  reasons: { code: string }[]
  settings: { displayName: string }
  connection: { permissions: string[] }
}
const look = (id: string) => ada!.get<SignIn>(`/v1/sign-ins/${id}`)
const complete = async (id: string, body: object = {}, client = ada!) =>
  (await client.send<{ id: string }>('POST', `/v1/sign-ins/${id}/complete`, body)).body.id
const account = (id: string) => ada!.get<Account>(`/v1/email-accounts/${id}`)
const refusal = (code: string) => ({ name: 'ApiProblem', message: new RegExp(code) })

/** From the link to the end; returns what the browser sees and the account. */
const connect = async (asked: object, address: string, without: string[] = []) => {
  const { id, url } = await begin('u-ada', { ...asked })
  const hers = browser()
  const seen = await hers.open(await hers.choose(url, { address, without }))
  return { id, seen }
}

t.test('a mailbox is connected by signing in, step by step', async (t) => {
  const { id, url } = await begin('u-ada', { returnTo: `${CRM}/settings?tab=mail`, address: sarah.address })
  t.match(await look(id), { status: 'begun', accountId: null, granted: [] })
  const hers = browser()
  const started = await hers.open(url)
  const to = new URL(started.to ?? '')
  t.equal(to.origin, google.url)
  t.match(Object.fromEntries(to.searchParams), {
    login_hint: sarah.address,
    code_challenge_method: 'S256',
    access_type: 'offline',
    scope: 'openid email https://www.googleapis.com/auth/gmail.modify',
  })
  t.match(started.cookies, [/^sin_\w+=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/])
  t.equal((await look(id)).status, 'started')
  await t.rejects(complete(id), refusal('sign-in-not-finished'))

  const { url: again } = await begin('u-ada', { returnTo: `${CRM}/settings?tab=mail` })
  t.match(
    await hers.open(url),
    { status: 400, to: null, page: /link to sign in is not valid/ },
    'a link leads on once',
  )
  const back = await hers.choose(again, { address: sarah.address })
  const seen = await hers.open(back)
  t.equal(seen.status, 303)
  const returned = new URL(seen.to ?? '')
  t.equal(returned.origin + returned.pathname, `${CRM}/settings`)
  t.equal(returned.searchParams.get('tab'), 'mail')
  const signInId = returned.searchParams.get('sign_in') ?? ''
  t.match(await look(signInId), { status: 'granted', address: sarah.address, granted: ['mail'], missing: [] })
  const connected = await complete(signInId, { settings: { displayName: 'Sarah' } })
  t.match(await account(connected), {
    address: sarah.address,
    settings: { displayName: 'Sarah' },
    connection: { provider: 'gmail', address: sarah.address, permissions: ['mail'] },
  })
  t.equal(await complete(signInId), connected, 'to complete it again changes nothing')
  t.match(await look(signInId), { status: 'completed', accountId: connected })
  await until(
    'The first sync',
    () => account(connected),
    ({ status }) => status === 'active',
  )

  t.test('to sign in again keeps the account, its settings and its history', async (t) => {
    google.withdraw(sarah)
    await ada!.send('POST', `/v1/email-accounts/${connected}/sync-runs`)
    const ended = await until(
      'The status',
      () => account(connected),
      ({ status }) => status === 'needs-reauthentication',
    )
    t.match(ended.reasons, [{ code: 'sign-in-ended' }])
    const events = await ada!.get<{ data: unknown[] }>(`/v1/audit/events?account=${connected}`)

    const other = await connect({ accountId: connected }, mia.address)
    await t.rejects(complete(other.id), refusal('other-mailbox'))
    t.equal((await account(connected)).status, 'needs-reauthentication')

    const same = await connect({ accountId: connected }, sarah.address)
    t.equal(await complete(same.id), connected)
    const now = await until(
      'The status',
      () => account(connected),
      ({ status }) => status === 'active',
    )
    t.match(now, { address: sarah.address, settings: { displayName: 'Sarah' } })
    const after = await ada!.get<{ data: unknown[] }>(`/v1/audit/events?account=${connected}`)
    t.ok(after.data.length > events.data.length, 'nothing is lost of what was recorded')
  })

  t.test('a disconnected account has its access taken back at Google', async (t) => {
    const tokens = google.given.filter((each) => each.startsWith('rt-'))
    await ada!.send('POST', `/v1/email-accounts/${connected}/disconnect`, { reason: 'left' })
    t.equal(google.revoked.at(-1), tokens.at(-1), 'the refresh token first')
    const shown = await until(
      'The list',
      () => account(connected),
      ({ status }) => status === 'disconnected',
    )
    t.strictSame(
      shown.reasons.map(({ code }) => code),
      ['account-disconnected'],
    )
    await t.rejects(begin('u-ada', { accountId: connected }), refusal('account-disconnected'))
  })
})

t.test('what Google cannot take back is said, and forgotten here all the same', async (t) => {
  const { id } = await connect({}, mia.address)
  const connected = await complete(id)
  google.faults.revocationStatus = 503
  t.teardown(() => void delete google.faults.revocationStatus)
  await ada!.send('POST', `/v1/email-accounts/${connected}/disconnect`, {})
  const shown = await until(
    'The list',
    () => account(connected),
    ({ reasons }) => reasons.length === 2,
  )
  t.strictSame(
    shown.reasons.map(({ code }) => code),
    ['account-disconnected', 'access-not-withdrawn'],
  )
  const { rows } = await app.pool.query('select from mailtrail.credentials where account_id = $1', [
    connected,
  ])
  t.equal(rows.length, 0)
})

t.test(
  'Outlook: a calendar is asked for apart, and what is refused disables only what needs it',
  async (t) => {
    const plain = await begin('u-ada', { provider: 'outlook' })
    const scopeOf = async (url: string) =>
      new URL((await browser().open(url)).to ?? '').searchParams.get('scope')
    t.notMatch(await scopeOf(plain.url), /Calendars/)
    const asked = { provider: 'outlook', permissions: ['calendar'] }
    t.match(await scopeOf((await begin('u-ada', asked)).url), /Calendars\.Read/)

    const refused = await connect(asked, sarah.address, ['Calendars.Read', 'Mail.Send'])
    t.match(await look(refused.id), {
      status: 'granted',
      address: sarah.address,
      granted: ['mail'],
      missing: ['send', 'calendar'],
    })
    const connected = await complete(refused.id)
    await until(
      'The first sync',
      () => account(connected),
      ({ status }) => status === 'active',
    )
    const email = {
      accountId: connected,
      to: [{ address: mia.address }],
      subject: 'Hello',
      html: '<p>Hello</p>',
    }
    await t.rejects(ada!.send('POST', '/v1/outbox', { email }), refusal('account-sends-no-mail'))

    const calendarOnly = await connect({ ...asked, accountId: connected }, sarah.address, ['Calendars.Read'])
    await complete(calendarOnly.id)
    const { connection } = await until(
      'The change',
      () => account(connected),
      (found) => found.connection.permissions.length === 2,
    )
    t.strictSame(connection.permissions, ['mail', 'send'])
    await app.client.send('PUT', '/v1/directory/users/u-ada', { name: 'Ada', email: sarah.address })
    const queued = await ada!.send<{ id: string }>('POST', '/v1/outbox', { email })
    t.match(queued.body.id, /^out_/, 'without the calendar all is as with it')

    const nothing = await connect({ provider: 'outlook' }, mia.address, ['Mail.ReadWrite', 'Mail.Send'])
    await t.rejects(complete(nothing.id), refusal('access-missing'))
    await ada!.send('POST', `/v1/email-accounts/${connected}/disconnect`, {})
    const { reasons } = await until(
      'The list',
      () => account(connected),
      (found) => found.reasons.length === 2,
    )
    t.strictSame(
      reasons.map(({ code }) => code),
      ['account-disconnected', 'access-not-withdrawn'],
      'Microsoft offers no way',
    )
  },
)

t.test('only the user who began a sign-in sees it and can complete it', async (t) => {
  const { id } = await connect({}, mia.address)
  t.equal((await look(id)).status, 'granted')
  await t.rejects(bob!.get(`/v1/sign-ins/${id}`), refusal('not-found'))
  await t.rejects(complete(id, {}, bob), refusal('not-found'))
  await t.rejects(complete(id, {}, app.client), refusal('not-found'), 'nor a program for nobody')
  await t.rejects(
    app.client.send('POST', '/v1/sign-ins', { provider: 'gmail' }),
    refusal('sign-in-needs-user'),
  )
  t.equal(await complete(id), (await look(id)).accountId)
})

t.test('a state leads on once, in the browser that it was made for, and in its time', async (t) => {
  const states = async () => {
    const { id, url } = await begin('u-ada')
    const hers = browser()
    const back = await hers.choose(url, { address: sarah.address })
    return { id, hers, back }
  }
  const refused = (page: RegExp) => ({ status: 400, to: null, page })

  const { id, hers, back } = await states()
  t.match(await browser().open(back), refused(/started in another browser/), 'without the cookie')
  const theirs = browser()
  await theirs.open((await begin('u-bob')).url)
  t.match(await theirs.open(back), refused(/started in another browser/), 'of another sign-in')
  const changed = back.replace(
    /(state=[^&]{40})(.)/,
    (_, start, sign) => `${start}${sign === 'a' ? 'b' : 'a'}`,
  )
  t.match(await hers.open(changed), refused(/belongs to no sign-in/), 'changed')
  t.match(
    await hers.open(back.replace(/state=[^&]*/, 'state=x')),
    refused(/belongs to no sign-in/),
    'made up',
  )
  t.match(await hers.open(back.replace(/&?state=[^&]*/, '')), refused(/belongs to no sign-in/), 'none')
  t.equal((await look(id)).status, 'started', 'none of them has used it up')
  t.match(await hers.open(back), { status: 200, page: /Go back to the CRM/ })
  t.match(await hers.open(back), refused(/belongs to no sign-in/), 'a second time')
  t.equal((await look(id)).status, 'granted')

  const late = await states()
  const wrongIssuer = late.back.replace(/iss=[^&]*/, `iss=${encodeURIComponent('https://evil.test')}`)
  t.match(await late.hers.open(wrongIssuer), refused(/does not belong to this sign-in/), 'of another server')
  t.match(await look(late.id), { status: 'failed', problem: { code: 'sign-in-not-accepted' } })
  t.match(await late.hers.open(late.back), refused(/belongs to no sign-in/))

  const swapped = await states()
  const other = await states()
  const code = new URL(other.back).searchParams.get('code') ?? ''
  const injected = swapped.back.replace(/code=[^&]*/, `code=${code}`)
  t.match(
    await swapped.hers.open(injected),
    refused(/does not belong to this sign-in/),
    'with a code of another',
  )

  const denied = await begin('u-ada', { returnTo: CRM })
  const sees = browser()
  const seen = await sees.open(await sees.choose(denied.url, { address: sarah.address, deny: true }))
  t.match(seen, { status: 303, to: `${CRM}/?sign_in=${denied.id}` })
  t.match(await look(denied.id), { status: 'failed', problem: { code: 'sign-in-declined', remedy: /agree/ } })

  google.faults.claims = { nonce: 'of another' }
  const replayed = await states()
  t.match(
    await replayed.hers.open(replayed.back),
    refused(/does not belong to this sign-in/),
    'another nonce',
  )
  google.faults.claims = { email_verified: false }
  const unverified = await states()
  t.match(await unverified.hers.open(unverified.back), refused(/does not belong to this sign-in/))
  delete google.faults.claims
})

t.test('browsers are only sent back where the operator lets them', async (t) => {
  for (const returnTo of ['https://evil.test/', `${CRM}.evil.test/`, 'http://crm.acme.test/'])
    await t.rejects(begin('u-ada', { returnTo }), refusal('return-not-allowed'))
  await t.rejects(begin('u-ada', { returnTo: 'javascript:alert(1)' }), refusal('invalid-request'))
  await t.rejects(begin('u-ada', { provider: 'imap-smtp' }), refusal('sign-in-not-offered'))
  await t.rejects(begin('u-ada', { permissions: ['everything'] }), refusal('unknown-permission'))
  await t.rejects(begin('u-ada', { owner: { kind: 'user', userId: 'u-bob' } }), refusal('not-your-account'))
})

t.test('a page for a browser runs nothing, loads nothing and is framed nowhere', async (t) => {
  const answer = await fetch(`${app.url}/oauth/callback`)
  t.equal(answer.status, 400)
  t.equal(
    answer.headers.get('content-security-policy'),
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  )
  t.match(answer.headers.get('referrer-policy'), 'no-referrer')
  t.equal(answer.headers.get('cache-control'), 'no-store')
})

t.test('the same request to begin is answered without the link the second time', async (t) => {
  const headers = { 'idempotency-key': 'begin-once', 'mailtrail-user': 'u-ada' }
  const ask = () => app.ask('POST', '/v1/sign-ins', { body: { provider: 'gmail' }, headers })
  const first = (await ask()).json as { id: string; url: string | null }
  t.type(first.url, 'string')
  t.match((await ask()).json, { id: first.id, url: null })
})

t.test('tokens, codes and the secrets of the registration are nowhere to be read', async (t) => {
  const secrets = [...google.given, ...microsoft.given, google.clientSecret, microsoft.clientSecret]
  t.ok(secrets.length > 20)
  t.strictSame(await app.leaks(secrets), [])
})
