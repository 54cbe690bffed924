import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { mailboxesOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const sarah = 'sarah@acme.test'
const KILOBYTE = 1024
const limit = 1000 * KILOBYTE

const mailOf = (kilobytes: number): Buffer =>
  Buffer.from(
    `From: mia@client.test\r\nTo: ${sarah}\r\nSubject: Large\r\n\r\n${'words\r\n'.repeat((kilobytes * KILOBYTE) / 7)}`,
  )

type Status = {
  status: string
  reasons: { code: string; detail: string }[]
  storage: { used: number; limit: number } | null
}
type Notification = { kind: string; accountId: string }

t.test('a mailbox that is nearly full', { skip: skipWithout('dovecot') }, async (t) => {
  const { app, connect, dovecot } = await mailboxesOnDovecot(t, [sarah], { quotaKilobytes: 1000 })
  const { client } = app
  for (const user of ['u1', 'u2']) await client.send('PUT', `/v1/directory/users/${user}`, { name: user })
  const { account, put, sync } = await connect(sarah)
  const access = `/v1/email-accounts/${account}/access/users`
  await client.send('PUT', `${access}/u1`, { level: 'full' })
  await client.send('PUT', `${access}/u2`, { level: 'read' })

  const status = async () =>
    client.get<Status>(`/v1/email-accounts/${account}/sync-status?${await upToNow(client)}`)
  const toldTo = async (user: string) => {
    const path = `/v1/notifications?${await upToNow(client)}`
    const { data } = await app.clientOf(user).get<{ data: Notification[] }>(path)
    return data.filter(({ kind }) => kind === 'mailbox-nearly-full')
  }
  const told = (times: number) =>
    until(
      `Told ${times} times`,
      () => toldTo('u1'),
      ({ length }) => length === times,
    )
  const empty = async () => {
    const other = await dovecot.login(sarah)
    await other.mailboxOpen('INBOX')
    await other.messageDelete('1:*')
    await other.logout()
  }

  t.match(await status(), { status: 'active', reasons: [], storage: { used: 0, limit } })
  await put(mailOf(850))
  await sync.now()
  t.match(await status(), { status: 'active', reasons: [], storage: { limit } })
  await put(mailOf(80))
  await sync.now()
  const { reasons, storage } = await status()
  t.match(reasons, [{ code: 'mailbox-nearly-full', detail: /uses 9[0-9]% of its 0.00102 GB/ }])
  t.ok(storage!.used >= 930 * KILOBYTE && storage!.used < limit, String(storage!.used))
  t.match(await told(1), [{ accountId: account }])
  t.same(await toldTo('u2'), [], 'who cannot do anything about it is not told')
  await sync.now()
  t.equal((await status()).reasons.length, 1)

  await empty()
  await sync.now()
  t.match(await status(), { status: 'active', reasons: [], storage: { used: 0 } })
  await put(mailOf(930))
  await sync.now()
  t.equal((await told(2)).length, 2, 'it is told again when it fills again, and was not in between')
})

t.test('a mailbox that does not say how full it is', { skip: skipWithout('dovecot') }, async (t) => {
  const { app, connect } = await mailboxesOnDovecot(t, [sarah])
  const { account } = await connect(sarah)
  const path = `/v1/email-accounts/${account}/sync-status?${await upToNow(app.client)}`
  t.equal((await app.client.get<Status>(path)).storage, null)
})
