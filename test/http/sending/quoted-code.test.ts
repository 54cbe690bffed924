import t from 'tap'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
await seedAccounts(t, app.pool, [{ n: 1, owner: { kind: 'team' } }])

t.test('a quoted text that runs code is saved, previewed and sent without it', async (t) => {
  const html =
    '<p>See below</p><blockquote onclick="x()"><script>x()</script><a href="javascript:x()">a</a> <b>Hello</b></blockquote>'
  const { body: draft } = await app.client.send<{ id: string }>('POST', '/v1/drafts', {
    accountId: idOf('acc', 1),
    to: [{ address: 'mia@client.test' }],
    subject: 'Re: Hello',
    html,
  })
  const preview = await app.client.send<{ html: string }>('POST', `/v1/drafts/${draft.id}/preview`)
  t.match(preview.body.html, /<p>See below<\/p><blockquote><a>a<\/a> <b>Hello<\/b><\/blockquote>/)
  const { position } = await app.client.send('POST', '/v1/outbox', {
    draftId: draft.id,
    scheduledAt: '2999-01-01T00:00:00Z',
  })
  const { bytes } = await app.ask('GET', `/v1/outbox/${draft.id}/raw?min_position=${position}`)
  t.match(bytes.toString(), /See below/)
  t.notMatch(bytes.toString(), /script|onclick|x\(\)/)
})
