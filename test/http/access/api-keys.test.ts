import t from 'tap'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { accessCommands } from '../../../src/commands/access/access.ts'
import { handler, loader } from '../../../src/commands/handle.ts'
import type { ListedApiKey } from '../../../src/commands/ports/api-keys.ts'
import { newApiKey } from '../../../src/http/server/api-key-token.ts'
import { callerNow } from '../../support/mailbox-to-sync.ts'
import { startApp } from '../../support/running-app.ts'
import { storedKey } from '../../support/stored-key.ts'

// Who made and who revoked an API key, who acted with it, and that nobody is locked out unknowingly.

const app = await startApp(t)
const store = postgresEventStore(app.pool)
t.teardown(() => store.close())
const [, firstId = ''] = app.key.split('_')
type Made = { id: string; token: string }
const make = async (more: object = {}, key: string = app.key): Promise<Made> => {
  const body = { name: 'CRM', scopes: ['keys:manage', 'directory:write'], ...more }
  const answer = await app.ask('POST', '/v1/api-keys', { body, key })
  t.equal(answer.status, 201)
  return answer.json as Made
}
const revoke = (id: string, options: { key?: string; force?: boolean } = {}) =>
  app.ask('DELETE', `/v1/api-keys/${id}${options.force ? '?force=true' : ''}`, {
    key: options.key ?? app.key,
  })
const listed = async (key: string = app.key, user?: string): Promise<ListedApiKey[]> => {
  const headers: Record<string, string> = user === undefined ? {} : { 'mailtrail-user': user }
  return ((await app.ask('GET', '/v1/api-keys', { key, headers })).json as { data: ListedApiKey[] }).data
}
const find = async (id: string) => (await listed()).find((key) => key.id === id)
const history = async (id: string) =>
  (await store.readStream(`apikey-${id}`)).map(({ type, metadata }) => ({ type, actor: metadata.actor }))

t.test('the first key is recorded, made by nobody but the first start', async (t) => {
  const actor = { kind: 'system', id: 'first start' }
  t.strictSame(await history(firstId), [{ type: 'ApiKeyCreated', actor }])
  t.match(await find(firstId), { createdBy: actor, revokedBy: null })
})

t.test('who made a key and who revoked it is in the list and in the log, and no token is', async (t) => {
  const made = await make({ expiresAt: '2999-01-01T01:00:00+01:00', userId: null })
  const byFirst = { kind: 'api-key', id: firstId }
  t.match(await find(made.id), { createdBy: byFirst, revokedBy: null, revokedAt: null })
  const other = await make({ scopes: ['keys:manage'] })
  t.equal((await revoke(made.id, { key: other.token })).status, 204)
  const byOther = { kind: 'api-key', id: other.id }
  t.match(await find(made.id), { createdBy: byFirst, revokedBy: byOther, revokedAt: String })
  t.equal((await revoke(made.id)).status, 204, 'the same again')
  t.strictSame(await history(made.id), [
    { type: 'ApiKeyCreated', actor: byFirst },
    { type: 'ApiKeyRevoked', actor: byOther },
  ])
  t.match(await find(made.id), { revokedBy: byOther }, 'changes nothing')
  const [event] = await store.readStream(`apikey-${made.id}`)
  t.strictSame(event?.data, {
    keyId: made.id,
    name: 'CRM',
    scopes: ['keys:manage', 'directory:write'],
    userId: null,
    expiresAt: '2999-01-01T00:00:00.000Z',
  })
  const secret = made.token.split('_')[2] ?? ''
  const answers = (await app.leaks([secret])).filter(
    (place) => !place.startsWith('answer: POST /v1/api-keys'),
  )
  t.strictSame(answers, [])
  t.match(await revoke('0'.repeat(12)), { status: 404, json: { detail: /There is no API key 0000/ } })
})

t.test('what a program did for a user is told from what the user did', async (t) => {
  const bound = await make({ userId: 'u1', scopes: ['directory:write'] })
  const unbound = await make({ scopes: ['directory:write'] })
  const put = async (firstName: string, key: string, headers: Record<string, string>) => {
    const body = { firstName }
    t.equal((await app.ask('PUT', '/v1/directory/contacts/c1', { body, key, headers })).status, 200)
  }
  await put('One', bound.token, {})
  await put('Two', bound.token, { 'mailtrail-user': 'u1' })
  await put('Three', unbound.token, { 'mailtrail-user': 'u1' })
  await put('Four', unbound.token, {})
  const actors = (await store.readStream('contact-c1')).map(({ metadata }) => metadata.actor)
  const byUser = { kind: 'user', id: 'u1', via: { apiKey: bound.id, bound: true } }
  const forUser = { kind: 'user', id: 'u1', via: { apiKey: unbound.id, bound: false } }
  t.strictSame(actors, [byUser, byUser, forUser, { kind: 'api-key', id: unbound.id }])
  type Events = { data: { actor: unknown; type: string }[] }
  const actorsOf = async (query: string) => {
    const path = `/v1/audit/events?min_position=${await store.head()}&sort=position&type=ContactRecorded`
    const { json } = await app.ask('GET', `${path}&${query}`)
    return (json as Events).data.map(({ actor }) => actor)
  }
  t.strictSame(await actorsOf('stream=contact-c1'), actors, 'the audit shows it')
  t.strictSame(await actorsOf(`apiKey=${unbound.id}`), actors.slice(2), 'and finds it')
  t.strictSame(await actorsOf(`apiKey=${bound.id}`), actors.slice(0, 2))
})

