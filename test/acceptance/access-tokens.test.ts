import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import t from 'tap'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { skipWithout, startDovecot } from '../../scripts/lib/mail-servers/dovecot.ts'
import { skipWithoutPostfix, startPostfix } from '../../scripts/lib/mail-servers/postfix.ts'
import { until } from '../../scripts/lib/client.ts'
import { startApp } from '../support/running-app.ts'
import { mimeOf } from '../contracts/mail-provider-harness.ts'
import { syncing } from '../support/awaited-sync-runs.ts'

const user = 'sarah@acme.test'
const key = randomBytes(32)

const tokenFor = (email: string, expiresAt: Date): Promise<string> =>
  new SignJWT({ email })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(email)
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(key)

const inAnHour = () => new Date(Date.now() + 3_600_000)
const anHourAgo = () => new Date(Date.now() - 3_600_000)

type Step = { step: string; service: string; ok: boolean; code?: string }

for (const mechanism of ['oauthbearer', 'xoauth2'] as const)
  t.test(
    `a mailbox is read and emails are sent with an access token (${mechanism})`,
    { skip: skipWithout('dovecot') || skipWithoutPostfix() },
    async (t) => {
      const tls = await testTls()
      const dovecot = await startDovecot(t, {
        tls,
        users: { [user]: randomBytes(9).toString('hex') },
        tokens: { key, mechanisms: [mechanism] },
      })
      const postfix = await startPostfix(t, { tls, dovecot, domains: ['acme.test'] })
      dovecot.seed(user, 'INBOX', [{ raw: mimeOf('one@x'), flags: '', at: new Date() }])
      const app = await startApp(t, { ca: tls.ca, ports: [dovecot.imapPort, postfix.port] })
      const { client } = app
      const connectionWith = (accessToken: string) => ({
        provider: 'imap-smtp',
        imap: { host: 'localhost', port: dovecot.imapPort, encryption: 'tls', username: user, accessToken },
        smtp: { host: 'localhost', port: postfix.port, encryption: 'starttls', username: user, accessToken },
      })
      const token = await tokenFor(user, inAnHour())
      const old = await tokenFor(user, anHourAgo())

      const { body: test } = await client.send<{ ok: boolean; steps: Step[] }>(
        'POST',
        '/v1/connection-tests',
        {
          connection: connectionWith(old),
        },
      )
      t.same(
        test.steps
          .filter(({ code }) => code !== undefined)
          .map(({ service, step, code }) => `${service} ${step} ${code}`),
        ['smtp login token-rejected', 'imap login token-rejected'],
        'one that has expired is told so',
      )

      const { body, position } = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
        address: user,
        owner: { kind: 'team' },
        connection: connectionWith(token),
      })
      await syncing(client, body.id, position).after(0)
      const { body: email } = await client.send<{ id: string }>('POST', '/v1/outbox', {
        email: { accountId: body.id, to: [{ address: user }], subject: 'By token', html: '<p>Hello</p>' },
        undoSeconds: 0,
      })
      await until(
        'the sending',
        () => client.get<{ sentAt: string | null }>(`/v1/outbox/${email.id}`),
        ({ sentAt }) => sentAt !== null,
      )
      type Messages = { data: { subject: string }[] }
      await until(
        'both messages',
        () => client.get<Messages>(`/v1/messages?account=${body.id}&folder=inbox`),
        ({ data }) => ['one@x', 'By token'].every((subject) => data.some((each) => each.subject === subject)),
      )
      t.same(await app.leaks([token, old]), [], 'no token is shown or stored')
    },
  )
