import t from 'tap'
import type { Problem } from '../../../src/http/server/problems.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { startWithPrivateMailbox } from '../../support/private-mailbox.ts'

type Report = {
  owner: { owner: { kind: string; userId?: string }; since: string; by: { kind: string; id: string } }
  entries: { grantee: { kind: string; userId?: string }; level: string; since: string; by: { id: string } }[]
  others: string
}
type Account = { id: string; owner: object; access: string; isDefault: boolean }

const { app, account } = await startWithPrivateMailbox(t)
for (const user of ['u3', 'u4', 'u5', 'u6'])
  await app.client.send('PUT', `/v1/directory/users/${user}`, { name: user })
const path = `/v1/email-accounts/${account}`
const owner = app.clientOf('u1')
const accounts = async () =>
  (await app.client.get<{ data: Account[] }>(`/v1/email-accounts?${await upToNow(app.client)}`)).data
const team = (await accounts()).find(({ id }) => id !== account)!.id
const teamPath = `/v1/email-accounts/${team}`
const levelsIn = ({ entries }: Report) =>
  entries.map(({ grantee, level }) => [grantee.userId ?? grantee.kind, level])
const refused = async (method: string, of: string, user: string | null, body?: object) => {
  const headers: Record<string, string> = user === null ? {} : { 'mailtrail-user': user }
  const { status, json } = await app.ask(method, of, { headers, ...(body && { body }) })
  return [status, (json as Problem).code]
}

t.test('an account tells who may use it, since when and by whom, also as it was', async (t) => {
  const before = await owner.get<Report>(`${path}/access`)
  t.match(before, { owner: { owner: { kind: 'user', userId: 'u1' } }, entries: [], others: 'nothing' })
  await owner.send('PUT', `${path}/access/users/u3`, { level: 'read' })
  await owner.send('PUT', `${path}/access/users/u4`, { level: 'send' })
  const given = await owner.get<Report>(`${path}/access`)
  t.strictSame(levelsIn(given), [
    ['u3', 'read'],
    ['u4', 'send'],
  ])
  t.strictSame(
    given.entries.map(({ by }) => by.id),
    ['u1', 'u1'],
  )
  await owner.send('PATCH', `${path}/settings`, { visibility: 'metadata' }, { 'if-match': '*' })
  await app.client.send('PUT', `${path}/access/users/u3`, { level: 'full' })
  await app.clientOf('u3').send('DELETE', `${path}/access/users/u4`)
  const now = await owner.get<Report>(`${path}/access`)
  t.strictSame(levelsIn(now), [['u3', 'full']])
  t.equal(now.others, 'metadata')
  const since = given.entries[1]!.since
  const then = await owner.get<Report>(`${path}/access?at=${since}`)
  t.strictSame({ ...then, at: null }, { ...given, at: null }, 'as of the moment of the last grant')
  const elsewhere = new Date(Date.parse(since) + 5 * 3_600_000).toISOString().replace('Z', '%2B05:00')
  const also = await owner.get<Report>(`${path}/access?at=${elsewhere}`)
  t.strictSame({ ...also, at: null }, { ...given, at: null }, 'the same instant as another zone writes it')
  const tooEarly = await app.ask('GET', `${path}/access?at=2000-01-01T00:00:00Z`)
  t.match(
    [tooEarly.status, tooEarly.json],
    [404, { detail: `The email account ${account} had not been connected at that time.` }],
  )
})

