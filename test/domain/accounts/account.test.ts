import fc from 'fast-check'
import t from 'tap'
import {
  account,
  requireActive,
  type Account,
  type AccountCommand,
} from '../../../src/domain/accounts/account.ts'
import { defaultAccount, defaultAccountStream } from '../../../src/domain/accounts/default-account.ts'
import { defaultSettings, type AccountEvent } from '../../../src/domain/accounts/events.ts'
import { NotFound } from '../../../src/domain/decider.ts'
import { holdDeciderLaws } from '../../support/decider-laws.ts'

const accountId = 'acc_01jz0000000000000000000000'
const connection = { provider: 'example', address: 'me@acme.test' }
const change = { do: 'change-connection', sends: true, receives: false, credentialVersion: 2 } as const
const connect: AccountCommand = {
  by: null,
  do: 'connect',
  accountId,
  address: 'me@acme.test',
  owner: { kind: 'user', userId: 'u_1' },
  connection,
  sends: true,
  receives: true,
  credentialVersion: 1,
  settings: defaultSettings,
}
const after = (...commands: AccountCommand[]): Account =>
  commands.reduce(
    (state, command) => account.decide(command, state).reduce<Account>(account.evolve, state),
    account.initial,
  )
const typesOf = (command: AccountCommand, state: Account): string[] =>
  account.decide(command, state).map((event: AccountEvent) => event.type)

t.test('each command says what happened, and the same again nothing', async (t) => {
  const cases: [AccountCommand, Account, string, Account][] = [
    [connect, after(), 'AccountConnected', after(connect)],
    [
      { by: null, do: 'change-settings', settings: { displayName: 'Sarah' } },
      after(connect),
      'AccountSettingsChanged',
      after(connect, { by: null, do: 'change-settings', settings: { displayName: 'Sarah' } }),
    ],
    [
      { by: null, do: 'change-signature', html: '<p>S</p>' },
      after(connect),
      'AccountSignatureChanged',
      after(connect, { by: null, do: 'change-signature', html: '<p>S</p>' }),
    ],
    [
      { by: null, do: 'pause', reason: 'holiday' },
      after(connect),
      'AccountPaused',
      after(connect, { by: null, do: 'pause', reason: '' }),
    ],
    [
      { by: null, do: 'resume' },
      after(connect, { by: null, do: 'pause', reason: '' }),
      'AccountResumed',
      after(connect),
    ],
    [
      { by: null, do: 'disconnect', reason: 'left' },
      after(connect),
      'AccountDisconnected',
      after(connect, { by: null, do: 'disconnect', reason: '' }),
    ],
  ]
  for (const [command, state, type, done] of cases) {
    t.same(typesOf(command, state), [type], command.do)
    t.same(typesOf(command, done), [], `${command.do}, again`)
  }
  t.same(typesOf({ by: null, do: 'request-sync' }, after(connect)), ['SyncRequested'], 'each asking is one')
  t.same(typesOf({ by: null, do: 'record-test', ok: true, steps: [] }, after(connect)), [
    'AccountConnectionTested',
  ])
})

t.test('a changed connection replaces the one before, with what it can be used for', async (t) => {
  const to = { ...connection, address: 'new@acme.test' }
  const state = after(connect, { ...change, by: null, connection: to })
  t.match(state, {
    connection: to,
    sends: true,
    receives: false,
    credentialVersion: 2,
    address: 'me@acme.test',
  })
})

t.test('settings that are not named stay as they were', async (t) => {
  const state = after(
    connect,
    { by: null, do: 'change-settings', settings: { trackOpens: false } },
    { by: null, do: 'change-settings', settings: { displayName: 'Sarah' } },
  )
  t.match(state, { settings: { ...defaultSettings, trackOpens: false, displayName: 'Sarah' } })
})

