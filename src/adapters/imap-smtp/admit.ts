import { passwordMissing, Secret } from '../../commands/ports/credentials.ts'
import type { Access, Admitted, MailProvider } from '../../commands/ports/mail-provider.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import {
  completed,
  forms,
  SECRETS,
  serverOf,
  type EnteredServer,
  type Protocol,
  type Server,
} from './connection.ts'
import { plainHost } from './host-names.ts'
import { tileOfHost, usernameOf } from './presets.ts'

const accountWithoutServer = defineRefusal('account-without-server', {
  title: 'No mail server given',
  meaning: 'An account needs an SMTP server, an IMAP server or both.',
  remedy: 'Give the settings for at least one of them.',
})

const twoSecrets = defineRefusal('password-and-token', {
  title: 'Password and access token given',
  meaning: 'A server is signed in to either with a password or with an access token.',
  remedy: 'Leave out one of them.',
})

/** Separates the entered servers from their secrets; at least one server is required. */
export const admit: MailProvider['admit'] = (entered, before): Admitted => {
  const { provider, ...asked } = forms.entered.parse(entered)
  const smtp = asked.smtp && completed('smtp', asked.smtp)
  const imap = asked.imap && completed('imap', asked.imap)
  if (smtp === null && imap === null) throw accountWithoutServer()
  return {
    connection: { provider, smtp: smtp && withoutPassword(smtp), imap: imap && withoutPassword(imap) },
    credentials: { ...secretFor('smtp', smtp, before), ...secretFor('imap', imap, before) },
    sends: smtp !== null,
    receives: imap !== null,
    filesCopies: smtp !== null && filesCopies(smtp.host),
    mailbox: imap === null ? mailboxOf('smtp', smtp!) : mailboxOf('imap', imap),
  }
}

/** These put everything sent through them into the mailbox's Sent folder. */
const filesCopies = (host: string): boolean => ['gmail', 'outlook'].includes(tileOfHost(host) ?? '')

/** A server and user name as a key: mail servers in practice ignore case in both, and some know a user by two names. */
const mailboxOf = (protocol: Protocol, { host, username }: Server): string => {
  const [tile, name] = [tileOfHost(host), username.trim().toLowerCase()]
  return JSON.stringify([plainHost(host), tile === null ? name : usernameOf(tile, protocol, name)])
}

const withoutPassword = ({ host, port, encryption, username }: EnteredServer): Server => ({
  host,
  port,
  encryption,
  username,
})

const secretFor = (
  protocol: Protocol,
  server: EnteredServer | null,
  before: Access | null,
): Record<string, Secret> => {
  if (server === null) return {}
  const { password, accessToken } = server
  const names = SECRETS[protocol]
  if (password !== undefined && accessToken !== undefined) throw twoSecrets()
  if (password !== undefined) return { [names.password]: new Secret(password) }
  if (accessToken !== undefined) return { [names.accessToken]: new Secret(accessToken) }
  return kept(protocol, server, before)
}

/** Whoever may change a server must not learn its secret by naming a host of their own. */
const kept = (protocol: Protocol, { host }: EnteredServer, before: Access | null): Record<string, Secret> => {
  for (const name of Object.values(SECRETS[protocol])) {
    const secret = before?.credentials[name]
    if (before !== null && secret !== undefined && serverOf(before, protocol)?.host === host)
      return { [name]: secret }
  }
  throw passwordMissing()
}
