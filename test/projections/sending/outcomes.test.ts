import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { emailOutcome, outcomeOf, readEngagement } from '../../../src/domain/analytics/engagement.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import {
  EmailDeferred,
  EmailFailed,
  EmailOutcomeLost,
  EmailOutcomeSettled,
  EmailRetried,
  EmailSent,
} from '../../../src/domain/sending/events.ts'
import { engagement } from '../../../src/projections/analytics/engagement.ts'
import { outbox } from '../../../src/projections/sending/outbox.ts'
import { emailTimeline } from '../../../src/projections/tracking/email-timeline.ts'
import { trackingOf } from '../../../src/projections/tracking/email-timeline-queries.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { runs } from '../../support/long-runs.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { sentEmail } from '../../support/sent-email.ts'

const [ann, ben] = ['ann@client.test', 'ben@other.test']
const day = (time: string): string => `2026-01-06T${time}.000Z`
const both = { from: 'me@acme.test', recipients: [ann, ben] }
const email = sentEmail(1, { envelope: both })
const about = { outgoingId: email.outgoingId, accountId: idOf('acc', 1) }
const begun = [email.queued, email.released(day('10:00:00')), email.sent(day('10:00:01'))]

/** What each of the three says. */
const said = async (...events: DomainEvent[]) => {
  const recorded = recordedEvents(events)
  const [mail] = (await foldEvents(outbox, recorded)).fate
  const timeline = await foldEvents(emailTimeline, recorded)
  const [counted] = (await foldEvents(engagement, recorded)).email
  const [row] = timeline.email
  const [state] = timeline.state
  const entries = timeline.entry.toSorted((one, other) => (one.at < other.at ? -1 : 1))
  const inOutbox = emailOutcome(readEngagement(mail!.engagement))
  const report = trackingOf({ ...row!, engagement: state!.engagement }, entries, false)
  return { inOutbox, report, counted: counted!, figures: outcomeOf(readEngagement(counted!.engagement)) }
}
const outcomes = async (...events: DomainEvent[]) =>
  (await said(...begun, ...events)).inOutbox.recipients.map(({ outcome }) => outcome)
const whole = async (...events: DomainEvent[]) => (await said(...begun, ...events)).inOutbox.delivery.status

t.test('one bad recipient leaves the others what they are, whatever is heard first', async (t) => {
  const gone = email.bounced(day('10:30:00'), ann)
  const silent = email.delivered(day('11:00:00'), [ben])
  t.same(await outcomes(gone), ['bounced', 'accepted'])
  t.equal(await whole(gone), 'accepted')
  for (const heard of [
    [gone, silent],
    [email.delivered(day('11:00:00')), gone],
  ]) {
    t.same(await outcomes(...heard), ['bounced', 'delivered'])
    t.equal(await whole(...heard), 'delivered')
  }
  t.equal(await whole(gone, email.bounced(day('10:31:00'), ben)), 'bounced')
})

t.test('a bounce that names nobody of several leaves none delivered; of one it is that one', async (t) => {
  const nameless = email.bounced(day('10:30:00'), null)
  for (const heard of [
    [nameless, email.delivered(day('11:00:00'))],
    [email.delivered(day('10:20:00')), nameless],
    [nameless, email.open(day('10:40:00'))],
  ]) {
    t.same(await outcomes(...heard), ['unknown', 'unknown'])
    t.equal(await whole(...heard), 'bounced')
  }
  const one = sentEmail(2)
  const { inOutbox } = await said(one.queued, one.sent(day('10:00:01')), one.bounced(day('10:30:00'), null))
  t.match(inOutbox, { delivery: { status: 'bounced' }, recipients: [{ outcome: 'bounced' }] })
})

t.test('what a server tries on is deferred, until silence says something again', async (t) => {
  const late = email.bounced(day('10:30:00'), ann, false)
  t.same(await outcomes(late, email.delivered(day('11:00:00'))), ['deferred', 'delivered'])
  t.same(await outcomes(email.delivered(day('10:20:00')), late), ['deferred', 'delivered'])
  const muchLater = email.delivered('2026-01-12T12:00:00.000Z', [ann])
  t.same(await outcomes(late, muchLater), ['delivered', 'accepted'])
})

t.test(
  'refused, put off and accepted stand side by side, each with the words, the kind and what to do',
  async (t) => {
    const three = sentEmail(3, { envelope: { ...both, recipients: [ann, ben, 'cy@third.test'] } })
    const words = { enhancedCode: '5.1.1', code: 550, reason: 'No such user here' }
    const sent = EmailSent({
      ...about,
      outgoingId: three.outgoingId,
      attempt: 1,
      template: null,
      sentAt: day('10:00:01'),
      first: true,
      accepted: [ann],
      refused: [{ address: ben, ...words }],
      deferred: [{ address: 'cy@third.test', code: 450, enhancedCode: '4.2.0', reason: 'Greylisted' }],
      retryAt: day('10:01:00'),
      evidence: 'answer',
    })
    const rest = { accepted: ['cy@third.test'], refused: [], deferred: [], retryAt: null }
    const later = EmailSent({ ...sent.data, ...rest, attempt: 2, first: false, sentAt: day('10:01:02') })
    const { inOutbox, report } = await said(three.queued, three.event(sent, day('10:00:01')))
    t.match(inOutbox.recipients, [
      { outcome: 'accepted', at: day('10:00:01') },
      {
        outcome: 'refused',
        code: 550,
        status: '5.1.1',
        diagnostic: 'No such user here',
        kind: 'no-such-mailbox',
        hard: true,
        remedy: /./,
      },
      { outcome: 'deferred', code: 450, kind: 'policy', hard: false, retryAt: day('10:01:00'), remedy: /./ },
    ])
    t.match(report.activity, [
      { event: 'sent', details: /refused for ben@other.test; deferred for cy@third.test/ },
    ])
    const after = await said(three.queued, sent, three.event(later, day('10:01:02')))
    t.match(after.inOutbox.recipients, [{}, {}, { outcome: 'accepted', at: day('10:01:02') }])
    const silent = { ...three.delivered(day('11:00:00'), [ann]) }
    const claimed = await said(three.queued, three.event(sent, day('10:00:01')), silent)
    t.match(claimed.inOutbox.recipients, [
      { outcome: 'delivered' },
      { outcome: 'refused' },
      { outcome: 'deferred' },
    ])
  },
)

