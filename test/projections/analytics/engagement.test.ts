import fc from 'fast-check'
import assert from 'node:assert/strict'
import t from 'tap'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { TemplateChanged, TemplateCreated, TemplateDeleted } from '../../../src/domain/templates/events.ts'
import { spanOfDays } from '../../../src/domain/analytics/calendar-day.ts'
import { reportOf, type EngagementReport } from '../../../src/projections/analytics/engagement-report.ts'
import { engagement } from '../../../src/projections/analytics/engagement.ts'
import { foldEvents, recordedEvents, type Envelope } from '../../support/fold-events.ts'
import { idOf } from '../../support/example-emails.ts'
import { sentEmail } from '../../support/sent-email.ts'
import { runs } from '../../support/long-runs.ts'

type Told = DomainEvent & { envelope?: Envelope }
const template = (n: number) => ({ templateId: idOf('tpl', n), version: 1 })
const content = (name: string) => ({ name, subject: 's', body: { format: 'html' as const, source: '' } })
const created = (n: number, name: string) =>
  TemplateCreated({
    templateId: idOf('tpl', n),
    version: 1,
    scope: { kind: 'shared' },
    content: content(name),
  })

const report = async (
  events: Told[],
  options: { accountId?: string; from?: string; to?: string } = {},
): Promise<EngagementReport> => {
  const { counted, template: names } = await foldEvents(engagement, recordedEvents(events))
  const { from = '2026-01-01', to = '2026-12-31', accountId } = options
  const { start, end } = spanOfDays('UTC', { from, to })
  const wanted = counted.filter(
    ({ quarter, account_id }) =>
      quarter >= start && quarter < end && (accountId ?? account_id) === account_id,
  )
  const byTemplate = Map.groupBy(wanted, (row) => row.template_id)
  const sum = (
    rows: typeof wanted,
    name: 'sent' | 'delivered' | 'bounced' | 'opened' | 'clicked' | 'replied' | 'raw_opened' | 'raw_clicked',
  ) => rows.reduce((all, row) => all + row[name], 0)
  return reportOf(
    { from, to, timeZone: 'UTC' },
    [...byTemplate].map(([template_id, rows]) => {
      const found = names.find(({ id }) => id === template_id)
      const { name = null, deleted = null } = found ?? {}
      return {
        template_id,
        name,
        deleted,
        sent: sum(rows, 'sent'),
        delivered: sum(rows, 'delivered'),
        bounced: sum(rows, 'bounced'),
        opened: sum(rows, 'opened'),
        clicked: sum(rows, 'clicked'),
        replied: sum(rows, 'replied'),
        raw_opened: sum(rows, 'raw_opened'),
        raw_clicked: sum(rows, 'raw_clicked'),
      }
    }),
  )
}
const at = (time: string, day = '22'): string => `2026-01-${day}T${time}.000Z`

t.test('the figures of the product documentation come out with its percentages', async (t) => {
  const counters = {
    template_id: '',
    name: null,
    deleted: null,
    bounced: 4,
    sent: 456,
    delivered: 452,
    opened: 312,
    clicked: 156,
    replied: 89,
    raw_opened: 400,
    raw_clicked: 200,
  }
  const { totals } = reportOf({ from: '', to: '', timeZone: 'UTC' }, [counters])
  t.strictSame(totals, {
    sent: 456,
    delivered: { count: 452, percent: 99.1 },
    bounced: { count: 4, percent: 0.9 },
    opened: { count: 312, percent: 69 },
    clicked: { count: 156, percent: 34.5 },
    replied: { count: 89, percent: 19.7 },
    raw: { opened: { count: 400, percent: 87.7 }, clicked: { count: 200, percent: 43.9 } },
  })
  const half = reportOf({ from: '', to: '', timeZone: 'UTC' }, [{ ...counters, sent: 2000, delivered: 1 }])
  t.equal(half.totals.delivered.percent, 0.1, 'halves go up')
  const none = reportOf({ from: '', to: '', timeZone: 'UTC' }, []).totals
  t.strictSame(
    [none.sent, none.delivered, none.opened],
    [0, { count: 0, percent: null }, { count: 0, percent: null }],
  )
})

