import t from 'tap'
import type { ExcludePattern } from '../../../src/domain/accounts/events.ts'
import { forms } from '../../../src/adapters/imap-smtp/connection.ts'
import { admit } from '../../../src/adapters/imap-smtp/admit.ts'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'

const app = await startApp(t)
await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
])
const [team, personal] = [1, 2].map((n) => `/v1/email-accounts/${idOf('acc', n)}`) as [string, string]
for (const [id, name] of [
  ['u1', 'John Smith'],
  ['u2', 'Mary Lee'],
])
  await app.client.send('PUT', `/v1/directory/users/${id}`, { name, title: `Title of ${name}` })
await app.client.send('PUT', '/v1/directory/organization', { name: 'ACME Corp' })

t.test('ports and encryption have defaults, and one follows from the other', async (t) => {
  const reached = (smtp: object | null, imap: object | null) => {
    const login = { host: 'mail.acme.test', username: 'sarah', password: 'x' }
    const { connection } = admit(
      { provider: 'imap-smtp', smtp: smtp && { ...login, ...smtp }, imap: imap && { ...login, ...imap } },
      null,
    )
    const short = (server: unknown) => {
      const { port, encryption } = server as { port: number; encryption: string }
      return `${port} ${encryption}`
    }
    return [connection['smtp'], connection['imap']].filter((server) => server !== null).map(short)
  }
  t.same(reached({}, {}), ['587 starttls', '993 tls'])
  t.same(reached({ port: 465 }, { port: 143 }), ['465 tls', '143 starttls'])
  t.same(reached({ encryption: 'tls' }, { encryption: 'starttls' }), ['465 tls', '143 starttls'])
  t.same(reached({ encryption: 'none' }, { encryption: 'none' }), ['25 none', '143 none'])
  t.same(reached({ port: 2525 }, { port: 9993, encryption: 'tls' }), ['2525 starttls', '9993 tls'])
  t.match(forms.entered.shape.smtp.description, /587/)
})

t.test('a signature is previewed before it is saved, as the sender would sign', async (t) => {
  const html = '<p>{user.name}, {user.title}<br>{company.name}<br>{account.email} {contact.first_name}</p>'
  const preview = (path: string, user: string | null, body: object) =>
    app.ask('POST', `${path}/signature/preview`, {
      body,
      headers: user === null ? {} : { 'mailtrail-user': user },
    })
  t.match(await preview(team, 'u2', { html }), {
    status: 200,
    json: {
      html: /^<p>Mary Lee, Title of Mary Lee<br>ACME Corp<br>\S+@\S+ \{contact\.first_name\}<\/p>$/,
      missing: ['contact.first_name'],
    },
  })
  t.match(await preview(personal, null, { html }), { json: { html: /John Smith/ } }, "its owner's by default")
  t.match(await preview(team, null, { html, userId: 'u1' }), { json: { html: /John Smith/ } })
  t.match(await preview(team, null, { html: '{user.nmae}' }), {
    status: 422,
    json: { details: { problems: [{ variable: 'user.nmae', nearest: 'user.name' }] } },
  })
  t.match(await preview(team, null, {}), { status: 200, json: { html: String } }, 'the saved one')
  t.match(await preview(team, null, { html: '<script>x</script>' }), { status: 422 })
  t.match(await preview(personal, 'u2', { html }), { status: 404 })
})

t.test('one exclude pattern is added or removed by itself', async (t) => {
  const patterns = `${team}/exclude-patterns`
  type Answer = { excludePatterns: ExcludePattern[] }
  const add = (pattern: string, more = {}) => app.client.send<Answer>('POST', patterns, { pattern, ...more })
  const remove = (pattern: string) =>
    app.client.send<Answer>('DELETE', `${patterns}/${encodeURIComponent(pattern)}`)
  const added = await Promise.all(['*@spam.test', 'noreply@*', 'a/b?@x.test'].map((pattern) => add(pattern)))
  t.equal(
    Math.max(...added.map(({ body }) => body.excludePatterns.length)),
    3,
    'those added at once all count',
  )
  const before = (await add('noreply@*')).body.excludePatterns
  t.equal(before.length, 3, 'a second time changes nothing')
  const left = await remove('a/b?@x.test')
  t.same(
    left.body.excludePatterns,
    before.filter(({ pattern }) => pattern !== 'a/b?@x.test'),
  )
  const saved = await app.client.get<{ settings: Answer }>(`${team}?min_position=${left.position}`)
  t.same(saved.settings.excludePatterns, left.body.excludePatterns)
  const [both] = [(await add('noreply@*', { match: 'participant' })).body.excludePatterns]
  t.same(both, [...left.body.excludePatterns, { pattern: 'noreply@*', match: 'participant' }])
  t.same(
    (await remove('noreply@*')).body.excludePatterns.filter(({ pattern }) => pattern === 'noreply@*'),
    [{ pattern: 'noreply@*', match: 'participant' }],
    'the same text for senders and for participants are two patterns',
  )
  t.match(await app.ask('DELETE', `${patterns}/nothing`), { status: 404 })
  t.match(await app.ask('POST', patterns, { body: { pattern: '' } }), { status: 400 })
  const foreign = { body: { pattern: 'x@y.test' }, headers: { 'mailtrail-user': 'u2' } }
  t.match(await app.ask('POST', `${personal}/exclude-patterns`, foreign), { status: 404 })
})
