import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import type { TokenKey } from '../../scripts/lib/mail-servers/dovecot.ts'
import { skipWithoutPostfix } from '../../scripts/lib/mail-servers/postfix.ts'
import { mimeOf } from '../contracts/mail-provider-harness.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { mailIn } from '../support/mail-in-folder.ts'
import { mailboxesBehindPostfix } from '../support/mailboxes-on-dovecot.ts'
import { problemIn } from '../support/problem-answers.ts'

const sarah = 'sarah@acme.test'
const mia = 'mia@acme.test'
const HOUR_MS = 3_600_000

const newKey = (id: string): TokenKey => ({ id, secret: randomBytes(32) })

const tokenFor = (email: string, { id, secret }: TokenKey, lastsMs = HOUR_MS): Promise<string> =>
  new SignJWT({ email })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: id })
    .setSubject(email)
    .setExpirationTime(new Date(Date.now() + lastsMs))
    .sign(secret)

type Step = { step: string; service: string; code?: string; remedy?: string }

for (const mechanism of ['oauthbearer', 'xoauth2'] as const)
  t.test(
    `an access token does what a password does (${mechanism})`,
    { skip: skipWithoutPostfix() },
    async (t) => {
      const [key, nextKey] = [newKey('first'), newKey('next')]
      const { app, dovecot, postfix, connect } = await mailboxesBehindPostfix(t, [sarah, mia], {
        tokens: { key, mechanisms: [mechanism] },
      })
      const { client } = app
      const connectionWith = (accessToken: string) => {
        const login = { host: 'localhost', username: sarah, accessToken }
        return {
          provider: 'imap-smtp',
          smtp: { ...login, port: postfix.port, encryption: 'starttls' },
          imap: { ...login, port: dovecot.imapPort, encryption: 'tls' },
        }
      }
      const token = await tokenFor(sarah, key)
      const unusable = {
        expired: await tokenFor(sarah, key, -HOUR_MS),
        forged: await tokenFor(sarah, newKey(key.id)),
        'of somebody else': await tokenFor(mia, key),
      }

      for (const [name, accessToken] of Object.entries(unusable))
        t.test(`one that is ${name} is refused by both servers`, async (t) => {
          const connection = connectionWith(accessToken)
          const tried = await client.send<{ steps: Step[] }>('POST', '/v1/connection-tests', { connection })
          const refusals = tried.body.steps.filter(({ code }) => code !== undefined)
          t.same(
            refusals.map(({ service, step, code }) => `${service} ${step} ${code}`),
            ['smtp login token-rejected', 'imap login token-rejected'],
          )
          for (const { remedy } of refusals) t.match(remedy, /Send a new access token/)
          const body = { address: sarah, owner: { kind: 'team' }, connection }
          problemIn(t, await app.ask('POST', '/v1/email-accounts', { body }), 422, 'token-rejected')
        })

      dovecot.seed(sarah, 'INBOX', [{ raw: mimeOf('one@x'), flags: '', at: new Date() }])
      const mailbox = await connect(sarah, {}, { accessToken: token })

      t.test('the mailbox is read, and emails are sent', async (t) => {
        t.match(await mailbox.messages(), [{ subject: 'one@x' }])
        await mailbox.queue({ to: [{ address: mia }], subject: 'By token', html: '<p>Hello</p>' })
        const [arrived] = await mailIn(dovecot, mia, 'INBOX', 1)
        t.equal(arrived?.envelope.subject, 'By token')
      })

      const path = `/v1/email-accounts/${mailbox.account}`
      const health = async () => client.get<object>(`${path}/sync-status?${await upToNow(client)}`)
      const renewed = await tokenFor(sarah, nextKey)

      t.test('once it is not accepted any more, a new one is asked for', async (t) => {
        dovecot.changeTokenKey(nextKey)
        const failed = await until('The refusal', mailbox.sync.now, ({ status }) => status === 'Failed')
        t.match(failed, { detail: /did not accept the access token/ })
        t.match(await health(), {
          status: 'needs-reauthentication',
          reasons: [{ code: 'token-rejected', remedy: /Send a new access token/ }],
        })
        const etag = (await app.ask('GET', `${path}?${await upToNow(client)}`)).headers.get('etag') ?? ''
        const answer = await app.ask('PUT', `${path}/connection`, {
          body: { connection: connectionWith(renewed) },
          headers: { 'if-match': etag },
        })
        t.equal(answer.status, 200)
        t.match(await mailbox.sync.now(), { status: 'Success' })
        t.match(await health(), { status: 'active', reasons: [] })
      })

      t.test('no token is in a log line, an answer, an event or a table', async (t) => {
        t.same(await app.leaks([token, renewed, ...Object.values(unusable)]), [])
      })
    },
  )
