import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
await seedAccounts(t, app.pool, [{ n: 1, owner: { kind: 'team' } }])
const message = `/v1/messages/${idOf('msg', 1)}`

t.test('content that was changed in the store is refused, told and counted, and never served', async (t) => {
  const sound = await until(
    'the message',
    () => app.ask('GET', `${message}/raw`),
    ({ status }) => status === 200,
    120_000,
  )
  t.ok(sound.bytes.length > 0)
  await app.pool.query(`update mailtrail.blobs set content = 'a forged message'`)
  for (const part of ['raw', 'body', 'body/html']) {
    const answer = await app.ask('GET', `${message}/${part}`)
    t.match(answer, { status: 500, json: { code: 'content-damaged', remedy: /npm run verify/ } }, part)
    t.notMatch(answer.bytes.toString(), /forged/)
  }
  t.ok(app.log.some((line) => line.includes('stored content does not match its hash')))
  const { bytes } = await app.ask('GET', '/metrics')
  t.match(bytes.toString(), /^mailtrail_damaged_content_total 3$/m)
})
