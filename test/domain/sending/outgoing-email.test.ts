import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { catalogue } from '../../../src/domain/catalogue.ts'
import { Refused } from '../../../src/domain/refusal.ts'
import type { OutgoingEvent } from '../../../src/domain/sending/events.ts'
import { outgoingEmail } from '../../../src/domain/sending/outgoing-email.ts'
import type { OutgoingCommand } from '../../../src/domain/sending/outgoing-commands.ts'
import { draftOf, type OutgoingEmail } from '../../../src/domain/sending/outgoing-state.ts'
import { retryAt, retryPolicy } from '../../../src/domain/sending/retry-policy.ts'
import { at, exampleDraft, exampleQueued, idOf } from '../../support/example-emails.ts'
import { runs } from '../../support/long-runs.ts'

const outgoingId = idOf('out', 1)
const queue: OutgoingCommand = { do: 'queue', email: exampleQueued() }
const release = (attempt: number): OutgoingCommand => ({ do: 'release', attempt, handle: null, now: at(20) })
const sent = (attempt: number): OutgoingCommand => ({
  do: 'record-sent',
  attempt,
  accepted: ['ann@client.test'],
  refused: [],
  deferred: [],
  now: at(21),
  chance: 0.5,
  until: null,
})
const deferred = (
  attempt: number,
  released: boolean,
  now = at(21),
  until: string | null = null,
): OutgoingCommand => ({
  do: 'record-deferred',
  attempt,
  released,
  code: 'smtp-451',
  reason: 'Greylisted',
  refused: [],
  deferred: [],
  now,
  chance: 0.5,
  until,
})
const failed = (attempt: number, released: boolean): OutgoingCommand => ({
  do: 'record-failed',
  attempt,
  released,
  code: 'smtp-550',
  reason: 'No such user',
  remedy: 'Check the address',
  refused: [],
})
const unknown = (attempt: number): OutgoingCommand => ({ do: 'record-unknown', attempt, reason: 'cut' })
const bounced = (recipient: string, permanent: boolean): OutgoingCommand => ({
  do: 'record-bounced',
  recipient,
  permanent,
  status: permanent ? '5.1.1' : '4.2.2',
  report: idOf('msg', 1),
  at: at(100),
})
const settle = (decision: 'send-again' | 'give-up'): OutgoingCommand => ({
  do: 'settle-unknown',
  decision,
  now: at(40),
})

