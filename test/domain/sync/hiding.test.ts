import fc from 'fast-check'
import t from 'tap'
import { isSamePattern, type ExcludePattern } from '../../../src/domain/accounts/events.ts'
import type { Decider } from '../../../src/domain/decider.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { hidingOf } from '../../../src/domain/sync/hiding.ts'
import { patternRuns, type PatternRunCommand } from '../../../src/domain/sync/pattern-run.ts'
import { presence, type Presence, type PresenceCommand } from '../../../src/domain/sync/presence.ts'
import { holdDeciderLaws } from '../../support/decider-laws.ts'
import { accountId, messageIdOf } from '../../support/example-sync-events.ts'

const shop: ExcludePattern = { pattern: '*@shop.test', match: 'sender' }
const lawyer: ExcludePattern = { pattern: '*@lawyer.test', match: 'participant' }
const anyPattern = fc.record({
  pattern: fc.constantFrom('*@shop.test', 'news@*', '*@lawyer.test', 'me@*', '*'),
  match: fc.constantFrom('sender' as const, 'participant' as const),
})
const at = '2026-01-05T09:00:00.000Z'
const of = { messageId: messageIdOf(1), accountId, direction: 'in', receivedAt: at } as const

t.test('the laws of deciders hold', async (t) => {
  const command: fc.Arbitrary<PresenceCommand> = fc.oneof(
    fc.record({
      do: fc.constant('follow-patterns' as const),
      of: fc.constant(of),
      pattern: fc.option(anyPattern),
      byHand: fc.boolean(),
    }),
    fc.constant({ do: 'show', of } as const),
    fc.constant({ do: 'delete', of, at, provider: 'trash' } as const),
    fc.constant({ do: 'restore' } as const),
    fc.constant({ do: 'record-trashed', outcome: 'moved', code: null } as const),
  )
  holdDeciderLaws(presence, command)
  const counts = { accountId, examined: 3, hidden: 1, shown: 1 }
  const number = fc.integer({ min: 1, max: 4 })
  const after = fc.integer({ min: 1, max: 9 }).map(messageIdOf)
  const run: fc.Arbitrary<PatternRunCommand> = fc.oneof(
    fc.array(anyPattern).map((patterns) => ({ do: 'request' as const, accountId, patterns })),
    fc.tuple(number, after).map(([n, id]) => ({ do: 'progress' as const, number: n, after: id, ...counts })),
    fc
      .tuple(number, fc.nat(2))
      .map(([n, toFetch]) => ({ do: 'finish' as const, number: n, toFetch, ...counts })),
    number.map((n) => ({ do: 'record-fetched' as const, accountId, number: n })),
  )
  holdDeciderLaws(patternRuns, run)
  t.pass()
})

const after = <State, Command, Event extends DomainEvent>(
  { initial, decide, evolve }: Decider<State, Command, Event>,
  ...commands: Command[]
): State => commands.reduce((state, command) => decide(command, state).reduce(evolve, state), initial)

t.test('somebody who has a message shown has the last word, until they take it back', async (t) => {
  const follow = (pattern: ExcludePattern | null, byHand = false) =>
    ({ do: 'follow-patterns', of, pattern, byHand }) as const
  const show = { do: 'show', of } as const
  t.match(after(presence, follow(shop)), { hiddenBy: shop })
  t.match(after(presence, follow(shop), show), { hiddenBy: null, shownByHand: true })
  t.match(after(presence, follow(shop), show, follow(lawyer)), { hiddenBy: null, shownByHand: true })
  t.match(after(presence, follow(shop), show, follow(shop, true)), { hiddenBy: shop, shownByHand: false })
  t.match(after(presence, follow(shop), show, follow(null, true)), { hiddenBy: null, shownByHand: false })
  t.same(after(presence, show), presence.initial, 'what is not hidden needs no showing')
  t.same(after(presence, follow(shop, true)), presence.initial, 'and nothing is taken back that was not done')
})

t.test('deleting and hiding do not disturb each other', async (t) => {
  const hide = { do: 'follow-patterns', of, pattern: shop, byHand: false } as const
  const unhide = { ...hide, pattern: null }
  const remove = { do: 'delete', of, at, provider: 'keep' } as const
  const restore = { do: 'restore' } as const
  t.same(after(presence, hide, remove, restore), after(presence, hide))
  t.same(after(presence, remove, hide, unhide), after(presence, remove))
  t.same(after(presence, remove, hide, restore), after(presence, hide))
})

