import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { mailCase } from '../support/mail-case.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { mailboxesOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const sarah = 'sarah@acme.test'
const ben = 'ben@acme.test'

/** A mail by the name of its subject. */
const mail = (subject: string, from: string, to = sarah, more = ''): Buffer =>
  Buffer.from(
    `From: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <${subject}@somewhere.test>\r\n${more}\r\nwords\r\n`,
  )

t.test('an account that keeps mail with known contacts only', { skip: skipWithout('dovecot') }, async (t) => {
  const { app, connect } = await mailboxesOnDovecot(t, [sarah, ben])
  const { client } = app
  const put = (path: string, record: object) => client.send('PUT', `/v1/directory/${path}`, record)
  await put('contacts/mia', { emails: ['mia@client.test'] })
  await put('contacts/one', { emails: ['sales@shared.test'] })
  await put('contacts/other', { emails: ['sales@shared.test'] })
  await put('contacts/colleague', { emails: [ben] })
  await put('companies/big', { name: 'Big', domains: ['big.test', 'acme.test'] })
  await put('organization', { name: 'Acme', domains: ['acme.test'] })
  await connect(ben)
  const mailbox = await connect(sarah, { keep: 'known-contacts', historyDays: null })
  const subjects = async () => (await mailbox.messages()).map(({ subject }) => subject).toSorted()
  /** How many messages the sync left out, by folder and reason, of what arrives. */
  const leftOut = async (arrive: () => Promise<unknown>) => {
    const counts: Record<string, number> = {}
    for (const { folder, rules } of (await mailbox.sync.through(arrive)).flatMap((run) => run.folders))
      for (const { reason, pattern, count } of rules) {
        const rule = [folder, reason, pattern?.pattern].filter(Boolean).join(' ')
        counts[rule] = (counts[rule] ?? 0) + count
      }
    return counts
  }
  const settings = (change: object) =>
    client.send('PATCH', `/v1/email-accounts/${mailbox.account}/settings`, change, { 'if-match': '*' })

  const known = [
    mail('of-a-contact', 'mia@client.test'),
    mail('of-her-tagged-address', 'mia+crm@client.test'),
    mail('of-several-contacts', 'sales@shared.test'),
    mail('of-a-company', 'info@eu.big.test'),
    mail('with-her-among-others', 'stranger@elsewhere.test', `${sarah}, mia@client.test`),
  ]

  t.test('stores what a contact or a company takes part in, and leaves out the rest', async (t) => {
    const counts = await leftOut(async () => {
      for (const raw of known) await mailbox.put(raw)
      await mailbox.put(mail('of-a-stranger', 'stranger@elsewhere.test'))
      await mailbox.put(mail('of-a-colleague', ben))
      await mailbox.put(mail('of-a-colleague-without-an-account', 'eve@acme.test'))
      await mailbox.put(mail('to-her', sarah, 'mia@client.test'), 'Sent')
      await mailbox.put(mail('to-a-stranger', sarah, 'stranger@elsewhere.test'), 'Sent')
    })
    t.same(counts, { 'INBOX no-known-contact': 3, 'Sent no-known-contact': 1 })
    t.same(await subjects(), [
      'of-a-company',
      'of-a-contact',
      'of-her-tagged-address',
      'of-several-contacts',
      'to-her',
      'with-her-among-others',
    ])
  })

  t.test('keeps what it sent, and what comes of it, whoever it was sent to', async (t) => {
    const to = 'stranger@nobody.test'
    const send = async (subject: string) => {
      const id = await mailbox.queue({ to: [{ address: to }], subject, html: '<p>Ours</p>' })
      const { messageId } = await mailbox.once(id, 'sent')
      await mailbox.onceFiled(id)
      return { id, messageId }
    }
    const answered = await send('answered')
    const bounced = await send('bounced')
    const answer = `In-Reply-To: <${answered.messageId}>\r\n`
    const counts = await leftOut(async () => {
      await mailbox.put(mail('answer', 'assistant@nobody.test', sarah, answer))
      await mailbox.put(mailCase('02b-bounce-multipart-mixed', { me: sarah, to, out: bounced.messageId }))
    })
    t.same(counts, {})
    t.ok((await subjects()).includes('answer'))
    await until(
      'the bounce',
      () => client.get<{ delivery: { status: string } }>(`/v1/outbox/${bounced.id}/tracking`),
      ({ delivery }) => delivery.status === 'bounced',
    )
  })

  t.test('has what it left out brought back by a backfill once its sender is a contact', async (t) => {
    await put('contacts/stranger', { emails: ['stranger@elsewhere.test'] })
    const before = await subjects()
    await mailbox.sync.now()
    t.same(await subjects(), before)
    const path = `/v1/email-accounts/${mailbox.account}/backfill`
    await client.send('POST', path, { since: '2026-01-01T00:00:00.000Z' })
    type Status = { backfill: { status: string } | null }
    await until(
      'the backfill',
      async () =>
        client.get<Status>(`/v1/email-accounts/${mailbox.account}/sync-status?${await upToNow(client)}`),
      ({ backfill }) => backfill?.status === 'finished',
    )
    t.same(await subjects(), [...before, 'of-a-stranger', 'to-a-stranger'].toSorted())
  })

  t.test(
    'stores everything again when it is told so, and keeps what is stored when told not to',
    async (t) => {
      await settings({ keep: 'everything' })
      await mailbox.put(mail('of-another-stranger', 'else@elsewhere.test'))
      await mailbox.sync.now()
      t.ok((await subjects()).includes('of-another-stranger'))
      await settings({ keep: 'known-contacts' })
      const counts = await leftOut(async () => {
        await mailbox.put(mail('of-another-stranger', 'else@elsewhere.test'))
        await mailbox.put(mail('of-yet-another', 'more@elsewhere.test'))
      })
      t.same(counts, { 'INBOX no-known-contact': 1 })
      t.equal((await subjects()).filter((subject) => subject === 'of-another-stranger').length, 1)
      t.match(
        await app.ask('PATCH', `/v1/email-accounts/${mailbox.account}/settings`, {
          body: { keep: 'some' },
          headers: { 'if-match': '*' },
        }),
        {
          status: 400,
        },
      )
    },
  )
})
