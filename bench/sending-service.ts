import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { testTls, type TestTls } from '../scripts/lib/mail-servers/tls.ts'
import { mailThread, type MailThread } from './mail-thread.ts'
import type { Bench } from './measure.ts'
import { benchService, temporaryFolder, type BenchService } from './service.ts'

export const login = { user: 'sarah@acme.test', pass: 'bench' }

export type SendingService = {
  readonly service: BenchService
  readonly mail: MailThread
  readonly tls: TestTls
  readonly accountId: string
  readonly stop: () => Promise<void>
}

/** The whole service with an account that sends to an SMTP server in a thread of its own. */
export const sendingService = async (
  bench: Bench,
  env: Record<string, string> = {},
): Promise<SendingService> => {
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
    ...env,
  })
  await service.start()
  const server = {
    host: 'localhost',
    port: mail.smtpPort,
    encryption: 'starttls',
    username: login.user,
    password: login.pass,
  }
  const account = await service.client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: login.user,
    owner: { kind: 'team' },
    connection: { provider: 'imap-smtp', smtp: server },
  })
  return {
    service,
    mail,
    tls,
    accountId: account.body.id,
    stop: async () => {
      await service.stop()
      await mail.close()
      folder.remove()
    },
  }
}