t.test(
  'a run that was replaced, or that another process has taken further, records nothing more',
  async (t) => {
    const request = { do: 'request', accountId, patterns: [shop] } as const
    const progress = (number: number, n: number) =>
      ({
        do: 'progress',
        accountId,
        number,
        after: messageIdOf(n),
        examined: n,
        hidden: 0,
        shown: 0,
      }) as const
    const finish = (number: number, toFetch = 0) =>
      ({ do: 'finish', accountId, number, examined: 9, hidden: 0, shown: 0, toFetch }) as const
    const begun = after(patternRuns, request, progress(1, 5))
    t.match(begun, { run: { number: 1, after: messageIdOf(5), examined: 5 } })
    t.same(patternRuns.decide(progress(1, 5), begun), [], 'no second time')
    t.same(patternRuns.decide(progress(1, 4), begun), [])
    const replaced = after(patternRuns, request, progress(1, 5), request)
    t.match(replaced, { last: 2, run: { number: 2, after: null, examined: 0 } })
    t.same(
      [progress(1, 7), finish(1)].flatMap((each) => patternRuns.decide(each, replaced)),
      [],
    )
    const fetching = after(patternRuns, request, finish(1, 3))
    t.match(fetching, { run: null, applied: { number: 1, patterns: [shop], toFetch: true } })
    const fetched = { do: 'record-fetched', accountId, number: 1 } as const
    t.match(after(patternRuns, request, finish(1, 3), fetched), { applied: { toFetch: false } })
    t.same(patternRuns.decide({ ...fetched, number: 2 }, fetching), [])
  },
)

const own = 'me@acme.test'
const anyAddress = fc.constantFrom('news@shop.test', 'ann@lawyer.test', own, 'jane@x.test', 'me@shop.test')
const anyMail = fc.record({
  isOurs: fc.boolean(),
  from: anyAddress,
  to: fc.array(anyAddress, { maxLength: 2 }),
})
const anyStep = fc.oneof(
  fc.record({ do: fc.constantFrom('add' as const, 'remove' as const), pattern: anyPattern }),
  fc.constant({ do: 'apply' } as const),
  fc.record({ do: fc.constantFrom('delete' as const, 'restore' as const), mail: fc.nat(4) }),
)
type Mail = { isOurs: boolean; from: string; to: string[] }
const applied = (mail: Mail, state: Presence, patterns: readonly ExcludePattern[]): Presence => {
  const boxes = (addresses: string[]) => addresses.map((address) => ({ address }))
  const header = { from: boxes([mail.from]), to: boxes(mail.to), cc: [] }
  const { hiddenBy, shownByHand } = state
  const hiding = hidingOf({ isOurs: mail.isOurs, header, hiddenBy, shownByHand }, own, patterns)
  if (hiding === null) return state
  const command = { do: 'follow-patterns', of, pattern: hiding.pattern, byHand: false } as const
  const events = presence.decide(command, state)
  if (events.length !== 1) throw new Error('what would be done is not what is done')
  return events.reduce(presence.evolve, state)
}

t.test('however patterns came and went, applied they give what the last ones give alone', async (t) => {
  fc.assert(
    fc.property(
      fc.array(anyMail, { minLength: 5, maxLength: 5 }),
      fc.array(anyStep, { maxLength: 30 }),
      (mails, steps) => {
        let patterns: ExcludePattern[] = []
        let states = mails.map(() => presence.initial)
        const deleting = mails.map((): PresenceCommand[] => [])
        for (const step of steps) {
          if ('pattern' in step) {
            const others = patterns.filter((each) => !isSamePattern(each, step.pattern))
            patterns = step.do === 'add' ? [...others, step.pattern] : others
          } else if (step.do === 'apply') {
            states = mails.map((mail, index) => applied(mail, states[index]!, patterns))
          } else {
            const command: PresenceCommand =
              step.do === 'restore' ? { do: 'restore' } : { do: 'delete', of, at, provider: 'keep' }
            deleting[step.mail]!.push(command)
            states = states.map((state, index) =>
              index === step.mail ? presence.decide(command, state).reduce(presence.evolve, state) : state,
            )
          }
        }
        states = mails.map((mail, index) => applied(mail, states[index]!, patterns))
        const alone = mails.map((mail, index) =>
          applied(mail, after(presence, ...deleting[index]!), patterns),
        )
        t.same(states, alone)
        const again = mails.map((mail, index) => applied(mail, states[index]!, patterns))
        t.same(again, states, 'a second time changes nothing')
      },
    ),
    { numRuns: 200 },
  )
})
