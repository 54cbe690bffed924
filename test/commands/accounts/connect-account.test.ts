import t from 'tap'
import { changeConnection } from '../../../src/commands/accounts/change-connection.ts'
import { connectAccount } from '../../../src/commands/accounts/connect-account.ts'
import { disconnectAccount } from '../../../src/commands/accounts/disconnect-account.ts'
import { Refused } from '../../../src/domain/refusal.ts'
import { callerOf, connectingWorld as world, inputOf, signal } from '../../support/connecting-world.ts'
import { readFrom } from '../../support/log-events.ts'

const refusal = (accountId: string) => ({ code: 'already-connected', details: { accountId } })

t.test('one mailbox is connected once, however its host and user name are written', async (t) => {
  const { connect, idOf } = world()
  const first = await idOf()
  await t.rejects(
    connect({ host: 'MAIL.acme.test.', username: 'Sarah', address: 'alias@acme.test' }),
    refusal(first),
  )
  await t.resolves(connect({ username: 'ben', address: 'ben@acme.test' }), 'another mailbox of that server')
})

t.test('an address is connected once by one owner, and by each of several', async (t) => {
  const { connect, idOf } = world()
  const first = await idOf()
  await t.rejects(connect({ host: 'imap.acme.test', address: 'Sarah@ACME.test' }), refusal(first))
  await t.resolves(connect({ host: 'imap.acme.test', owner: { kind: 'user', userId: 'u_sarah' } }))
})

t.test('who says so connects a mailbox twice, and then it is connected twice', async (t) => {
  const { connect, idOf, deps } = world()
  const first = await idOf()
  const second = await idOf({ allowDuplicate: true })
  t.not(first, second)
  await disconnectAccount(deps)(callerOf(), first, '')
  await t.rejects(connect(), refusal(second))
  await disconnectAccount(deps)(callerOf(), second, '')
  await t.resolves(connect(), 'a mailbox of which no account is left can be connected again')
})

t.test('of those who connect a mailbox at once exactly one wins', async (t) => {
  const { connect, store } = world()
  const all = await Promise.allSettled(Array.from({ length: 3 }, () => connect()))
  t.equal(all.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const each of all) if (each.status === 'rejected') t.match(each.reason, { code: 'already-connected' })
  const events = await readFrom(store, null, 1000)
  t.equal(events.filter(({ type }) => type === 'AccountConnected').length, 1)
})

t.test('a repeat of the request is the same account, and neither refused nor connected again', async (t) => {
  const { connect } = world()
  const caller = callerOf()
  const first = await connect({}, caller)
  t.match(await connect({}, caller), { repeated: true, state: first.state })
})

t.test('a claim whose request died stands in the way for a moment, and no longer', async (t) => {
  const { connect, deps, later } = world()
  const dead = { ...deps, vault: { ...deps.vault, store: () => Promise.reject(new Error('killed')) } }
  await t.rejects(connectAccount(dead)(callerOf(), inputOf(), signal), { message: 'killed' })
  await t.rejects(connect(), { code: 'already-connected' })
  later(61_000)
  await t.resolves(connect())
})

t.test("another user's account is not named", async (t) => {
  const { connect } = world()
  await connect({ owner: { kind: 'user', userId: 'u_sarah' } }, callerOf('u_sarah'))
  const error: unknown = await connect({ owner: { kind: 'user', userId: 'u_ben' } }, callerOf('u_ben')).catch(
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Refused)) throw error
  t.equal(error.code, 'already-connected')
  t.notMatch(JSON.stringify([error.message, error.details]), /acc_/)
})

t.test('an account is not led to a mailbox that another one is connected to', async (t) => {
  const { idOf, deps } = world()
  const first = await idOf()
  const accountId = await idOf({ username: 'ben', address: 'ben@acme.test' })
  const { connection } = inputOf()
  const change = (allowDuplicate: boolean) =>
    changeConnection(deps)(callerOf(), { accountId, connection, allowDuplicate }, 0, signal)
  await t.rejects(change(false), refusal(first))
  t.match(await change(true), { state: { connection: { imap: { username: 'sarah' } } } })
})

t.test('neither hosts, nor names, nor addresses show in the names of streams', async (t) => {
  const { connect, store } = world()
  await connect()
  const streams = (await readFrom(store, null, 1000)).map(({ stream }) => stream)
  t.equal(streams.filter((stream) => /^mailboxclaim-[0-9a-f]{40}$/.test(stream)).length, 2)
  t.notMatch(streams.join(), /sarah|acme/)
})
