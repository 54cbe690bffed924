import { createTransport } from 'nodemailer'
import { until } from '../scripts/lib/client.ts'
import { textOfHtml } from '../src/adapters/mime/text-of-html.ts'
import { inTurn, rate, type Row } from './measure.ts'
import { login, sendingService } from './sending-service.ts'

const MESSAGES = 300
const COMPOSING_MS = 40_000
const CONNECTIONS = 3
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
    const { service, mail, tls, accountId, stop } = await sendingService(bench)
    const { client } = service
    let taken = 0
    // All due at the same time, so that composing is finished by then.
    const queue = async (scheduledAt: string) => {
      for (let index = 0; index < MESSAGES; index++)
        await client.send('POST', '/v1/outbox', {
          email: {
            accountId,
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
        () => client.get<{ data: unknown[] }>('/v1/outbox?state=sending'),
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
    await stop()
    return measured
  },
}