t.test('what failed and is tried again is failed no more, in the report as in the outbox', async (t) => {
  const failed = EmailFailed({ ...about, attempt: 1, code: 'x', reason: 'no', remedy: 'Do', refused: [] })
  const again = EmailRetried({ ...about, notBefore: day('12:00:00') })
  const before = await said(email.queued, failed)
  t.match(before.report, {
    state: 'failed',
    delivery: { status: 'failed' },
    outcomes: [{ outcome: 'failed', remedy: 'Do' }, {}],
  })
  const after = await said(email.queued, failed, again)
  t.match(after.report, {
    state: 'queued',
    delivery: { status: 'pending' },
    outcomes: [{ outcome: 'waiting' }, {}],
  })
})

t.test('an answer that was lost stays unknown when what was sent again fails, in every place', async (t) => {
  const lost = EmailOutcomeLost({ ...about, attempt: 1, reason: 'The connection broke' })
  const again = EmailOutcomeSettled({ ...about, decision: 'send-again', notBefore: day('12:00:00') })
  const refused = [{ address: ann, code: 550, enhancedCode: '5.7.1', reason: 'no spam' }]
  const told = { code: 'email-refused', reason: 'refused', remedy: 'Change it', refused }
  const failed = EmailFailed({ ...about, attempt: 2, ...told })
  const events = [email.queued, email.released(day('10:00:00')), lost, again, failed]
  const { report, inOutbox } = await said(...events)
  t.match(report, { state: 'unknown', delivery: { status: 'unknown' } })
  t.match(inOutbox, {
    delivery: { status: 'unknown' },
    recipients: [
      { outcome: 'unknown', diagnostic: 'no spam', remedy: /settle it/ },
      { outcome: 'unknown', diagnostic: 'refused', remedy: /settle it/ },
    ],
  })
  const { email: rows } = await foldEvents(outbox, recordedEvents(events))
  t.match(rows, [{ state: 'unknown', settled: false, unclear: [1] }])
  const late = EmailFailed({ ...about, attempt: 1, ...told })
  t.match((await said(email.queued, email.released(day('10:00:00')), lost, late)).report, { state: 'failed' })
})

t.test('opens and clicks count under their own policy alone; under it an answer shows an open', async (t) => {
  const of = async (opens: boolean, clicks: boolean, ...heard: DomainEvent[]) => {
    const { tracking } = exampleQueued()
    const one = sentEmail(1, { tracking: { ...tracking, wanted: { opens, clicks } } })
    const { figures, report } = await said(one.queued, email.sent(day('10:00:01')), ...heard)
    return [figures.opened, figures.clicked, figures.replied, report.summary.opens, report.summary.linkClicks]
  }
  const click = email.click(day('12:00:00'))
  const reply = email.replied(day('12:00:00'))
  t.same(await of(true, true, click), [true, true, false, 1, 1])
  t.same(await of(false, true, click), [false, true, false, 0, 1])
  t.same(await of(true, false, email.open(day('12:00:00'))), [true, false, false, 1, 0])
  t.same(await of(true, true, reply), [true, false, true, 1, 0])
  t.same(await of(false, false, reply), [false, false, true, 0, 0])
})

t.test('in whatever order it is heard, outbox, report and figures say the same', async () => {
  const deferral = {
    attempt: 1,
    code: 'x',
    reason: 'busy',
    refused: [],
    deferred: [],
    retryAt: day('10:09:00'),
  }
  const heard = [
    email.delivered(day('11:00:00')),
    email.delivered(day('11:00:00'), [ben]),
    email.bounced(day('10:30:00'), ann),
    email.bounced(day('10:31:00'), ben),
    email.bounced(day('10:32:00'), ben, false),
    email.bounced(day('10:33:00'), null),
    email.open(day('12:00:00')),
    email.click(day('12:10:00')),
    email.replied(day('13:00:00')),
  ]
  const sending = [
    ...begun,
    email.event(EmailDeferred({ ...about, ...deferral }), day('10:08:00')),
    email.event(EmailRetried({ ...about, notBefore: day('10:09:00') }), day('10:09:00')),
  ]
  const after = fc.shuffledSubarray(heard)
  const property = fc.asyncProperty(after, fc.shuffledSubarray(sending.slice(1)), async (events, steps) => {
    for (const order of [
      [...begun, ...events],
      [email.queued, ...steps, ...events],
    ]) {
      const { inOutbox, report, counted, figures } = await said(...order)
      assert.deepEqual(report.delivery, inOutbox.delivery)
      assert.deepEqual(report.outcomes, inOutbox.recipients)
      const { status } = inOutbox.delivery
      assert.equal(figures.delivered, status === 'delivered')
      assert.equal(figures.bounced, status === 'bounced')
      if (figures.sent) assert.equal(counted.delivered, figures.delivered)
      assert.ok(!figures.opened || figures.delivered)
    }
    const one = (await said(...begun, ...events)).inOutbox
    const other = (await said(...begun, ...events.toReversed())).inOutbox
    assert.deepEqual(one, other, 'the order says nothing')
  })
  await fc.assert(property, { numRuns: runs(60, 1000) })
})
