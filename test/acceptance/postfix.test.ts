import type { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import t from 'tap'
import { addressesIn } from '../../scripts/demo/world.ts'
import { until } from '../../scripts/lib/client.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { startApp } from '../support/running-app.ts'
import { startDovecot, type Dovecot } from '../../scripts/lib/mail-servers/dovecot.ts'
import { skipWithoutPostfix, startPostfix } from '../../scripts/lib/mail-servers/postfix.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { syncing } from '../support/awaited-sync-runs.ts'

const sarah = 'sarah@acme.test'
const boss = 'boss@acme.test'
const mia = 'mia@client.test'
const cora = 'cora@client.test'
const users = { [sarah]: 'geheim-1', [boss]: 'geheim-2', [mia]: 'geheim-3', [cora]: 'geheim-4' }

type Mail = {
  raw: Buffer
  envelope: NonNullable<Awaited<ReturnType<ImapFlow['fetchAll']>>[number]['envelope']>
}

/** What lies in a folder, as another client sees it, once there are so many. */
const mailIn = async (dovecot: Dovecot, user: string, folder: string, count: number): Promise<Mail[]> => {
  const client = await dovecot.login(user)
  const exists = async () => {
    const status = await client.status(folder, { messages: true })
    return status === false ? 0 : (status.messages ?? 0)
  }
  await until(`${count} in ${folder} of ${user}`, exists, (there) => there >= count, 30_000)
  await client.mailboxOpen(folder, { readOnly: true })
  const found = await client.fetchAll('1:*', { envelope: true, source: true })
  await client.logout()
  return found.map(({ source, envelope }) => ({ raw: source!, envelope: envelope! }))
}

/** A header's value, unfolded; null where it is not there. */
const header = ({ raw }: { raw: Buffer }, name: string): string | null => {
  const head = raw.toString('latin1').split('\r\n\r\n', 1)[0]!
  const found = new RegExp(`^${name}:[ \\t]*(.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(head)
  return found?.[1]?.replaceAll(/\r\n[ \t]+/g, ' ') ?? null
}
const addressed = (list: { name?: string; address?: string }[] | undefined) =>
  (list ?? []).map(({ name, address }) => [name ?? '', address])

type Outbox = { id: string; state: string; messageId: string; copy: string | null }
type Summary = {
  id: string
  direction: string
  subject: string
  automatic: string | null
  from: { address: string }[]
}

t.test('mail goes out through Postfix and comes back', { skip: skipWithoutPostfix() }, async (t) => {
  const tls = await testTls()
  const dovecot = await startDovecot(t, { tls, users })
  const postfix = await startPostfix(t, { tls, dovecot, domains: ['acme.test', 'client.test'] })
  const app = await startApp(t, { ca: tls.ca, ports: [dovecot.imapPort, postfix.port] })
  const { client } = app
  const login = { username: sarah, password: users[sarah] }
  const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: sarah,
    owner: { kind: 'team' },
    connection: {
      provider: 'imap-smtp',
      smtp: { host: 'localhost', port: postfix.port, encryption: 'starttls', ...login },
      imap: { host: 'localhost', port: dovecot.imapPort, encryption: 'tls', ...login },
    },
    settings: { displayName: 'Sarah Johnson', syncFrequencyMinutes: 60 },
  })
  const account = connected.body.id
  const sync = syncing(client, account, connected.position)
  await sync.after(0)
  const send = async (email: object): Promise<Outbox> => {
    const { body, position } = await client.send<{ id: string }>('POST', '/v1/outbox', {
      email: { accountId: account, ...email },
      undoSeconds: 0,
    })
    return client.get<Outbox>(`/v1/outbox/${body.id}?min_position=${position}`)
  }
  const filed = ({ id }: Outbox) =>
    until(
      'The copy in Sent',
      () => client.get<Outbox>(`/v1/outbox/${id}`),
      ({ copy }) => copy !== null,
    )
  const bytes = async ({ id }: Outbox, form: string) =>
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
      t.equal(header(mail, 'Return-Path'), `<${sarah}>`)
      t.equal(header(mail, 'Bcc'), null)
      t.ok(
        mail.raw.subarray(-wire.length).equals(wire),
        'byte for byte what was sent, behind the marks of the way',
      )
    }
    for (const mail of [atMia, atCora]) t.notOk(mail.raw.includes('boss'), 'nowhere at all')
  })

  t.test('the copy in Sent is the same message, without pixel and with the original links', async (t) => {
    t.equal((await filed(offer)).copy, 'filed')
    const [copy, ...more] = await mailIn(dovecot, sarah, 'Sent', 1)
    t.equal(more.length, 0)
    t.ok(copy!.raw.equals(await bytes(offer, 'copy')))
    for (const name of ['From', 'To', 'Cc', 'Subject', 'Date', 'Message-ID', 'MIME-Version'])
      t.equal(header(copy!, name), header(atMia, name), name)
    t.match(header(copy!, 'Bcc'), boss, 'only its sender sees who else got it')
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
    auth: { user: mia, pass: users[mia] },
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
    t.equal(header(arrived, 'References'), `<${offer.messageId}> ${question.messageId}`)
    t.match(arrived.envelope.subject, /^(?:AW|Re): Our offer – Größe L$/)
    await filed(answer)
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
    const outbox = await get<Outbox>('/v1/outbox?')
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

  t.test('what cannot be delivered comes back as a report, which is no reply', async (t) => {
    const lost = await send({
      to: [{ address: 'nobody@client.test' }],
      subject: 'Anybody there?',
      html: '<p>Hello</p>',
    })
    const [, report] = await mailIn(dovecot, sarah, 'INBOX', 2)
    t.match(header(report!, 'Content-Type'), /^multipart\/report; report-type=delivery-status/)
    await sync.now()
    const isReport = ({ automatic }: Summary) => automatic !== null
    const listed = await until('The report', received, (list) => list.some(isReport))
    const found = listed.find(isReport)
    t.match(found, { automatic: 'report', direction: 'in', from: [{ address: /^MAILER-DAEMON@/ }] })
    const raw = await app.ask('GET', `/v1/messages/${found!.id}/raw`)
    t.ok(raw.bytes.equals(report!.raw))
    t.ok(raw.bytes.includes(lost.messageId), 'it names the message')
    const { summary } = await client.get<{ summary: { replies: number } }>(`/v1/outbox/${lost.id}/tracking`)
    t.equal(summary.replies, 0)
  })

  t.test('no password was said', async (t) => {
    t.same(await app.leaks(Object.values(users)), [])
  })
})