t.test(
  'a key that is bound to a user lists itself, a program for a user the keys of that user',
  async (t) => {
    const own = await make({ userId: 'u2' })
    const more = await make({ userId: 'u2' })
    await make({ userId: 'u3' })
    const ids = async (...of: Parameters<typeof listed>) =>
      (await listed(...of)).map(({ id }) => id).toSorted()
    t.strictSame(await ids(own.token), [own.id])
    t.strictSame(await ids(own.token, 'u2'), [own.id])
    t.strictSame(await ids(app.key, 'u2'), [own.id, more.id].toSorted())
    t.strictSame(await ids(app.key, 'nobody'), [])
    t.ok((await ids(app.key)).length > 5)
  },
)

t.test('the last key that can manage keys is revoked only on purpose', async (t) => {
  for (const { id, revokedAt } of await listed())
    if (id !== firstId && revokedAt === null) t.equal((await revoke(id)).status, 204)
  const soon = new Date(Date.now() + 24 * 3_600_000).toISOString()
  await make({ userId: 'u1' })
  await make({ scopes: ['directory:read'] })
  // It may manage keys, but not for long.
  const expiring = await make({ expiresAt: soon })
  const refused = await revoke(firstId)
  t.match(refused, { status: 422, json: { code: 'last-managing-key', remedy: /force=true/ } })
  t.equal((await listed()).find(({ id }) => id === firstId)?.revokedAt, null)
  t.equal((await history(firstId)).length, 1, 'nothing was recorded')

  const second = await make({ scopes: ['keys:manage'] })
  const lasting = [firstId, second.id]
  const key = expiring.token
  const statuses = (await Promise.all(lasting.map((id) => revoke(id, { key })))).map(({ status }) => status)
  t.ok(statuses.includes(204) && statuses.includes(422), `of the last two one stays: ${statuses.join()}`)
  const left = lasting[statuses.indexOf(422)] ?? ''
  t.equal((await revoke(left, { key })).status, 422)
  t.equal((await revoke(left, { key, force: true })).status, 204)
})

t.test('a key of which no creation was recorded is revoked as any other, once', async (t) => {
  const manager = await storedKey(postgresApiKeys(app.pool))
  const { id } = await storedKey(postgresApiKeys(app.pool), { name: 'of before' })
  for (const _ of [1, 2]) t.equal((await revoke(id, { key: manager.token.reveal() })).status, 204)
  const [event, ...more] = await store.readStream(`apikey-${id}`)
  t.match(event, { type: 'ApiKeyRevoked', data: { keyId: id, name: 'of before' } })
  t.strictSame(more, [])
})

t.test('a crash leaves no key usable that is not recorded, and a repeat mends it', async (t) => {
  const clock = () => new Date()
  const apiKeys = postgresApiKeys(app.pool)
  const commandsWith = (crash: { readonly before: 'row' | 'revocation event' | 'nothing' }) =>
    accessCommands({
      handle: async (...args) => {
        if (crash.before === 'revocation event') throw new Error('crash')
        return handler(store, clock)(...args)
      },
      load: loader(store),
      apiKeys: {
        ...apiKeys,
        insert: async (...args) => {
          if (crash.before === 'row') throw new Error('crash')
          return apiKeys.insert(...args)
        },
      },
      clock,
    })
  const whole = commandsWith({ before: 'nothing' })
  const caller = callerNow()
  const { id, hash } = newApiKey(caller.commandId)
  const key = { id, name: 'torn', scopes: ['*'], userId: null, expiresAt: null }
  const types = async () => (await history(id)).map(({ type }) => type)

  await t.rejects(commandsWith({ before: 'row' }).create(caller, key, hash), /crash/)
  t.equal(await apiKeys.find(id, hash), null, 'recorded, and not usable')
  t.strictSame(await types(), ['ApiKeyCreated'])
  t.ok(await whole.create(caller, key, hash), 'a repeat makes it usable')
  t.match(await apiKeys.find(id, hash), { id })
  t.notOk(await whole.create(caller, key, hash), 'once')
  t.strictSame(await types(), ['ApiKeyCreated'])

  const force = { force: true }
  const revoking = callerNow()
  await t.rejects(commandsWith({ before: 'revocation event' }).revoke(revoking, id, force), /crash/)
  t.equal(await apiKeys.find(id, hash), null, 'not usable before that is recorded')
  await whole.revoke(revoking, id, force)
  t.strictSame(await types(), ['ApiKeyCreated', 'ApiKeyRevoked'])

  const lost = callerNow()
  const second = newApiKey(lost.commandId)
  const other = { ...key, id: second.id }
  await t.rejects(commandsWith({ before: 'row' }).create(lost, other, second.hash), /crash/)
  await whole.revoke(callerNow(), second.id, force)
  t.notOk(await whole.create(lost, other, second.hash), 'nor does a repeat bring back what was revoked since')
  t.equal(await apiKeys.find(second.id, second.hash), null)
})
