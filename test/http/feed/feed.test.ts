import t, { type Test } from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { readFeed } from '../../support/feed-reader.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const { client } = app
type Reader = Awaited<ReturnType<typeof readFeed>>

const follow = async (
  t: Test,
  options: Parameters<typeof readFeed>[2] = {},
  key = app.key,
): Promise<Reader> => {
  const reader = await readFeed(app.url, key, options)
  t.teardown(reader.close)
  return reader
}
const put = async (id: string) => client.send('PUT', `/v1/directory/users/${id}`, { name: id })
const template = async (scope: 'shared' | 'personal', user: string) =>
  (
    await app.clientOf(user).send<{ id: string }>('POST', '/v1/templates', {
      scope,
      name: scope,
      subject: 'Secret plans',
      body: { format: 'html', source: '<p>Hi</p>' },
    })
  ).body.id
const told = ({ items }: Reader) => items.map(({ stream }) => stream)
const hears = (reader: Reader, stream: string) =>
  until(
    `The feed of ${stream}`,
    async () => told(reader),
    (streams) => streams.includes(stream),
  )

t.test('what happens is told as it happens, and nothing of what it says', async (t) => {
  const reader = await follow(t)
  t.equal(reader.headers.get('content-type'), 'text/event-stream')
  t.equal(reader.headers.get('cache-control'), 'no-store')
  const done = await put('f1')
  await hears(reader, 'user-f1')
  const item = reader.items.find(({ stream }) => stream === 'user-f1')!
  t.match(item, { type: 'UserRecorded', revision: 0, subjects: [{ kind: 'user', id: 'f1' }] })
  t.equal(item.position, done.position, 'what was read after it is at least as new')
  t.notOk('data' in item)
  t.ok(reader.lastId()! >= item.position)
})

t.test('a reader that comes back goes on where it was', async (t) => {
  const first = await follow(t)
  await put('r1')
  await hears(first, 'user-r1')
  const at = first.lastId()!
  await first.close()
  await put('r2')
  await put('r3')
  const second = await follow(t, { headers: { 'last-event-id': at } })
  await put('r4')
  await hears(second, 'user-r4')
  t.same(told(second), ['user-r2', 'user-r3', 'user-r4'])
  const third = await follow(t, { query: `?after=${at}` })
  await hears(third, 'user-r4')
  t.same(told(third), told(second))
})

t.test('a reader is told what it may see, and what it asks for', async (t) => {
  const users = [
    await follow(t, { headers: { 'mailtrail-user': 'u1' } }),
    await follow(t, { headers: { 'mailtrail-user': 'u2' } }),
    await follow(t),
    await follow(t, { query: '?type=TemplateCreated' }),
  ]
  const own = await template('personal', 'u1')
  const shared = await template('shared', 'u1')
  await put('last')
  const [ofOwner, ofOther, ofProgram] = users as [Reader, Reader, Reader, Reader]
  for (const reader of [ofOwner, ofOther, ofProgram]) await hears(reader, 'user-last')
  await hears(users[3]!, `template-${shared}`)
  const templates = (reader: Reader) => told(reader).filter((stream) => stream.startsWith('template-'))
  t.same(templates(ofOwner), [`template-${own}`, `template-${shared}`])
  t.same(templates(ofOther), [`template-${shared}`])
  t.same(templates(ofProgram), [`template-${own}`, `template-${shared}`])
  t.same(told(users[3]!), [`template-${own}`, `template-${shared}`])
  t.notOk(JSON.stringify(users.map(({ items }) => items)).includes('Secret plans'))
})

t.test('the feed ends when its key is revoked, and not another one', async (t) => {
  const { body } = await client.send<{ id: string; token: string }>('POST', '/v1/api-keys', {
    name: 'reader',
    scopes: ['events:read'],
  })
  const revoked = await follow(t, {}, body.token)
  const other = await follow(t)
  await put('k1')
  await hears(revoked, 'user-k1')
  await client.send('DELETE', `/v1/api-keys/${body.id}`)
  await revoked.ended
  await put('k2')
  await hears(other, 'user-k2')
  t.notOk(told(revoked).includes('user-k2'))
  t.equal((await readFeed(app.url, body.token)).status, 401)
})

t.test('a position of another log and a key without the permission are refused', async (t) => {
  t.match((await app.ask('GET', '/v1/feed', { headers: { 'last-event-id': 'elsewhere' } })).json, {
    code: 'invalid-position',
  })
  const key = await app.makeKey('audit:read')
  t.match((await app.ask('GET', '/v1/feed', { key })).json, { code: 'permission-missing' })
})

t.test('readers do not keep the service from stopping', async (t) => {
  const other = await startApp(t)
  const reader = await readFeed(other.url, other.key)
  await upToNow(other.client)
  await other.stop()
  await reader.ended
  t.pass()
})
