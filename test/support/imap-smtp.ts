import type { ServerLogin } from '../../src/adapters/imap-smtp/connection.ts'
import type { Secret } from '../../src/commands/ports/credentials.ts'
import type { Access } from '../../src/commands/ports/mail-provider.ts'

/** The access to a mailbox by these logins, as the product has it. */
export const accessTo = ({
  smtp = null,
  imap = null,
}: {
  readonly smtp?: ServerLogin | null
  readonly imap?: ServerLogin | null
}): Access => {
  const withoutPassword = (login: ServerLogin | null) =>
    login && { host: login.host, port: login.port, encryption: login.encryption, username: login.username }
  const credentials: Record<string, Secret> = {}
  for (const [protocol, login] of Object.entries({ smtp, imap })) {
    if (login === null) continue
    if ('password' in login) credentials[`${protocol}Password`] = login.password
    else credentials[`${protocol}AccessToken`] = login.accessToken
  }
  const connection = { provider: 'imap-smtp', smtp: withoutPassword(smtp), imap: withoutPassword(imap) }
  return { connection, credentials }
}
