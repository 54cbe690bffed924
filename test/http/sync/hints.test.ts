import t from 'tap'
import type { Push } from '../../../src/commands/ports/mail-provider.ts'
import { labelMailProvider } from '../../support/label-mail/provider.ts'
import { startApp } from '../../support/running-app.ts'

t.test('what a mail system pushes reaches its provider, and nobody else can say anything', async (t) => {
  const pushed: Push[] = []
  const pushing = {
    ...labelMailProvider('http://127.0.0.1:1'),
    takePush: async (push: Push) => {
      pushed.push(push)
      return push.authorization === 'Bearer theirs'
    },
  }
  const app = await startApp(t, { providers: [pushing] })
  const post = (path: string, headers: Record<string, string> = {}, body = '{"value":[]}') =>
    fetch(`${app.url}/v1/hints/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
  const theirs = await post('label-mail', { authorization: 'Bearer theirs' })
  t.same([theirs.status, await theirs.text()], [202, ''])
  t.same(pushed, [{ authorization: 'Bearer theirs', body: { value: [] } }])
  t.equal((await post('label-mail', { authorization: 'Bearer other' })).status, 404)
  t.equal((await post('label-mail')).status, 404)
  for (const name of ['imap-smtp', 'nobody', '__proto__']) t.equal((await post(name)).status, 404, name)

  const token = '<script>alert(1)</script> &'
  const asked = await fetch(`${app.url}/v1/hints/label-mail?validationToken=${encodeURIComponent(token)}`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
  })
  t.equal(await asked.text(), token, 'whoever asks whether we are there gets its text back')
  t.match(asked.headers.get('content-type'), /^text\/plain/)
  t.equal(asked.headers.get('x-content-type-options'), 'nosniff')
  t.equal((await post(`label-mail?validationToken=${'x'.repeat(2000)}`)).status, 400)
  t.equal(pushed.length, 3)
})