const run = (...commands: OutgoingCommand[]): { state: OutgoingEmail; last: OutgoingEvent[] } => {
  let state = outgoingEmail.initial
  let last: OutgoingEvent[] = []
  for (const command of commands) {
    last = outgoingEmail.decide(command, state)
    state = last.reduce(outgoingEmail.evolve, state)
  }
  return { state, last }
}
const types = (...commands: OutgoingCommand[]): string[] => run(...commands).last.map(({ type }) => type)
const refusal = (...commands: OutgoingCommand[]): string => {
  try {
    run(...commands)
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
  return 'not refused'
}

t.test(
  'a draft is saved, changed and discarded; the same again is nothing; what is queued is no draft',
  async (t) => {
    const save: OutgoingCommand = { do: 'save-draft', outgoingId, draft: exampleDraft() }
    const discard: OutgoingCommand = { do: 'discard', outgoingId }
    t.same(types(save), ['DraftSaved'])
    t.same(types(save, save), [])
    t.same(types(save, { ...save, draft: exampleDraft({ subject: 'Other' }) }), ['DraftSaved'])
    t.same(types(save, discard), ['DraftDiscarded'])
    t.same(types(save, discard, discard), [])
    t.equal(refusal(save, discard, save), 'draft-discarded')
    t.equal(refusal(save, discard, queue), 'draft-discarded')
    t.same(types(save, queue), ['EmailQueued'])
    t.equal(refusal(queue, save), 'already-queued')
    t.equal(refusal(queue, queue), 'already-queued')
  },
)

t.test('an email goes out when it is due, in the attempt that is next, once', async (t) => {
  t.equal(refusal(queue, { do: 'release', attempt: 1, handle: null, now: at(9) }), 'not-due')
  t.same(types(queue, { do: 'release', attempt: 1, handle: null, now: at(10) }), ['EmailReleased'])
  t.equal(refusal(queue, release(2)), 'attempt-superseded')
  t.equal(refusal(queue, release(1), release(1)), 'attempt-superseded')
  t.equal(refusal(queue, release(1), sent(1), release(1)), 'attempt-superseded')
  t.same(types(queue, release(1), sent(1)), ['EmailSent'])
  t.same(types(queue, release(1), sent(1), sent(1)), [])
  t.same(types(queue, sent(1)), [], 'an answer to nothing is nothing')
})

t.test('a cancel is certain until the release, and refused after it', async (t) => {
  t.same(types(queue, { do: 'cancel' }), ['EmailCancelled'])
  t.same(types(queue, { do: 'cancel' }, { do: 'cancel' }), [])
  t.same(types(queue, deferred(1, false), { do: 'cancel' }), ['EmailCancelled'])
  t.equal(refusal(queue, { do: 'cancel' }, release(1)), 'attempt-superseded')
  for (const end of [sent(1), unknown(1), failed(1, true)])
    t.equal(refusal(queue, release(1), end, { do: 'cancel' }), 'too-late-to-cancel')
  t.equal(refusal(queue, release(1), { do: 'cancel' }), 'too-late-to-cancel')
  t.equal(refusal({ do: 'cancel' }), 'not-queued')
})

t.test(
  'what was cancelled or failed is the draft again that it was, to change and queue under the same id',
  async (t) => {
    const draft = exampleDraft({ subject: 'For {contact.first_name}' })
    const queued: OutgoingCommand = { do: 'queue', email: exampleQueued({ draft }) }
    const cancel: OutgoingCommand = { do: 'cancel' }
    const save: OutgoingCommand = { do: 'save-draft', outgoingId, draft: exampleDraft({ subject: 'Other' }) }
    t.match(run(queued, cancel).last, [{ type: 'EmailCancelled', data: { draft } }])
    for (const end of [[cancel], [failed(1, false)], [release(1), failed(1, true)]] as const) {
      t.same(draftOf(run(queued, ...end).state), draft)
      t.same(types(queued, ...end, save), ['DraftSaved'])
      t.same(types(queued, ...end, queue), ['EmailQueued'])
      t.same(types(queued, ...end, save, queue, release(1)), ['EmailReleased'])
    }
    t.same(types(queued, cancel, { do: 'discard', outgoingId }), ['DraftDiscarded'])
    t.equal(refusal(queued, failed(1, false), { do: 'discard', outgoingId }), 'already-queued')
    const doubtful = [queued, release(1), unknown(1), settle('send-again')] as const
    t.match(run(...doubtful, cancel).last, [{ data: { draft: null } }], 'an attempt of before may be out')
    for (const end of [cancel, failed(2, false)]) t.equal(refusal(...doubtful, end, save), 'already-queued')
  },
)

t.test('what is put off is tried again with jitter, and given up after a day', async (t) => {
  const { last } = run(queue, deferred(1, false))
  t.match(last, [{ type: 'EmailDeferred', data: { attempt: 1, retryAt: at(21 + 7.5) } }])
  t.equal(
    refusal(queue, deferred(1, false), { do: 'release', attempt: 2, handle: null, now: at(28) }),
    'not-due',
  )
  t.same(types(queue, deferred(1, false), { do: 'release', attempt: 2, handle: null, now: at(29) }), [
    'EmailReleased',
  ])
  t.same(types(queue, release(1), deferred(1, true)), ['EmailDeferred'], 'the dot was answered with 4xx')
  t.match(run(queue, deferred(1, false, at(86_400 + 10))).last, [
    { type: 'EmailFailed', data: { code: 'gave-up' } },
  ])
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, chance) => {
        const next = retryAt({ attempt, since: at(0), now: at(0), chance, until: null })
        const delay = Date.parse(next ?? '') - Date.parse(at(0))
        return delay >= 0 && delay < Math.min(retryPolicy.capMs, 15_000 * 2 ** (attempt - 1))
      },
    ),
  )
})

t.test(
  'what is put off is not tried before the provider said, and not at all where that is too late',
  async (t) => {
    t.match(run(queue, deferred(1, false, at(21), at(3600))).last, [{ data: { retryAt: at(3600) } }])
    t.match(run(queue, deferred(1, false, at(21), at(22))).last, [{ data: { retryAt: at(21 + 7.5) } }])
    t.match(run(queue, deferred(1, false, at(21), at(86_400 + 11))).last, [{ data: { code: 'gave-up' } }])
  },
)

