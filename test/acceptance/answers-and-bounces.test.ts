import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { mailCase } from '../support/mail-case.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { mailboxesOnDovecot, type MailboxOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const me = 'sarah@acme.test'
/** Each has emails go over a relay that gives them ids of its own. */
const relayed = ['copy-first@acme.test', 'answer-first@acme.test', 'in-one-run@acme.test'] as const

const ofItsOwn = (raw: Buffer, n: number): Buffer =>
  Buffer.from(
    raw
      .toString('latin1')
      .replaceAll('aaaaa-1111', `aaaaa-${n}111`)
      .replaceAll('rew-reply-1', `rew-reply-${n}`),
    'latin1',
  )

type Tracking = {
  delivery: { status: string; basis: string | null }
  outcomes: object[]
  activity: { event: string; details: string }[]
  summary: { replies: number }
}
type Figures = { totals: { sent: number; bounced: { count: number }; replied: { count: number } } }

t.test('what comes back of mail that was sent', { skip: skipWithout('dovecot') }, async (t) => {
  const { app, sink, connect } = await mailboxesOnDovecot(t, [me, ...relayed])
  const { client } = app
  const trackingOf = (id: string) => client.get<Tracking>(`/v1/outbox/${id}/tracking`)
  const figuresOf = async ({ account }: MailboxOnDovecot) =>
    (await client.get<Figures>(`/v1/analytics/engagement?account=${account}&${await upToNow(client)}`)).totals

  /** Sends an email, and gives what comes back of it. */
  const sendTo = async (mailbox: MailboxOnDovecot, to: string) => {
    const id = await mailbox.queue({ to: [{ address: to }], subject: 'Offer', html: '<p>Our offer</p>' })
    const { messageId } = await mailbox.once(id, 'sent')
    return { id, back: (name: string) => mailCase(name, { me: mailbox.address, to, out: messageId }) }
  }
  const synced = async (mailbox: MailboxOnDovecot, raw: Buffer) => {
    await mailbox.sync.now()
    return (await mailbox.messages()).find((message) => message.raw.equals(raw))!
  }
  const answered = (id: string) =>
    until(
      'The reply',
      () => trackingOf(id),
      ({ summary }) => summary.replies > 0,
    )
  const membersOf = async (threadId: string) => {
    const path = `/v1/threads/${threadId}?${await upToNow(client)}`
    const { messages } = await client.get<{ messages: { data: { id: string }[] } }>(path)
    return new Set(messages.data.map(({ id }) => id))
  }

  const mailbox = await connect(me)

  for (const [name, what] of [
    ['01-bounce-global-delivery-status', 'a report with addresses in UTF-8'],
    ['02b-bounce-multipart-mixed', 'a report that calls itself a mail of several parts'],
  ] as const)
    t.test(`${what} is a bounce of the recipient that it names`, async (t) => {
      const to = `${name}@client.test`
      const { id, back } = await sendTo(mailbox, to)
      const report = back(name)
      await mailbox.put(report)
      t.match(await synced(mailbox, report), { direction: 'in', automatic: 'report' })
      const bounced = {
        delivery: { status: 'bounced' },
        outcomes: [
          {
            address: to,
            outcome: 'bounced',
            status: '5.1.1',
            code: 550,
            diagnostic: /^550 5\.1\.1 (?:no such user|user unknown)$/,
            kind: 'no-such-mailbox',
            hard: true,
            remedy: /./,
          },
        ],
      }
      const isBounced = ({ delivery }: Tracking) => delivery.status === 'bounced'
      const tracking = await until('The bounce', () => trackingOf(id), isBounced)
      t.match(tracking, bounced)
      t.equal(tracking.outcomes.length, 1)
      t.match(await client.get(`/v1/outbox/${id}?${await upToNow(client)}`), bounced)
      t.equal(tracking.summary.replies, 0)
    })

  for (const [name, automatic, what] of [
    ['03-human-reply-suppresses-autoresponders', null, 'that wants no automatic answers'],
    ['04-human-reply-through-group', 'list', 'that came through a group'],
    ['11b-reply-encoded-in-reply-to', null, 'that names ours in an encoded word'],
  ] as const)
    t.test(`an answer ${what} is a person’s, once, in our conversation`, async (t) => {
      const { id, back } = await sendTo(mailbox, `${name}@client.test`)
      const reply = back(name)
      await mailbox.put(reply)
      const message = await synced(mailbox, reply)
      t.equal(message.direction, 'in')
      t.equal(message.automatic, automatic)
      t.same(await membersOf(message.threadId), new Set([id, message.id]))
      const { summary, delivery } = await answered(id)
      t.equal(summary.replies, 1)
      t.match(delivery, { status: 'delivered', basis: 'reply' })
    })

  t.test('the figures count each of them', async (t) => {
    t.match(await figuresOf(mailbox), { sent: 5, bounced: { count: 2 }, replied: { count: 3 } })
  })

  for (const [index, address] of relayed.entries())
    t.test(`an answer to the id that a relay gave our email is one to ours: ${address}`, async (t) => {
      const mailbox = await connect(address)
      const { id, back } = await sendTo(mailbox, 'ines@customer.example')
      // No relay gives an id twice, and nobody answers twice under one.
      const reply = ofItsOwn(back('13-reply-to-rewritten-id'), index + 1)
      const [, relaysId] = /^In-Reply-To: (<.*>)\r$/m.exec(reply.toString('latin1'))!
      const { raw } = await sink.mailWith(id)
      const copy = Buffer.from(
        raw.toString('latin1').replace(/^Message-ID: .*(?:\r\n .*)*/im, `Message-ID: ${relaysId}`),
        'latin1',
      )
      t.match(copy.toString('latin1'), new RegExp(`^X-Mailtrail-Id: ${id}\r$`, 'm'), 'ours by its own header')
      t.notMatch(copy.toString('latin1'), `${id}@`, 'and by nothing else')
      const places = [
        ['Sent', copy],
        ['INBOX', reply],
      ] as const
      for (const [folder, mail] of address.startsWith('answer') ? places.toReversed() : places) {
        await mailbox.put(mail, folder)
        if (!address.startsWith('in-one-run')) await mailbox.sync.now()
      }
      const message = await synced(mailbox, reply)
      t.same(await membersOf(message.threadId), new Set([id, message.id]))
      t.equal((await answered(id)).summary.replies, 1)
      t.match(await figuresOf(mailbox), { sent: 1, replied: { count: 1 } })
    })
})
