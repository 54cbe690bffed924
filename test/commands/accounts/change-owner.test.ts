import t from 'tap'
import { changeOwner, type AccessDeps } from '../../../src/commands/accounts/change-access.ts'
import { chooseDefaultAccount } from '../../../src/commands/accounts/choose-default-account.ts'
import { handler, type Caller } from '../../../src/commands/handle.ts'
import { defaultAccount, defaultAccountStream } from '../../../src/domain/accounts/default-account.ts'
import type { Owner } from '../../../src/domain/accounts/events.ts'
import { callerOf, connectingWorld } from '../../support/connecting-world.ts'

const ann: Owner = { kind: 'user', userId: 'u_ann' }
const ben: Owner = { kind: 'user', userId: 'u_ben' }

/** An account of Ann's that is her default. */
const annsAccount = async () => {
  const world = connectingWorld()
  const deps: AccessDeps = {
    ...world.deps,
    directory: { user: async (id) => ({ id, name: id }) },
    accountsWith: async () => [],
  }
  const account = await world.idOf({ owner: ann })
  await chooseDefaultAccount(deps)(callerOf(), account)
  const defaultOf = async (owner: Owner) =>
    (await deps.load(defaultAccount, defaultAccountStream(owner))).state.accountId
  const give = (owner: Owner, caller: Caller = callerOf(), using = deps) =>
    changeOwner(using)(caller, account, owner)
  /** Ben connects the same mailbox with another server, so that only its address is the same. */
  const connectAs = (owner: Owner) => world.connect({ host: `imap.${owner.kind}.test`, owner })
  return { ...world, deps, account, defaultOf, give, connectAs }
}

t.test('whoever gets an account has it, and it is no default of whoever had it', async (t) => {
  const { give, defaultOf } = await annsAccount()
  await give(ben)
  t.strictSame([await defaultOf(ann), await defaultOf(ben)], [null, null])
})

t.test('what is refused, or changes nothing, leaves the default and the address alone', async (t) => {
  const { deps, account, give, defaultOf, connectAs } = await annsAccount()
  await t.rejects(changeOwner(deps)(callerOf(), account, ben, 7), { name: 'StaleRevision' })
  await t.rejects(give(ben, callerOf('u_ben')), { name: 'NotFound' })
  await give(ann)
  t.equal(await defaultOf(ann), account)
  await t.resolves(connectAs(ben), 'nothing was claimed for Ben')
})

t.test('a repeat after a crash completes it, also of the user who gave the account away', async (t) => {
  const { deps, store, clock, account, give, defaultOf } = await annsAccount()
  const dying = handler(
    {
      ...store,
      append: (events) =>
        events.stream.startsWith('defaultaccount-')
          ? Promise.reject(new Error('killed'))
          : store.append(events),
    },
    clock,
  )
  const caller = callerOf('u_ann')
  await t.rejects(give(ben, caller, { ...deps, handle: dying }), { message: 'killed' })
  t.equal(await defaultOf(ann), account)
  t.match(await give(ben, caller), { repeated: true })
  t.equal(await defaultOf(ann), null)
})

t.test('of a change of owner and a connect of the same address, whoever claims first wins', async (t) => {
  const { deps, give, connectAs } = await annsAccount()
  let refusal: unknown = null
  const handle: AccessDeps['handle'] = async (decider, stream, ...rest) => {
    // Between the claim of the address and the change itself.
    if (stream.startsWith('account-')) await connectAs(ben).catch((error: unknown) => (refusal = error))
    return deps.handle(decider, stream, ...rest)
  }
  await give(ben, callerOf(), { ...deps, handle })
  t.match(refusal, { code: 'already-connected' })
})

t.test('an account does not come back to an owner who has connected its address again', async (t) => {
  const { give, connectAs, later } = await annsAccount()
  await give(ben)
  later(61_000)
  await connectAs(ann)
  await t.rejects(give(ann), { code: 'already-connected', remedy: /^Disconnect / })
  await t.resolves(give({ kind: 'team' }))
})
