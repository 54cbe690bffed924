import { createHash } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { readModelsEqualRebuild } from '../../scripts/lib/equals-rebuild.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { notStoredLines } from '../../src/app/operations-report.ts'
import { projections } from '../../src/app/read-models.ts'
import { contentNotStored } from '../../src/projections/sync/stored-content.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { mailboxesOnDovecot, type MailboxOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const sarah = 'sarah@acme.test'
const ben = 'ben@acme.test'
const file = (words: string) => `${words}\r\n`
const mail = (subject: string, words: string): Buffer =>
  Buffer.from(
    `From: mia@client.test\r\nTo: team@acme.test\r\nSubject: ${subject}\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <${subject}@client.test>\r\n` +
      'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n' +
      `--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n${words}\r\n--b--\r\n`,
  )
type Deleted = { readonly data: readonly { readonly id: string; readonly erasedAt: string | null }[] }

t.test('the content of deleted messages is erased', { skip: skipWithout('dovecot') }, async (t) => {
  const env = { MAILTRAIL_DELETED_RETENTION_DAYS: '0' }
  const { app, connect } = await mailboxesOnDovecot(t, [sarah, ben], { env })
  const [hers, his] = [await connect(sarah, { historyDays: null }), await connect(ben, { historyDays: null })]
  const [shared, own] = [mail('Shared', 'everybody has it'), mail('Own', 'only sarah has it')]
  await hers.put(shared)
  await hers.put(own)
  await his.put(shared)
  for (const mailbox of [hers, his]) await mailbox.sync.now()
  // As if it had been stored long ago.
  await app.pool.query(`update mailtrail.blobs set put_at = now() - interval '3 days'`)
  const idOf = async (mailbox: MailboxOnDovecot, subject: string) =>
    (await mailbox.messages()).find((message) => message.subject === subject)!.id
  const isStored = async (content: Buffer | string) => {
    const hash = createHash('sha256').update(content).digest('hex')
    const { rowCount } = await app.pool.query(`select from mailtrail.blobs where hash = decode($1, 'hex')`, [
      hash,
    ])
    return rowCount === 1
  }
  const deletedFrom = async ({ account }: MailboxOnDovecot) =>
    (
      await app.client.get<Deleted>(
        `/v1/email-accounts/${account}/deleted-messages?${await upToNow(app.client)}`,
      )
    ).data
  const untilErased = (mailbox: MailboxOnDovecot, count: number) =>
    until(
      `${count} erased messages`,
      () => deletedFrom(mailbox),
      (found) => found.filter(({ erasedAt }) => erasedAt !== null).length === count,
    )
  const untilGone = (content: Buffer | string) =>
    until(
      'gone bytes',
      () => isStored(content),
      (is) => !is,
    )
  const notStored = contentNotStored(new Kysely({ dialect: new PostgresDialect({ pool: app.pool }) }))
  const [herShared, herOwn, hisShared] = [
    await idOf(hers, 'Shared'),
    await idOf(hers, 'Own'),
    await idOf(his, 'Shared'),
  ]

  t.test('as far as no other message has it, and then it cannot be restored', async (t) => {
    for (const id of [herShared, herOwn]) await app.client.send('DELETE', `/v1/messages/${id}`)
    await untilErased(hers, 2)
    await untilGone(own)
    await untilGone(file('only sarah has it').trimEnd())
    t.ok(await isStored(shared))
    t.equal((await app.ask('GET', `/v1/messages/${hisShared}/raw`)).bytes.equals(shared), true)
    const refused = await app.ask('POST', `/v1/messages/${herOwn}/restore`)
    t.equal(refused.status, 409)
    t.match(JSON.parse(refused.bytes.toString()), { code: 'message-erased', remedy: /./ })
    t.match((await app.client.send('DELETE', `/v1/messages/${herOwn}`)).body, {
      status: 'deleted',
      erased: true,
    })
    const { rows } = await app.pool.query('select message_id from mailtrail.message_text order by 1')
    t.same(rows, [{ message_id: hisShared }])
    t.match(notStoredLines(await notStored()), [/2 files were erased/])
  })

  t.test('and no sync stores it again', async (t) => {
    await hers.put(own)
    await hers.sync.now()
    t.notOk(await isStored(own))
    t.same(await hers.messages(), [])
  })

  t.test('the last one to have it takes it along', async (t) => {
    await app.client.send('DELETE', `/v1/messages/${hisShared}`)
    await untilErased(his, 1)
    await untilGone(shared)
    await until(
      'the history',
      () => app.client.get<{ data: { summary: string }[] }>(`/v1/audit/events?message=${hisShared}`),
      ({ data }) =>
        data.some(({ summary }) => summary === 'The content of the deleted message was erased for good'),
    )
    t.match(await notStored(), { erased: 4, missing: [] })
  })

  t.test('what is missing for another reason is told apart', async (t) => {
    await his.put(mail('Lost', 'a lost file'))
    await his.sync.now()
    await idOf(his, 'Lost')
    await app.pool.query('delete from mailtrail.blobs')
    t.match(notStoredLines(await notStored()), [
      /4 files were erased/,
      /2 files are missing/,
      /missing {2}[0-9a-f]{64}/,
      /missing/,
    ])
  })

  t.test('every read model equals its rebuild', async (t) => {
    await upToNow(app.client)
    const store = postgresEventStore(app.pool)
    const compared = await readModelsEqualRebuild({ store, pool: app.pool, projections })
    t.same(
      compared.filter(({ equal }) => !equal),
      [],
    )
  })
})