t.test('what an account cannot do is refused with the reason', async (t) => {
  const gone = after(connect, { by: null, do: 'disconnect', reason: '' })
  t.throws(() => account.decide({ by: null, do: 'pause', reason: '' }, after()), NotFound)
  t.throws(() => account.decide({ by: null, do: 'resume' }, gone), { code: 'account-disconnected' })
  t.throws(
    () =>
      account.decide({ by: null, do: 'request-sync' }, after(connect, { by: null, do: 'pause', reason: '' })),
    {
      code: 'account-paused',
    },
  )
  const elsewhere = { ...change, by: null, connection: { provider: 'other' } }
  t.throws(() => account.decide(elsewhere, after(connect)), { code: 'provider-differs' })
  t.throws(() => account.decide({ by: null, do: 'request-sync' }, after({ ...connect, receives: false })), {
    code: 'account-receives-no-mail',
  })
  t.throws(
    () =>
      account.decide(
        { by: null, do: 'request-sync' },
        after(connect, { by: null, do: 'change-settings', settings: { syncDirection: 'send' } }),
      ),
    { code: 'account-receives-no-mail' },
  )
  t.throws(() => requireActive(after(connect, { by: null, do: 'pause', reason: '' })), {
    code: 'account-paused',
  })
})

t.test(
  'a person’s account does what that person asks, and programs, and nothing for other users',
  async (t) => {
    const own = after(connect)
    const paused = after(connect, { by: null, do: 'pause', reason: '' })
    const commands: [AccountCommand, Account][] = [
      [{ ...change, by: null, connection }, own],
      [{ by: null, do: 'change-settings', settings: { trackOpens: false } }, own],
      [{ by: null, do: 'change-signature', html: 'x' }, own],
      [{ by: null, do: 'record-test', ok: true, steps: [] }, own],
      [{ by: null, do: 'request-sync' }, own],
      [{ by: null, do: 'pause', reason: '' }, own],
      [{ by: null, do: 'resume' }, paused],
      [{ by: null, do: 'disconnect', reason: '' }, own],
    ]
    for (const [command, state] of commands) {
      const asked = (by: string | null) => account.decide({ ...command, by }, state)
      t.throws(() => asked('u_2'), NotFound, command.do)
      t.equal(asked('u_1').length, 1)
      t.equal(asked(null).length, 1)
    }
    t.throws(() => account.decide({ ...connect, by: 'u_2' }, after()), { code: 'not-your-account' })
  },
)

t.test('choosing a default account lets go of the one before in the same event', async (t) => {
  const owner = { kind: 'user', userId: 'u_1' } as const
  const first = defaultAccount.decide({ do: 'choose', owner, accountId: 'acc_a' }, defaultAccount.initial)
  t.equal(first.length, 1)
  const state = first.reduce(defaultAccount.evolve, defaultAccount.initial)
  t.same(defaultAccount.decide({ do: 'choose', owner, accountId: 'acc_a' }, state), [])
  t.equal(
    defaultAccount.decide({ do: 'choose', owner, accountId: 'acc_b' }, state)[0]?.data.accountId,
    'acc_b',
  )
  t.same(
    defaultAccount.decide({ do: 'unset', owner, accountId: 'acc_b' }, state),
    [],
    'another is the default',
  )
  const unset = defaultAccount.decide({ do: 'unset', owner, accountId: 'acc_a' }, state)
  t.match(unset, [{ type: 'DefaultAccountUnset', data: { owner, accountId: 'acc_a' } }])
  t.same(unset.reduce(defaultAccount.evolve, state), { accountId: null })
  t.not(defaultAccountStream(owner), defaultAccountStream({ kind: 'team' }))
})

t.test('the laws of deciders hold', async (t) => {
  const text = fc.string({ maxLength: 5 })
  const by = fc.constantFrom(null, 'u_1', 'u_2')
  holdDeciderLaws(
    account,
    fc.oneof(
      fc.constant(connect),
      fc.record({
        by,
        do: fc.constant('change-settings' as const),
        settings: fc.record({ trackOpens: fc.boolean() }),
      }),
      fc.record({ by, do: fc.constant('change-signature' as const), html: text }),
      fc.record({ by, do: fc.constant('pause' as const), reason: text }),
      fc.record({ by, do: fc.constant('disconnect' as const), reason: text }),
      fc.constant<AccountCommand>({ by: null, do: 'resume' }),
      fc.constant<AccountCommand>({ by: null, do: 'request-sync' }),
      fc.constant<AccountCommand>({ ...change, by: null, connection }),
    ),
  )
  t.pass()
})
