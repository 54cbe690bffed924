import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImapFlow } from 'imapflow'
import PostalMime from 'postal-mime'
import { until } from '../scripts/lib/client.ts'
import { testTls } from '../scripts/lib/mail-servers/tls.ts'
import { mailThread } from './mail-thread.ts'
import { inTurn, rate, type Row } from './measure.ts'
import { benchService, temporaryFolder } from './service.ts'

const MESSAGES = 10_000
const BYTES = 17_000
const login = { user: 'sarah@acme.test', pass: 'bench' }

type Runs = { data: { finishedAt: string | null; count: number; status: string }[] }

export const imapSync: Row = {
  name: 'imap-sync',
  what: `first sync of ${MESSAGES} messages of 17 kB over TLS: read, parsed, stored, recorded`,
  ceilingWhat: 'a bare loop that fetches the full source and parses it',
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
      messages: MESSAGES,
      bytes: BYTES,
    })
    const ours = async () => {
      const service = await benchService(bench, {
        MAILTRAIL_EXTRA_CA: ca,
        MAILTRAIL_ALLOWED_PORTS: `${mail.smtpPort},${mail.imapPort}`,
      })
      await service.start()
      const { client } = service
      const server = {
        host: 'localhost',
        port: mail.imapPort,
        encryption: 'tls',
        username: login.user,
        password: login.pass,
      }
      const measured = await rate(MESSAGES, async () => {
        const account = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
          address: login.user,
          owner: { kind: 'team' },
          connection: { provider: 'imap-smtp', imap: server },
        })
        const path = `/v1/email-accounts/${account.body.id}/sync-runs?min_position=${account.position}`
        const { data } = await until(
          'The sync',
          () => client.get<Runs>(path),
          (runs) => runs.data.some((run) => run.finishedAt !== null),
          600_000,
        )
        if (data.at(-1)?.count !== MESSAGES)
          throw new Error(`Synced ${data.at(-1)?.count}: ${data.at(-1)?.status}`)
      })
      await service.stop()
      return measured
    }
    const ceiling = () =>
      rate(MESSAGES, async () => {
        const client = new ImapFlow({
          host: 'localhost',
          port: mail.imapPort,
          secure: true,
          auth: login,
          tls: { ca: tls.ca },
          logger: false,
        })
        await client.connect()
        await client.mailboxOpen('INBOX', { readOnly: true })
        let parsed = 0
        for await (const { source } of client.fetch('1:*', { source: true })) {
          if (source) await PostalMime.parse(source)
          parsed++
        }
        if (parsed !== MESSAGES) throw new Error(`Parsed ${parsed}`)
        await client.logout()
      })
    const measured = await inTurn(1, ours, ceiling)
    await mail.close()
    folder.remove()
    return measured
  },
}
