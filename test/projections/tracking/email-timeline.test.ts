import assert from 'node:assert/strict'
import t from 'tap'
import type { DomainEvent } from '../../../src/domain/event.ts'
import {
  EmailCancelled,
  EmailDeferred,
  EmailFailed,
  EmailOutcomeLost,
  EmailOutcomeSettled,
} from '../../../src/domain/sending/events.ts'
import { trackingOf, type EmailTracking } from '../../../src/projections/tracking/email-timeline-queries.ts'
import { emailTimeline } from '../../../src/projections/tracking/email-timeline.ts'
import { linkLabel, openNumber } from '../../../src/projections/tracking/timeline-words.ts'
import { foldEvents, recordedEvents, type Envelope } from '../../support/fold-events.ts'
import { idOf } from '../../support/example-emails.ts'
import { linksOf, sentEmail } from '../../support/sent-email.ts'

const day = (time: string): string => `2026-01-22T${time}.000Z`

const report = async (
  events: (DomainEvent & { envelope?: Envelope })[],
  now?: string,
): Promise<EmailTracking> => {
  const { email, state, entry } = await foldEvents(emailTimeline, recordedEvents(events))
  assert.equal(email.length, 1)
  const inOrder = entry.toSorted((one, other) => (one.at + one.id < other.at + other.id ? -1 : 1))
  return trackingOf(
    { ...email[0]!, engagement: state[0]!.engagement },
    inOrder,
    false,
    now === undefined ? undefined : new Date(now),
  )
}
const lines = ({ activity }: EmailTracking): string[] =>
  activity.map(({ event, at, details }) => `${event} ${at.slice(11, 16)} ${details}`)

t.test('the report of the product documentation comes out as it is printed there', async (t) => {
  const email = sentEmail(1)
  const shown = await report([
    email.queued,
    email.released(day('14:29:59')),
    email.sent(day('14:30:00')),
    email.open(day('14:45:00')),
    email.delivered(day('15:00:00')),
    email.open(day('15:15:00')),
    email.click(day('15:16:00')),
    email.open(day('17:30:00')),
  ])
  t.strictSame(lines(shown), [
    'sent 14:30 Delivered successfully',
    'opened 14:45 First open',
    'opened 15:15 2nd open',
    'clicked 15:16 Link: proposal.pdf',
    'opened 17:30 3rd open',
  ])
  t.match(shown, {
    subject: 'Our offer',
    sentAt: day('14:30:00'),
    to: [{ address: 'ann@client.test' }],
    delivery: { status: 'delivered', at: day('15:00:00'), basis: 'no-bounce' },
    summary: {
      opens: 3,
      uniqueOpens: 1,
      linkClicks: 1,
      recipients: 1,
      attribution: 'recipient',
      lastActivityAt: day('17:30:00'),
    },
  })
  t.equal(shown.activity[1]?.recipient, 'ann@client.test')
  t.equal(shown.activity[1]?.network, '198.51.100.0/24', 'of an address the network is kept')
})

