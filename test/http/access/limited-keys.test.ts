import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { startWithPrivateMailbox } from '../../support/private-mailbox.ts'

// An API key that is limited to accounts: it has what it was given, and is told of nothing else.

const { app, account, message } = await startWithPrivateMailbox(t)
const path = `/v1/email-accounts/${account}`
type Made = { id: string; userId: string; token: string }
const make = async (level: string): Promise<Made> => {
  const body = { name: `To ${level}`, scopes: ['*'], accounts: [{ accountId: account, level }] }
  const { status, json } = await app.ask('POST', '/v1/api-keys', { body })
  t.equal(status, 201)
  return json as Made
}
const upTo = async () => upToNow(app.client)
const statusOf = async (method: string, of: string, key: string, body?: object): Promise<number> => {
  const at = method === 'GET' ? `${of}${of.includes('?') ? '&' : '?'}${await upTo()}` : of
  return (await app.ask(method, at, { key, ...(body && { body }) })).status
}
const membersOf = async () => {
  const { entries } = await app.client.get<{ entries: { grantee: { userId?: string } }[] }>(`${path}/access`)
  return entries.map(({ grantee }) => grantee.userId)
}
const written = { accountId: account, to: [{ address: 'mia@client.test' }], subject: 'x', html: '<p>x</p>' }

t.test('a key to read sees the mail of its account, and no other account', async (t) => {
  const { token, userId } = await make('read')
  const { json } = await app.ask('GET', `/v1/email-accounts?${await upTo()}`, { key: token })
  const { data } = json as { data: { id: string; access: string }[] }
  t.strictSame(
    data.map(({ id, access }) => ({ id, access })),
    [{ id: account, access: 'read' }],
  )
  t.equal(await statusOf('GET', `/v1/messages/${message}`, token), 200)
  t.equal(await statusOf('POST', '/v1/outbox', token, { email: written }), 403)
  t.equal(await statusOf('POST', `${path}/pause`, token, {}), 403)
  t.equal(userId.startsWith('key.'), true)
})

t.test('a key to send sends, and does not see what others sent', async (t) => {
  const { id, token, userId } = await make('send')
  t.equal(await statusOf('GET', `/v1/messages/${message}`, token), 404)
  const { status, json } = await app.ask('POST', '/v1/outbox', {
    key: token,
    body: { email: written, undoSeconds: 0 },
  })
  t.equal(status, 201)
  const email = (json as { id: string }).id
  const found = (await app.ask('GET', `/v1/outbox/${email}?${await upTo()}`, { key: token })).json
  t.match(found, { userId, accountId: account })
  await until(
    'sent',
    () => app.client.get<{ state: string }>(`/v1/outbox/${email}`),
    ({ state }) => state === 'sent',
  )
  const { json: keys } = await app.ask(
    'GET',
    `/v1/api-keys?${new URLSearchParams({ user: userId }).toString()}`,
  )
  t.match(keys, { data: [{ id, userId, accounts: [{ accountId: account, level: 'send' }] }] })
})

t.test('a key cannot go beyond its limits', async (t) => {
  const { token, id, userId } = await make('full')
  const asOther = await app.ask('GET', '/v1/email-accounts', {
    key: token,
    headers: { 'mailtrail-user': 'u2' },
  })
  t.match([asOther.status, asOther.json], [403, { code: 'other-user' }])
  const key = { name: 'Another', scopes: ['*'] }
  t.match((await app.ask('POST', '/v1/api-keys', { key: token, body: key })).json, { code: 'key-bound' })
  const both = { ...key, userId: 'u1', accounts: [{ accountId: account, level: 'read' }] }
  t.match((await app.ask('POST', '/v1/api-keys', { body: both })).json, { code: 'key-limited-and-bound' })
  const before = await membersOf()
  const unknown = [account, 'acc_00000000000000000000000000'].map((each) => ({
    accountId: each,
    level: 'read',
  }))
  t.equal((await app.ask('POST', '/v1/api-keys', { body: { ...key, accounts: unknown } })).status, 404)
  t.strictSame(await membersOf(), before, 'of a key that was refused, nothing is left')
  const connecting = {
    address: 'key@acme.test',
    owner: { kind: 'user', userId },
    connection: { provider: 'imap-smtp', imap: null, smtp: null },
  }
  t.match(
    (await app.ask('POST', '/v1/email-accounts', { key: token, body: connecting })).json,
    { code: 'key-as-owner' },
    'it has no account of its own',
  )
  await app.client.send('PUT', `${path}/access/users/${userId}`, { level: 'send' })
  t.equal(await statusOf('GET', `/v1/messages/${message}`, token), 404, 'from then on')
  const byStranger = { headers: { 'mailtrail-user': 'u2' } }
  t.equal((await app.ask('DELETE', `/v1/api-keys/${id}`, byStranger)).status, 204)
  t.notOk((await membersOf()).includes(userId), 'a revoked key has access to nothing')
})