t.test('what is certain not to have been sent goes back, due at once, and is released anew', async (t) => {
  const back: OutgoingCommand = { do: 'put-back', attempt: 1, reason: 'stopped', now: at(40) }
  t.match(run(queue, release(1), back).last, [
    { type: 'EmailDeferred', data: { attempt: 1, code: 'not-sent', retryAt: at(40) } },
  ])
  const again: OutgoingCommand = { do: 'release', attempt: 2, handle: 'draft-2', now: at(40) }
  t.match(run(queue, release(1), back, again).state, { status: 'sending', handle: 'draft-2' })
  t.same(types(queue, release(1), sent(1), back), [], 'an answer was first')
  t.same(types(queue, release(1), unknown(1), back), [])
  t.same(types(queue, back), [])
})

t.test('a fault before the release says nothing once another attempt has gone on', async (t) => {
  t.same(types(queue, release(1), failed(1, false)), [])
  t.same(types(queue, release(1), deferred(1, false)), [])
  t.same(types(queue, { do: 'cancel' }, failed(1, false)), [])
  t.same(types(queue, deferred(1, false), failed(1, false)), [], 'not for the next attempt')
})

t.test('after a lost answer only evidence or a person moves the email on', async (t) => {
  const lost = [queue, release(1), unknown(1)] as const
  t.equal(run(...lost).state.status, 'unknown')
  t.equal(refusal(...lost, release(2)), 'attempt-superseded')
  t.equal(refusal(...lost, { do: 'retry', now: at(40) }), 'nothing-to-retry')
  t.match(run(...lost, { do: 'record-found', foundAt: at(50) }).last, [
    { type: 'EmailSent', data: { evidence: 'found', attempt: 1, accepted: ['ann@client.test'] } },
  ])
  t.match(run(...lost, sent(1)).last, [{ type: 'EmailSent', data: { evidence: 'answer' } }], 'a late answer')
  t.same(types(...lost, failed(1, true)), ['EmailFailed'], 'a late no')
  t.same(types(...lost, deferred(1, true)), ['EmailFailed'], 'a late "try again" is not tried by itself')
  t.same(types(...lost, bounced('ann@client.test', true)), ['EmailSent', 'EmailBounced'])
  t.same(types(...lost, settle('give-up')), ['EmailOutcomeSettled'])
  t.same(types(...lost, settle('give-up'), settle('give-up')), [])
  t.same(types(...lost, settle('give-up'), settle('send-again')), ['EmailOutcomeSettled'])
  t.same(types(...lost, settle('send-again'), { ...release(2), now: at(41) } as OutgoingCommand), [
    'EmailReleased',
  ])
  t.same(types(...lost, settle('send-again'), { do: 'record-found', foundAt: at(50) }), ['EmailSent'])
  t.equal(
    run(...lost, settle('send-again'), { do: 'cancel' }).state.status,
    'unknown',
    'not "cancelled": it may be out',
  )
  const again = [...lost, settle('send-again'), { ...release(2), now: at(41) } as OutgoingCommand] as const
  t.match(
    run(...again, failed(2, true)).state,
    { status: 'unknown', settled: false, unclear: [1] },
    'that a second attempt fails says nothing of the first',
  )
  t.same(types(...again, failed(2, true), failed(2, true)), [])
  t.equal(refusal(...again, failed(2, true), { do: 'retry', now: at(60) }), 'nothing-to-retry')
  t.same(types(...again, failed(2, true), settle('give-up')), ['EmailOutcomeSettled'])
  t.same(types(...again, failed(2, true), settle('send-again')), ['EmailOutcomeSettled'])
  t.same(types(...again, failed(2, true), { do: 'record-found', foundAt: at(50) }), ['EmailSent'])
  t.same(types(queue, { do: 'record-found', foundAt: at(50) }), [], 'never released: a forgery')
  t.equal(refusal(queue, release(1), sent(1), settle('send-again')), 'nothing-to-settle')
})

t.test('what carries an old date is not sent again as it is', async (t) => {
  const days = (count: number): string => at(10 + count * 86_400)
  const again = { do: 'settle-unknown', decision: 'send-again' } as const
  for (const [told, command] of [
    [[queue, failed(1, false)], { do: 'retry' }],
    [[queue, release(1), unknown(1)], again],
  ] as const) {
    t.equal(types(...told, { ...command, now: days(5) }).length, 1)
    t.equal(refusal(...told, { ...command, now: days(5.01) }), 'overdue')
  }
  const lost = [queue, release(1), unknown(1)] as const
  t.equal(types(...lost, { ...again, decision: 'give-up', now: days(30) }).length, 1, 'but let be')
})

