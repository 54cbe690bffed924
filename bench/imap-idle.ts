import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImapFlow } from 'imapflow'
import { testTls } from '../scripts/lib/mail-servers/tls.ts'
import { idleRuns, MAILBOXES } from './idle-runs.ts'
import { mailThread } from './mail-thread.ts'
import type { Row } from './measure.ts'
import { benchService, temporaryFolder } from './service.ts'

const MESSAGES = 5
const BYTES = 17_000
const pass = 'bench'
const userOf = (mailbox: number): string => `sarah-${mailbox}@acme.test`

export const imapIdleRun: Row = {
  name: 'imap-idle-run',
  what: `sync runs that find nothing new in ${MAILBOXES} mailboxes on an IMAP server, over TLS`,
  ceilingWhat: 'bare imapflow that signs in and asks for the STATUS of the same folders, as many at once',
  unit: 'runs/s',
  reach: 0.5,
  run: async (bench) => {
    const tls = await testTls()
    const folder = temporaryFolder()
    const ca = join(folder.path, 'ca.pem')
    writeFileSync(ca, tls.ca)
    const mailboxes = Array.from({ length: MAILBOXES }, (_, mailbox) => userOf(mailbox))
    const users = Object.fromEntries(mailboxes.map((user) => [user, pass]))
    const mail = await mailThread({ tls: tls.good, users, messages: MESSAGES, bytes: BYTES })
    const measured = await idleRuns(bench, {
      start: async (clock) => {
        const env = {
          MAILTRAIL_EXTRA_CA: ca,
          MAILTRAIL_ALLOWED_PORTS: `${mail.smtpPort},${mail.imapPort}`,
        }
        const service = await benchService(bench, env, clock)
        await service.start()
        return service
      },
      connect: (client, mailbox) => {
        const user = userOf(mailbox)
        const imap = {
          host: 'localhost',
          port: mail.imapPort,
          encryption: 'tls',
          username: user,
          password: pass,
        }
        return client.send('POST', '/v1/email-accounts', {
          address: user,
          owner: { kind: 'team' },
          connection: { provider: 'imap-smtp', imap },
        })
      },
      bare: (mailbox) =>
        Promise.resolve(async () => {
          const client = new ImapFlow({
            host: 'localhost',
            port: mail.imapPort,
            secure: true,
            auth: { user: userOf(mailbox), pass },
            tls: { ca: tls.ca },
            logger: false,
          })
          await client.connect()
          for (const path of ['INBOX', 'Sent'])
            await client.status(path, { messages: true, uidNext: true, uidValidity: true })
          await client.logout()
        }),
    })
    await mail.close()
    folder.remove()
    return measured
  },
}