t.test('emails are counted, not hits, each when it was sent and under its template', async (t) => {
  const [one, two, three] = [1, 2, 3].map((n) => sentEmail(n, { template: n === 3 ? null : template(1) }))
  const shown = await report([
    created(1, 'Follow-up'),
    ...[one!, two!, three!].flatMap((email) => [
      email.queued,
      email.sent(at('14:30:00')),
      email.delivered(at('15:30:00')),
    ]),
    one!.open(at('15:00:00')),
    one!.open(at('16:00:00')),
    one!.click(at('16:01:00')),
    one!.replied(at('17:00:00')),
    one!.replied(at('17:30:00'), 8),
    two!.click(at('10:00:00', '25')),
    three!.open(at('15:00:00'), { userAgent: 'Mozilla/5.0' }),
    TemplateChanged({ templateId: idOf('tpl', 1), version: 2, content: content('Follow-up Email') }),
  ])
  t.match(shown.totals, {
    sent: 3,
    delivered: { count: 3 },
    opened: { count: 2, percent: 66.7 },
    clicked: { count: 2 },
    replied: { count: 1, percent: 33.3 },
    raw: { opened: { count: 2 }, clicked: { count: 2 } },
  })
  t.match(shown.byTemplate, [
    {
      templateId: idOf('tpl', 1),
      template: 'Follow-up Email',
      deleted: false,
      sent: 2,
      opened: { count: 2, percent: 100 },
      replied: { percent: 50 },
    },
    { templateId: null, template: null, sent: 1, opened: { count: 0, percent: 0 } },
  ])
  const deleted = await report([
    created(1, 'Gone'),
    one!.queued,
    one!.sent(at('14:30:00')),
    TemplateDeleted({ templateId: idOf('tpl', 1) }),
  ])
  t.match(deleted.byTemplate, [{ template: 'Gone', deleted: true, sent: 1 }])
})

t.test('a verdict that changes and a bounce that comes late take back what was counted', async (t) => {
  const email = sentEmail(1)
  const two = ['198.51.100.1', '203.0.113.1'].map((ip, link) => email.click(at('14:31:00'), link, { ip }))
  const sent = [email.queued, email.sent(at('14:30:00'))]
  t.match((await report([...sent, two[0]!])).totals, {
    delivered: { count: 1 },
    opened: { count: 1 },
    clicked: { count: 1 },
  })
  t.match((await report([...sent, ...two])).totals, {
    delivered: { count: 0 },
    opened: { count: 0 },
    clicked: { count: 0 },
    raw: { clicked: { count: 1 } },
  })
  const delivered = [...sent, email.delivered(at('15:30:00')), email.open(at('16:00:00'))]
  t.match((await report(delivered)).totals, {
    delivered: { count: 1 },
    opened: { count: 1 },
    bounced: { count: 0 },
  })
  t.match((await report([...delivered, email.bounced(at('17:00:00'), 'ann@client.test')])).totals, {
    sent: 1,
    delivered: { count: 0 },
    opened: { count: 0 },
    bounced: { count: 1 },
  })
})

t.test('nothing is counted that was not sent', async (t) => {
  const email = sentEmail(1)
  const shown = await report([
    email.queued,
    email.released(at('14:30:00')),
    email.open(at('15:00:00')),
    email.replied(at('16:00:00')),
  ])
  t.match(shown, { totals: { sent: 0, delivered: { count: 0, percent: null } }, byTemplate: [] })
})

t.test('whatever happens in whatever order, the counters of a time are its emails counted', async (t) => {
  const email = fc.integer({ min: 1, max: 3 })
  const minute = fc
    .integer({ min: 0, max: 80_000 })
    .map((seconds) => new Date(Date.parse(at('14:00:00')) + seconds * 1000).toISOString())
  const hit = fc.record({
    ip: fc.constantFrom('198.51.100.1', '203.0.113.1'),
    userAgent: fc.constantFrom('Mozilla/5.0', 'Firefox', null),
  })
  const happening = fc.tuple(email, minute, hit, fc.nat(7)).map(([number, time, changes, kind]): Told => {
    const of = sentEmail(number, { template: number === 1 ? template(1) : null })
    switch (kind) {
      case 0:
        return of.sent(time)
      case 1:
        return of.delivered(time)
      case 2:
        return of.bounced(time, 'ann@client.test')
      case 3:
        return of.replied(time)
      case 4:
        return of.released(time)
      case 5:
        return of.open(time, changes)
      default:
        return of.click(time, kind - 6, changes)
    }
  })
  const queued = [1, 2, 3].map((n) => sentEmail(n, { template: n === 1 ? template(1) : null }).queued)
  const flags = [
    'sent',
    'delivered',
    'bounced',
    'opened',
    'clicked',
    'replied',
    'raw_opened',
    'raw_clicked',
  ] as const
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 30 }), async (events) => {
      const { email: rows, counted: counters } = await foldEvents(
        engagement,
        recordedEvents([...queued, ...events]),
      )
      for (const name of flags) {
        const counted = counters
          .filter((row) => row[name] !== 0)
          .map((row) => `${row.quarter} ${row.template_id} ${row[name]}`)
        const groups = Map.groupBy(
          rows.filter((row) => row[name]),
          (row) => `${row.quarter} ${row.template_id}`,
        )
        assert.deepEqual(counted.toSorted(), [...groups].map(([key, of]) => `${key} ${of.length}`).toSorted())
      }
      for (const row of rows) {
        assert.ok(!row.delivered || row.sent)
        assert.ok(!(row.opened || row.clicked || row.replied) || row.delivered)
        assert.ok(!row.clicked || row.opened)
        assert.ok(!(row.delivered && row.bounced))
      }
    }),
    { numRuns: runs(120, 300) },
  )
  t.pass()
})
