import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { until } from '../scripts/lib/client.ts'
import { testTls } from '../scripts/lib/mail-servers/tls.ts'
import { textOfHtml } from '../src/adapters/mime/text-of-html.ts'
import { mailThread } from './mail-thread.ts'
import { inTurn, rate, type Row } from './measure.ts'
import { benchService, temporaryFolder } from './service.ts'

const MESSAGES = 300
const COMPOSING_MS = 40_000
const CONNECTIONS = 3
const login = { user: 'sarah@acme.test', pass: 'bench' }
const words = 'Following up on our conversation about the renewal of the contract. '
const html = `<p>${words.repeat(Math.ceil(10_000 / words.length))}</p><p><a href="https://acme.test/a">Proposal</a></p>`

/** As every email has it beside its HTML. */
const text = textOfHtml(html)

export const smtpSend: Row = {
  name: 'smtp-send',
  what: 'sending of queued emails, 10 kB of HTML, each released before its final dot and recorded after it',
  ceilingWhat: 'a bare nodemailer pool with the same emails to the same server',
  unit: 'messages/s',
  reach: 0.5,
  run: async (bench) => {
    const tls = await testTls()
    const folder = temporaryFolder()
    const ca = join(folder.path, 'ca.pem')
    writeFileSync(ca, tls.ca)
    const mail = await mailThread({
      tls: tls.good,
      users: { [login.user]: login.pass },
      messages: 0,
      bytes: 0,
    })
    const service = await benchService(bench, {
      MAILTRAIL_EXTRA_CA: ca,
      MAILTRAIL_ALLOWED_PORTS: `${mail.smtpPort},${mail.imapPort}`,
    })
    await service.start()
    const { client } = service
    const server = {
      host: 'localhost',
      port: mail.smtpPort,
      encryption: 'starttls',
      username: login.user,
      password: login.pass,
    }
    const account = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
      address: login.user,
      owner: { kind: 'team' },
      connection: { provider: 'imap-smtp', smtp: server },
    })
    let taken = 0
    // All due at the same time, so that composing is finished by then.
    const queue = async (scheduledAt: string) => {
      for (let index = 0; index < MESSAGES; index++)
        await client.send('POST', '/v1/outbox', {
          message: {
            accountId: account.body.id,
            to: [{ address: `c${index}@example.test` }],
            subject: 'Renewal',
            html,
          },
          scheduledAt,
          undoSeconds: 0,
        })
      if (Date.parse(scheduledAt) < Date.now())
        throw new Error('Composing took longer than the time left for it')
    }
    const ours = async () => {
      await queue(new Date(Date.now() + COMPOSING_MS).toISOString())
      await mail.taken(taken + 1)
      const measured = await rate(MESSAGES - 1, () => mail.taken(taken + MESSAGES))
      taken += MESSAGES
      await until(
        'Sending',
        () => client.get<{ data: unknown[] }>('/v1/outbox?state=releasing'),
        ({ data }) => data.length === 0,
      )
      return measured
    }
    const pool = createTransport({
      host: 'localhost',
      port: mail.smtpPort,
      requireTLS: true,
      auth: login,
      tls: { ca: tls.ca },
      pool: true,
      maxConnections: CONNECTIONS,
    })
    const ceiling = () => {
      taken += MESSAGES
      return rate(MESSAGES, () =>
        Promise.all(
          Array.from({ length: MESSAGES }, (_, index) =>
            pool.sendMail({
              from: login.user,
              to: `c${index}@example.test`,
              subject: 'Renewal',
              text,
              html,
            }),
          ),
        ),
      )
    }
    const measured = await inTurn(Math.min(bench.rounds, 3), ours, ceiling)
    pool.close()
    await service.stop()
    await mail.close()
    folder.remove()
    return measured
  },
}