t.test('what failed is tried again only when a person says so', async (t) => {
  t.equal(refusal(queue, failed(1, false), release(2)), 'attempt-superseded')
  const retry: OutgoingCommand = { do: 'retry', now: at(60) }
  t.same(types(queue, failed(1, false), retry), ['EmailRetried'])
  t.same(types(queue, failed(1, false), retry, retry), [])
  t.same(types(queue, failed(1, false), retry, { do: 'release', attempt: 2, handle: null, now: at(60) }), [
    'EmailReleased',
  ])
  t.equal(refusal(queue, release(1), sent(1), retry), 'nothing-to-retry')
})

t.test(
  'a sent email has one copy, is delivered until it bounces, and bounces once a recipient and report',
  async (t) => {
    const out = [queue, release(1), sent(1)] as const
    const copy: OutgoingCommand = { do: 'record-copy', outcome: 'filed', folder: 'Sent' }
    t.same(types(...out, copy), ['SentCopyFiled'])
    t.same(types(...out, copy, copy), [])
    t.same(types(queue, copy), [])
    const delivered: OutgoingCommand = { do: 'record-silence', seenUntil: at(3621), windowMinutes: 60 }
    t.same(types(...out, delivered), ['EmailDelivered'])
    t.same(types(...out, delivered, delivered), [])
    t.same(types(...out, bounced('ann@client.test', true), delivered), [])
    t.same(types(...out, bounced('ann@client.test', false), delivered), [], 'its server tries on')
    t.same(types(...out, delivered, bounced('ann@client.test', true)), ['EmailBounced'])
    t.same(types(...out, bounced('ann@client.test', true), bounced('ann@client.test', true)), [])
    const { state } = run(...out, delivered, bounced('ann@client.test', true))
    t.match(state, { status: 'sent', taken: { recipients: [{ delivered: null }] } })
  },
)

const anyCommand: fc.Arbitrary<OutgoingCommand> = fc.oneof(
  fc.constantFrom<OutgoingCommand>(
    { do: 'save-draft', outgoingId, draft: exampleDraft() },
    { do: 'discard', outgoingId },
    queue,
    { do: 'cancel' },
    { do: 'record-found', foundAt: at(50) },
    settle('send-again'),
    settle('give-up'),
    { do: 'retry', now: at(60) },
    { do: 'record-copy', outcome: 'found', folder: 'Sent' },
    { do: 'record-silence', seenUntil: at(3621), windowMinutes: 60 },
    { do: 'record-delivered', recipient: 'ann@client.test', at: at(100) },
    bounced('ann@client.test', true),
    bounced('ann@client.test', false),
  ),
  fc
    .integer({ min: 1, max: 4 })
    .chain((attempt) =>
      fc.constantFrom<OutgoingCommand>(
        release(attempt),
        sent(attempt),
        unknown(attempt),
        deferred(attempt, true),
        deferred(attempt, false),
        failed(attempt, true),
        failed(attempt, false),
      ),
    ),
)

const deepFreeze = <Value>(value: Value): Value => {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part)
    Object.freeze(value)
  }
  return value
}

t.test(
  'laws: any commands in any order give valid events, plain state, and the same again from stored JSON',
  async (t) => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
        let state = outgoingEmail.initial
        const log: OutgoingEvent[] = []
        for (const command of commands) {
          deepFreeze(state)
          try {
            const events = outgoingEmail.decide(deepFreeze(command), state)
            if (JSON.stringify(events) !== JSON.stringify(outgoingEmail.decide(command, state))) return false
            for (const event of events) catalogue.get(event.type)!.schema.parse(event.data)
            log.push(...events)
            state = events.reduce((folded, event) => deepFreeze(outgoingEmail.evolve(folded, event)), state)
          } catch (error) {
            if (!(error instanceof Refused)) throw error
          }
        }
        const replayed = (JSON.parse(JSON.stringify(log)) as OutgoingEvent[]).reduce(
          outgoingEmail.evolve,
          outgoingEmail.initial,
        )
        const stored: unknown = JSON.parse(JSON.stringify(state))
        return isDeepStrictEqual(stored, state) && isDeepStrictEqual(replayed, state)
      }),
      { numRuns: runs(400, 1000) },
    )
    t.pass()
  },
)
