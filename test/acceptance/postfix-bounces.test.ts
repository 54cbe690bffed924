import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { skipWithoutPostfix } from '../../scripts/lib/mail-servers/postfix.ts'
import { headerOf } from '../support/mail-in-folder.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { mailboxesBehindPostfix } from '../support/mailboxes-on-dovecot.ts'

const sarah = 'sarah@acme.test'
const mia = 'mia@client.test'
const nobody = 'nobody@client.test'

type Tracking = {
  delivery: { status: string }
  outcomes: { address: string; outcome: string }[]
  activity: { event: string; details: string }[]
}

t.test('what Postfix cannot deliver', { skip: skipWithoutPostfix() }, async (t) => {
  // Silence for 60 ms is enough here to count as delivered, once a sync run has looked.
  const env = { MAILTRAIL_DELIVERY_WINDOW_MINUTES: '0.001' }
  const { app, connect } = await mailboxesBehindPostfix(t, [sarah, mia], { env })
  const { client } = app
  const mailbox = await connect(sarah)
  const { account, sync } = mailbox
  const write = { subject: 'Anybody there?', html: '<p>Hello</p>' }
  const trackingOf = (id: string) => client.get<Tracking>(`/v1/outbox/${id}/tracking`)
  /** The report of an email, once of its recipients this is known. */
  const once = (id: string, ...wanted: string[]) =>
    until(
      `${id}: ${wanted.join(', ')}`,
      () => trackingOf(id),
      ({ outcomes }) => outcomes.map(({ outcome }) => outcome).join() === wanted.join(),
    )
  /** Sends to these, and waits for the report that comes back into the mailbox. */
  const sendInVain = async (to: readonly string[], count: number) => {
    const id = await mailbox.queue({ ...write, to: to.map((address) => ({ address })) })
    const { messageId } = await mailbox.once(id, 'sent')
    t.match(
      (await trackingOf(id)).activity.map(({ event }) => event),
      ['sent'],
      'SMTP took it',
    )
    const reports = await mailbox.mailIn('INBOX', count)
    const report = reports.find(({ raw }) => raw.includes(messageId))!
    t.match(headerOf(report, 'Content-Type'), /^multipart\/report; report-type=delivery-status/)
    t.equal((await sync.now()).status, 'Success')
    return { id, report }
  }
  /** As Dovecot said it to Postfix. */
  const words = /^550 5\.1\.1 <nobody@client\.test> User doesn't exist: nobody@client\.test/
  const bounced = {
    address: nobody,
    outcome: 'bounced',
    status: '5.1.1',
    code: 550,
    diagnostic: words,
    kind: 'no-such-mailbox',
    hard: true,
    remedy: /./,
  }

  t.test(
    'an email to nobody is bounced, in the outbox and in its timeline, in the server’s words',
    async (t) => {
      const { id, report } = await sendInVain([nobody], 1)
      const found = { delivery: { status: 'bounced' }, outcomes: [bounced] }
      const tracking = await once(id, 'bounced')
      t.match(tracking, { ...found, summary: { replies: 0 } })
      t.match(tracking.activity, [
        { event: 'sent', details: 'Bounced' },
        { event: 'bounced', details: /^nobody@client\.test: .*User doesn't exist/ },
      ])
      t.match(await client.get(`/v1/outbox/${id}?${await upToNow(client)}`), { state: 'sent', ...found })
      const message = (await mailbox.messages()).find(({ raw }) => raw.equals(report.raw))
      t.match(message, { automatic: 'report', direction: 'in', from: [{ address: /^MAILER-DAEMON@/ }] })
    },
  )

  t.test('where one of two does not exist, the other has it', async (t) => {
    const { id } = await sendInVain([mia, nobody], 2)
    // What a run has seen counts that began after the email went.
    await sync.now()
    const tracking = await once(id, 'delivered', 'bounced')
    const found = {
      delivery: { status: 'delivered', basis: 'no-bounce' },
      outcomes: [{ address: mia, outcome: 'delivered', basis: 'no-bounce', remedy: null }, bounced],
    }
    t.match(tracking, found)
    t.match(tracking.activity[0], { details: `Delivered successfully; bounced for ${nobody}` })
    t.match(await client.get(`/v1/outbox/${id}?${await upToNow(client)}`), { state: 'sent', ...found })
  })

  t.test('the figures count one email that bounced and one that was delivered', async (t) => {
    const path = `/v1/analytics/engagement?account=${account}&${await upToNow(client)}`
    t.match(await client.get(path), {
      totals: {
        sent: 2,
        delivered: { count: 1, percent: 50 },
        bounced: { count: 1, percent: 50 },
        replied: { count: 0 },
      },
    })
  })
})
