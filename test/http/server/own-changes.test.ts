import t from 'tap'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'

const app = await startApp(t)
await seedAccounts(t, app.pool, [{ n: 1, owner: { kind: 'team' } }])
const { client } = app
// What others wrote is waited for only where that is asked for.
await client.get(`/v1/email-accounts?${await upToNow(client)}`)

t.test('who was just told of a change reads it at once, without naming its position', async (t) => {
  const account = `/v1/email-accounts/${idOf('acc', 1)}`
  for (const [verb, status] of [
    ['pause', 'paused'],
    ['resume', 'active'],
    ['pause', 'paused'],
    ['resume', 'active'],
  ] as const) {
    await client.send('POST', `${account}/${verb}`, {})
    t.match(await client.get(account), { status }, verb)
    t.match(await client.get('/v1/email-accounts'), { data: [{ status }] }, verb)
    t.match(await client.get(`${account}/sync-status`), { status }, verb)
  }
  const template = { name: 'Offer', subject: 'Our offer', body: { format: 'html', source: '<p>Hi</p>' } }
  const email = { accountId: idOf('acc', 1), to: [{ address: 'mia@client.test' }], subject: 'Hello' }
  for (const [path, body] of [
    ['/v1/templates', { ...template, scope: 'shared' }],
    ['/v1/outbox', { email, undoSeconds: 60 }],
  ] as const) {
    const { id } = (await client.send<{ id: string }>('POST', path, body)).body
    t.match(await client.get(`${path}/${id}`), { id })
    t.match(await client.get(path), { data: [{ id }] })
  }
})