t.test('what cannot be given or taken away is refused', async (t) => {
  t.strictSame(await refused('PUT', `${path}/access/users/u1`, null, { level: 'read' }), [
    422,
    'access-of-owner',
  ])
  t.strictSame(await refused('PUT', `${path}/access/users/nobody`, null, { level: 'read' }), [
    404,
    'not-found',
  ])
  t.strictSame(await refused('PUT', `${path}/access/users/u5`, null, { level: 'all' }), [
    400,
    'invalid-request',
  ])
  t.strictSame(await refused('DELETE', `${teamPath}/access/everyone`, 'u5'), [422, 'last-full-access'])
  t.strictSame(await refused('PUT', `${teamPath}/access/everyone`, 'u5', { level: 'read' }), [
    422,
    'last-full-access',
  ])
  t.strictSame(await refused('PUT', `${path}/owner`, 'u6', { kind: 'user', userId: 'u6' }), [
    404,
    'not-found',
  ])
  t.strictSame(await refused('POST', '/v1/users/u1/handover', 'u6', { to: 'u6' }), [
    403,
    'handover-of-others',
  ])
  t.strictSame(await refused('POST', '/v1/users/u1/handover', 'u1', { to: 'u1' }), [
    422,
    'handover-to-oneself',
  ])
  const key = 'key.000000000000'
  t.strictSame(await refused('POST', '/v1/users/u1/handover', 'u1', { to: key }), [422, 'key-as-owner'])
  t.strictSame(await refused('PUT', `${path}/owner`, 'u1', { kind: 'user', userId: key }), [
    422,
    'key-as-owner',
  ])
})

t.test('a mailbox of the team becomes that of some, each at their level', async (t) => {
  await app.clientOf('u5').send('PUT', `${teamPath}/access/users/u5`, { level: 'full' })
  await app.clientOf('u5').send('PUT', `${teamPath}/access/users/u6`, { level: 'read' })
  const { position } = await app.clientOf('u5').send('DELETE', `${teamPath}/access/everyone`)
  const seen = async (user: string) => {
    const { data } = await app
      .clientOf(user)
      .get<{ data: Account[] }>(`/v1/email-accounts?min_position=${position}`)
    return data.find(({ id }) => id === team)?.access ?? null
  }
  t.strictSame(await Promise.all(['u5', 'u6', 'u4'].map(seen)), ['full', 'read', null])
  t.strictSame(await refused('POST', `${teamPath}/pause`, 'u6', {}), [403, 'access-level-too-low'])
  t.strictSame(await refused('POST', `${teamPath}/pause`, 'u4', {}), [404, 'not-found'])
})

t.test('whoever leaves hands over what they own and where they are a member', async (t) => {
  await owner.send('PUT', `${path}/default`)
  await app.client.send('PUT', `${teamPath}/access/users/u1`, { level: 'full' })
  await app.client.send('DELETE', `${teamPath}/access/users/u5`)
  const { body } = await owner.send('POST', '/v1/users/u1/handover', { to: 'u6' })
  t.strictSame(body, { owned: [account], shared: [team], kept: [] })
  const upTo = await upToNow(app.client)
  const held = async (user: string) => {
    const { data } = await app.clientOf(user).get<{ data: Account[] }>(`/v1/email-accounts?${upTo}`)
    return data.map(({ id, access, isDefault }) => ({ id, access, isDefault }))
  }
  t.strictSame(await held('u1'), [])
  t.strictSame(
    new Set((await held('u6')).map((each) => JSON.stringify(each))),
    new Set([account, team].map((id) => JSON.stringify({ id, access: 'full', isDefault: false }))),
  )
  const repeated = await app.client.send('POST', '/v1/users/u1/handover', { to: 'u6' })
  t.strictSame(repeated.body, { owned: [], shared: [], kept: [] }, 'nothing is left')
  const report = await app.client.get<Report>(`${path}/access`)
  t.match(report.owner, { owner: { kind: 'user', userId: 'u6' }, by: { id: 'u1' } })
})

t.test('what a user may not hand on is kept, and stops nothing else', async (t) => {
  await app.client.send('PUT', `${path}/owner`, { kind: 'user', userId: 'u1' })
  await app.client.send('PUT', `${teamPath}/access/users/u1`, { level: 'read' })
  const { body } = await owner.send('POST', '/v1/users/u1/handover', { to: 'u3' })
  t.strictSame(body, {
    owned: [account],
    shared: [],
    kept: [{ accountId: team, code: 'access-level-too-low' }],
  })
  const { entries } = await app.client.get<Report>(`${teamPath}/access`)
  t.strictSame(
    entries.filter(({ grantee }) => ['u1', 'u3'].includes(grantee.userId ?? '')).map(({ level }) => level),
    ['read'],
    'u1 has it still, and u3 got nothing',
  )
})