t.test(
  'a scanner is shown with its verdict and counted beside people, also when it shows only later',
  async (t) => {
    const links = linksOf('https://a.example/1', 'https://a.example/2', 'https://a.example/3')
    const email = sentEmail(1, {
      tracking: {
        wanted: { opens: true, clicks: true },
        opens: true,
        clicks: true,
        reason: 'settings',
        links,
      },
    })
    const from = (link: number) => ({ ip: `203.0.${link}.1` })
    const before = [
      email.queued,
      email.sent(day('14:30:00')),
      email.click(day('14:31:00'), 0, from(0)),
      email.click(day('14:31:00'), 1, from(1)),
    ]
    t.match((await report(before)).summary, { linkClicks: 2, human: { clicks: 2 }, machine: { clicks: 0 } })
    const after = await report([
      ...before,
      email.click('2026-01-22T14:31:00.900Z', 2, from(2)),
      email.open(day('14:40:00')),
    ])
    t.match(after.summary, {
      opens: 1,
      linkClicks: 0,
      human: { opens: 1, clicks: 0 },
      machine: { opens: 0, clicks: 3 },
    })
    t.strictSame(
      after.activity.map(({ verdict, reason }) => `${verdict} ${reason}`),
      ['null null', 'machine burst', 'machine burst', 'machine burst', 'human person'],
    )
    t.match(after.activity[1]?.details, /^Link: link \d \(not counted: together with many links at once/)
    t.equal(after.activity[4]?.details, 'First open')
    const { entry } = await foldEvents(
      emailTimeline,
      recordedEvents([...before, email.click('2026-01-22T14:31:00.900Z', 2, from(2))]),
    )
    t.strictSame(
      entry.filter(({ kind }) => kind === 'clicked').map(({ verdict }) => verdict),
      ['machine', 'machine', 'machine'],
      'in the rows too',
    )
  },
)

t.test('hits that are in the log before the sending are judged by it when it is known', async (t) => {
  const email = sentEmail(1)
  const hits = [email.open(day('14:29:58'), { ip: '203.0.113.1' }), email.open(day('14:35:00'))]
  const early = await report([email.queued, email.released(day('14:29:57')), ...hits])
  t.match(early.summary, { opens: 0, machine: { opens: 2 } })
  const known = await report([
    email.queued,
    email.released(day('14:29:57')),
    ...hits,
    email.sent(day('14:30:00')),
  ])
  t.match(known.summary, { opens: 1, machine: { opens: 1 } })
  t.strictSame(lines(known).slice(0, 1), [
    'opened 14:29 Not counted: before the email was handed over, so by a scanner',
  ])
})

t.test('a send whose answer was lost counts opens from then on, and says that it is unknown', async (t) => {
  const email = sentEmail(1)
  const about = { outgoingId: email.outgoingId, accountId: idOf('acc', 1), attempt: 1 }
  const events = [
    email.queued,
    email.released(day('14:30:00')),
    email.event(EmailOutcomeLost({ ...about, reason: 'connection lost' }), day('14:30:05')),
    email.open(day('14:40:00')),
  ]
  const unknown = await report(events)
  t.match(unknown, { state: 'unknown', delivery: { status: 'unknown' }, summary: { opens: 1 } })
  t.match(lines(unknown)[0], 'unknown 14:30 It is not known whether it was sent: connection lost')
  const again = await report([
    ...events,
    email.event(
      EmailOutcomeSettled({
        outgoingId: email.outgoingId,
        accountId: idOf('acc', 1),
        decision: 'send-again',
      }),
      day('15:00:00'),
    ),
    email.released(day('15:00:01')),
    email.sent(day('15:00:02')),
  ])
  t.match(again, {
    state: 'sent',
    delivery: { status: 'delivered', basis: 'engagement' },
    summary: { opens: 1 },
  })
})

t.test('what is not sent says so', async (t) => {
  const email = sentEmail(1)
  const about = { outgoingId: email.outgoingId, accountId: idOf('acc', 1) }
  const failed = await report([
    email.queued,
    email.released(day('14:30:00')),
    email.event(
      EmailDeferred({
        ...about,
        attempt: 1,
        code: 'x',
        reason: 'busy',
        refused: [],
        deferred: [],
        retryAt: day('14:31:00'),
      }),
      day('14:30:01'),
    ),
    email.event(
      EmailFailed({ ...about, attempt: 2, code: 'x', reason: 'no such user', remedy: '', refused: [] }),
      day('14:31:01'),
    ),
  ])
  t.match(failed, { state: 'failed', delivery: { status: 'failed' }, summary: { lastActivityAt: null } })
  t.strictSame(lines(failed), ['deferred 14:30 Deferred: busy', 'failed 14:31 Not sent: no such user'])
  const cancelled = await report([
    email.queued,
    email.event(EmailCancelled({ ...about, draft: null }), day('14:30:00')),
  ])
  t.match(cancelled, { state: 'cancelled', delivery: { status: 'cancelled' }, activity: [] })
  t.match(await report([email.queued]), { state: 'queued', delivery: { status: 'pending' } })
})

t.test(
  'delivery is accepted first, confirmed by time or by a person, and withdrawn by a bounce of all',
  async (t) => {
    const recipients = ['ann@client.test', 'bob@client.test']
    const email = sentEmail(1, { envelope: { from: 'me@acme.test', recipients } })
    const sent = [email.queued, email.sent(day('14:30:00'))]
    const status = async (...more: Parameters<typeof report>[0]) =>
      (await report([...sent, ...more])).delivery.status
    t.equal(await status(), 'accepted')
    t.equal(await status(email.delivered(day('15:30:00'))), 'delivered')
    t.equal(await status(email.open(day('14:40:00'))), 'delivered')
    t.equal(
      await status(email.open(day('14:40:00'), { userAgent: 'Mozilla/5.0' })),
      'accepted',
      'a proxy proves nothing',
    )
    const gone = [email.delivered(day('15:30:00')), email.bounced(day('16:00:00'), 'ANN@client.test')]
    t.equal(await status(...gone), 'delivered', 'one of two has it')
    t.equal(
      await status(...gone, email.bounced(day('16:01:00'), 'bob@client.test', false)),
      'accepted',
      'its server tries on, so nobody knows',
    )
    t.equal(await status(...gone, email.bounced(day('16:01:00'), 'bob@client.test')), 'bounced')
    t.equal(
      await status(
        ...gone,
        email.bounced(day('16:01:00'), 'bob@client.test'),
        email.replied(day('17:00:00')),
      ),
      'delivered',
      'who replies has it',
    )
    const bounced = await report([...sent, email.bounced(day('16:00:00'), 'ann@client.test')])
    t.match(lines(bounced), [
      'sent 14:30 Accepted by the mail server',
      'bounced 16:00 ann@client.test: permanent (5.1.1)',
    ])
    const refused = await report([
      email.queued,
      email.sent(day('14:30:00'), { accepted: recipients.slice(0, 1), refused: recipients.slice(1) }),
    ])
    t.match(lines(refused), ['sent 14:30 Accepted by the mail server; refused for bob@client.test'])
  },
)

t.test(
  'a click shows an open that blocked pictures hid, a reply is activity, our own looks and repeats are none',
  async (t) => {
    const email = sentEmail(1)
    const shown = await report([
      email.queued,
      email.sent(day('14:30:00')),
      email.open(day('14:31:00'), { own: true }),
      email.click(day('14:40:00'), 1),
      email.click(day('14:40:10'), 1),
      email.replied(day('15:00:00')),
      email.open(day('16:00:00'), { userAgent: null }),
    ])
    t.match(shown.summary, {
      opens: 1,
      uniqueOpens: 1,
      linkClicks: 1,
      replies: 1,
      own: { opens: 1 },
      unknown: { opens: 1 },
      lastActivityAt: day('15:00:00'),
    })
    t.strictSame(lines(shown), [
      'sent 14:30 Delivered successfully',
      'opened 14:31 Not counted: by one of our own people',
      'clicked 14:40 Link: link 1',
      'clicked 14:40 Link: link 1 (again within 30 seconds)',
      'replied 15:00 Reply from ann@client.test',
      'opened 16:00 Not counted: by something that does not say what it is',
    ])
  },
)

t.test(
  'unique opens are recipients where copies are their own, and one of several where they are not',
  async (t) => {
    const recipients = ['ann@client.test', 'bob@client.test', 'cy@client.test']
    const email = sentEmail(1, { envelope: { from: 'me@acme.test', recipients } })
    const head = [email.queued, email.sent(day('14:30:00'))]
    const own = await report([
      ...head,
      email.open(day('14:40:00'), { recipient: 0 }),
      email.open(day('14:50:00'), { recipient: 2 }),
      email.open(day('15:00:00'), { recipient: 2 }),
    ])
    t.match(own.summary, { opens: 3, uniqueOpens: 2, recipients: 3, attribution: 'recipient' })
    t.strictSame(
      own.activity.map(({ recipient }) => recipient),
      [null, 'ann@client.test', 'cy@client.test', 'cy@client.test'],
    )
    const shared = await report([
      ...head,
      email.open(day('14:40:00'), { recipient: null }),
      email.open(day('14:50:00'), { recipient: null, ip: '203.0.113.1' }),
    ])
    t.match(shared.summary, { opens: 2, uniqueOpens: 1, recipients: 3, attribution: 'email' })
    t.equal(shared.activity[1]?.recipient, null)
  },
)

t.test('a hit waits fifteen seconds before it is shown as a person', async (t) => {
  const email = sentEmail(1)
  const events = [email.queued, email.sent(day('14:30:00')), email.open(day('14:40:00'))]
  const young = await report(events, day('14:40:14'))
  t.match(young.summary, { opens: 0, unknown: { opens: 1 } })
  t.match(young.activity[1], { verdict: 'unknown', reason: 'held' })
  const old = await report(events, day('14:40:15'))
  t.match([old.summary.opens, old.activity[1]?.details], [1, 'First open'])
})

t.test('a flood of hits keeps its counts and numbers, and the rows stay small', async (t) => {
  const email = sentEmail(1)
  const opens = Array.from({ length: 400 }, (_, n) =>
    email.open(new Date(Date.parse(day('15:00:00')) + n * 60_000).toISOString()),
  )
  const {
    email: rows,
    state,
    entry,
  } = await foldEvents(emailTimeline, recordedEvents([email.queued, email.sent(day('14:30:00')), ...opens]))
  t.equal(entry.length, 401)
  t.ok(state[0]!.engagement.length < 20_000)
  const newest = entry.toSorted((one, other) => (one.at < other.at ? -1 : 1)).slice(-100)
  const shown = trackingOf({ ...rows[0]!, engagement: state[0]!.engagement }, newest, true)
  t.match(shown.summary, { opens: 400, uniqueOpens: 1, human: { opens: 400 } })
  t.equal(shown.activity[0]?.details, '301st open')
  t.equal(shown.activity.at(-1)?.details, '400th open')
  t.strictSame(
    entry.filter(({ kind, verdict }) => kind === 'opened' && verdict !== 'human'),
    [],
  )
})

t.test('hits on messages that are not ours change nothing', async (t) => {
  const rows = await foldEvents(emailTimeline, recordedEvents([sentEmail(5).open(day('14:40:00'))]))
  t.strictSame(rows, { email: [], state: [], entry: [] })
})

t.test('words for opens, links and times', async (t) => {
  t.strictSame([1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111].map(openNumber), [
    'First open',
    '2nd open',
    '3rd open',
    '4th open',
    '11th open',
    '12th open',
    '13th open',
    '21st open',
    '22nd open',
    '101st open',
    '111th open',
  ])
  for (const [url, text, label] of [
    ['https://a.example/files/My%20offer.pdf?x=1', 'see here', 'My offer.pdf'],
    ['https://a.example/100%.pdf', '', '100%.pdf'],
    ['https://a.example/index.html', 'our site', 'our site'],
    ['https://a.example/v1.2', 'release', 'release'],
    ['https://a.example/', '', 'a.example'],
    ['https://a.example/.well-known', 'x', 'x'],
  ] as const)
    t.equal(linkLabel({ url, text }), label)
})
