import { createTransport } from 'nodemailer'
import t from 'tap'
import { addressesIn } from '../../scripts/demo/world.ts'
import { until } from '../../scripts/lib/client.ts'
import { skipWithoutPostfix } from '../../scripts/lib/mail-servers/postfix.ts'
import { headerOf, mailIn, type Mail } from '../support/mail-in-folder.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { mailboxesBehindPostfix, type Email } from '../support/mailboxes-on-dovecot.ts'

const sarah = 'sarah@acme.test'
const boss = 'boss@acme.test'
const mia = 'mia@client.test'
const cora = 'cora@client.test'

const addressed = (list: { name?: string; address?: string }[] | undefined) =>
  (list ?? []).map(({ name, address }) => [name ?? '', address])

type Summary = {
  id: string
  direction: string
  subject: string
  automatic: string | null
  from: { address: string }[]
}

t.test('mail goes out through Postfix and comes back', { skip: skipWithoutPostfix() }, async (t) => {
  const users = [sarah, boss, mia, cora]
  const { app, postfix, dovecot, tls, passwords, connect } = await mailboxesBehindPostfix(t, users)
  const { client } = app
  const mailbox = await connect(sarah, { displayName: 'Sarah Johnson' })
  const { account, sync } = mailbox
  const send = async (message: object) => mailbox.email(await mailbox.queue(message))
  const bytes = async ({ id }: Email, form: string) =>
    (await app.ask('GET', `/v1/outbox/${id}/raw?form=${form}`)).bytes
  const received = async () =>
    (await client.get<{ data: Summary[] }>(`/v1/messages?account=${account}&folder=inbox`)).data

  const offer = await send({
    to: [{ address: mia, name: 'Mia Müller' }],
    cc: [{ address: cora }],
    bcc: [{ address: boss, name: 'The boss' }],
    subject: 'Our offer – Größe L',
    html: '<p>Dear Mia, here is <a href="https://acme.test/offer?a=1&amp;b=2">our offer</a>.</p>',
  })
  const [atMia, atCora, atBoss] = (
    await Promise.all([mia, cora, boss].map((user) => mailIn(dovecot, user, 'INBOX', 1)))
  ).map(([mail]) => mail!) as [Mail, Mail, Mail]

  t.test('each recipient has it, from whom and to whom it says, and nobody sees the Bcc', async (t) => {
    const wire = await bytes(offer, 'wire')
    for (const mail of [atMia, atCora, atBoss]) {
      const { from, to, cc, bcc, subject, messageId } = mail.envelope
      t.same(addressed(from), [['Sarah Johnson', sarah]])
      t.same(addressed(to), [['Mia Müller', mia]])
      t.same(addressed(cc), [['', cora]])
      t.same(addressed(bcc), [])
      t.same([subject, messageId], ['Our offer – Größe L', `<${offer.messageId}>`])
      t.equal(headerOf(mail, 'Return-Path'), `<${sarah}>`)
      t.equal(headerOf(mail, 'Bcc'), null)
      t.ok(
        mail.raw.subarray(-wire.length).equals(wire),
        'byte for byte what was sent, behind the marks of the way',
      )
    }
    for (const mail of [atMia, atCora]) t.notOk(mail.raw.includes('boss'), 'nowhere at all')
  })

  t.test('the copy in Sent is the same message, without pixel and with the original links', async (t) => {
    t.equal((await mailbox.onceFiled(offer.id)).copy, 'filed')
    const [copy, ...more] = await mailIn(dovecot, sarah, 'Sent', 1)
    t.equal(more.length, 0)
    t.ok(copy!.raw.equals(await bytes(offer, 'copy')))
    for (const name of ['From', 'To', 'Cc', 'Subject', 'Date', 'Message-ID', 'MIME-Version'])
      t.equal(headerOf(copy!, name), headerOf(atMia, name), name)
    t.match(headerOf(copy!, 'Bcc'), boss, 'only its sender sees who else got it')
    const seen = (mail: Mail) =>
      addressesIn({ user: '', envelope: { from: '', recipients: [] }, raw: mail.raw })
    t.same(seen(copy!), { pixel: null, links: ['https://acme.test/offer?a=1&b=2'] })
    const { pixel, links } = seen(atMia)
    t.ok(pixel?.startsWith(`${app.url}/t/o/`))
    t.ok(links.length === 1 && links[0]?.startsWith(`${app.url}/t/c/`))
    const led = await fetch(links[0]!, { redirect: 'manual' })
    t.equal(
      led.headers.get('location'),
      'https://acme.test/offer?a=1&b=2',
      'the tracked link leads there too',
    )
  })

  const transport = createTransport({
    host: 'localhost',
    port: postfix.port,
    requireTLS: true,
    tls: { ca: tls.ca },
    auth: { user: mia, pass: passwords[mia]! },
  })
  t.teardown(() => transport.close())
  const question = await transport.sendMail({
    from: `Mia Müller <${mia}>`,
    to: sarah,
    cc: cora,
    subject: 'AW: Our offer – Größe L',
    inReplyTo: `<${offer.messageId}>`,
    references: [`<${offer.messageId}>`],
    text: 'Is there one in blue?',
  })
  await mailIn(dovecot, sarah, 'INBOX', 1)

  t.test('an answer arrives, is counted as a reply, and is answered in its thread', async (t) => {
    t.equal((await sync.now()).status, 'Success')
    const isQuestion = ({ from }: Summary) => from[0]?.address === mia
    const listed = await until('The question', received, (list) => list.some(isQuestion))
    const asked = listed.find(isQuestion)
    t.match(asked, { direction: 'in', from: [{ address: mia }], automatic: null })
    const answer = await send({
      html: '<p>Yes, in blue.</p>',
      replyTo: { kind: 'message', id: asked!.id },
    })
    const arrived = (await mailIn(dovecot, mia, 'INBOX', 2)).find(
      ({ envelope }) => envelope.messageId === `<${answer.messageId}>`,
    )!
    t.same(addressed(arrived.envelope.to), [['Mia Müller', mia]], 'to the one who asked')
    t.equal(arrived.envelope.inReplyTo, question.messageId)
    t.equal(headerOf(arrived, 'References'), `<${offer.messageId}> ${question.messageId}`)
    t.match(arrived.envelope.subject, /^(?:AW|Re): Our offer – Größe L$/)
    await mailbox.onceFiled(answer.id)
    await until(
      'The reply',
      () => client.get<{ summary: { replies: number } }>(`/v1/outbox/${offer.id}/tracking`),
      ({ summary }) => summary.replies === 1,
    )
  })

  t.test('the next sync finds the copies in Sent and counts each message once', async (t) => {
    t.equal((await mailIn(dovecot, sarah, 'Sent', 2)).length, 2)
    await sync.now()
    await sync.now()
    const now = await upToNow(client)
    const get = async <Item>(path: string) => (await client.get<{ data: Item[] }>(`${path}${now}`)).data
    const listed = await get<Summary>(`/v1/messages?account=${account}&`)
    const outbox = await get<Email>('/v1/outbox?')
    const sent = listed.filter(({ direction }) => direction === 'out').map(({ id }) => id)
    t.same(
      sent.toSorted(),
      outbox.map(({ id }) => id).toSorted(),
      'each is there once, under the id that it was sent as',
    )
    t.equal(listed.length, 3)
    const threads = await get<{ messageCount: number }>(`/v1/threads?account=${account}&`)
    t.same(
      threads.map(({ messageCount }) => messageCount),
      [3],
      'in one thread',
    )
    const status = await client.get<object>(`/v1/email-accounts/${account}/sync-status?${now}`)
    t.match(status, { statistics: { todaysSends: 2, todaysSendsElsewhere: 0, todaysReceives: 1 } })
  })

  t.test('no password was said', async (t) => {
    t.same(await app.leaks(Object.values(passwords)), [])
  })
})
