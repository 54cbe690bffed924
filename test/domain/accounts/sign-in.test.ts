import fc from 'fast-check'
import t from 'tap'
import { NotFound } from '../../../src/domain/decider.ts'
import { signIn, type SignInCommand, type SignInState } from '../../../src/domain/accounts/sign-in.ts'
import { holdDeciderLaws } from '../../support/decider-laws.ts'

const signInId = 'sin_01jz0000000000000000000000'
const accountId = 'acc_01jz0000000000000000000000'
const hash = (letter: string): string => letter.repeat(43)
const [at, expiresAt, late] = ['00', '10', '11'].map((minute) => `2026-01-05T09:${minute}:00.000Z`) as [
  string,
  string,
  string,
]
const begin: SignInCommand = {
  do: 'begin',
  signInId,
  userId: 'u_1',
  provider: 'gmail',
  owner: { kind: 'team' },
  accountId: null,
  optional: [],
  address: null,
  returnTo: null,
  linkHash: hash('l'),
  expiresAt,
}
const start = {
  do: 'start',
  at,
  linkHash: hash('l'),
  stateHash: hash('s'),
  browserHash: hash('b'),
  secretsVersion: 1,
  expiresAt,
} as const
const back = { do: 'return', at, stateHash: hash('s'), browserHash: hash('b') } as const
const grant = { do: 'grant', secretsVersion: 2, granted: ['mail'], missing: [], expiresAt } as const
const fail = { do: 'fail', code: 'sign-in-declined' } as const
const complete = { do: 'complete', at, userId: 'u_1', accountId } as const

const after = (...commands: SignInCommand[]): SignInState =>
  commands.reduce(
    (state, command) => signIn.decide(command, state).reduce<SignInState>(signIn.evolve, state),
    signIn.initial,
  )
const typesOf = (command: SignInCommand, state: SignInState): string[] =>
  signIn.decide(command, state).map(({ type }) => type)
const refusal = (code: string) => ({ name: 'Refused', code })

t.test('each step follows the one before it, and leads on once', async (t) => {
  const steps: SignInCommand[] = [begin, start, back, grant, complete]
  const types = steps.map((step, index) => typesOf(step, after(...steps.slice(0, index))))
  t.strictSame(types.flat(), [
    'SignInBegun',
    'SignInStarted',
    'SignInReturned',
    'SignInGranted',
    'SignInCompleted',
  ])
  t.strictSame(typesOf(begin, after(begin)), [])
  t.throws(() => after(begin, start, start), refusal('sign-in-link-invalid'))
  t.throws(() => after(begin, start, back, back), refusal('sign-in-state-invalid'))
  t.throws(() => after(begin, start, grant), refusal('sign-in-state-invalid'), 'nobody has come back')
  t.throws(() => after(begin, start, back, grant, grant), refusal('sign-in-state-invalid'))
  t.strictSame(typesOf(complete, after(...steps)), [])
  t.strictSame(typesOf(fail, after(begin, start, back, grant)), [], 'what was granted does not fail')
  t.throws(() => after(begin, start, back, fail, complete), refusal('sign-in-not-finished'))
})

t.test('a link, a state and what was granted are good for their time, and for nobody else', async (t) => {
  t.throws(() => after(begin, { ...start, at: late }), refusal('sign-in-link-invalid'))
  t.throws(() => after(begin, { ...start, linkHash: hash('x') }), refusal('sign-in-link-invalid'))
  t.throws(() => after(begin, start, { ...back, at: late }), refusal('sign-in-state-invalid'))
  t.throws(() => after(begin, start, { ...back, stateHash: hash('x') }), refusal('sign-in-state-invalid'))
  for (const browserHash of [null, hash('x')])
    t.throws(() => after(begin, start, { ...back, browserHash }), refusal('sign-in-other-browser'))
  const granted = after(begin, start, back, grant)
  t.throws(() => signIn.decide({ ...complete, at: late }, granted), refusal('sign-in-expired'))
  for (const userId of ['u_2', null])
    t.throws(() => signIn.decide({ ...complete, userId }, granted), NotFound)
  t.throws(() => after(start), refusal('sign-in-link-invalid'))
  t.throws(() => after(back), refusal('sign-in-state-invalid'))
  t.throws(() => after(complete), NotFound)
})

t.test('it holds the laws of deciders', async () => {
  const commands = [begin, start, back, { ...back, at: late }, grant, fail, complete]
  holdDeciderLaws(signIn, fc.constantFrom<SignInCommand>(...commands))
})
