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
import { tileOfHost } from './presets.ts'

const accountWithoutServer = defineRefusal('account-without-server', {
  title: 'No mail server given',
  meaning: 'An account needs an SMTP server, an IMAP server or both.',
  remedy: 'Give the settings for at least one of them.',
})

/** Separates the entered servers from their passwords; at least one server is required. */
export const admit: MailProvider['admit'] = (entered, before): Admitted => {
  const { provider, ...asked } = forms.entered.parse(entered)
  const smtp = asked.smtp && completed('smtp', asked.smtp)
  const imap = asked.imap && completed('imap', asked.imap)
  if (smtp === null && imap === null) throw accountWithoutServer()
  return {
    connection: { provider, smtp: smtp && withoutPassword(smtp), imap: imap && withoutPassword(imap) },
    credentials: { ...passwordFor('smtp', smtp, before), ...passwordFor('imap', imap, before) },
    sends: smtp !== null,
    receives: imap !== null,
    filesCopies: smtp !== null && filesCopies(smtp.host),
    mailbox: mailboxOf(imap ?? smtp!),
  }
}

/** These put everything sent through them into the mailbox's Sent folder. */
const filesCopies = (host: string): boolean => ['gmail', 'outlook'].includes(tileOfHost(host) ?? '')

/** A server and user name as a key: mail servers in practice ignore case in both. */
const mailboxOf = ({ host, username }: Server): string =>
  JSON.stringify([plainHost(host), username.trim().toLowerCase()])

const withoutPassword = ({ host, port, encryption, username }: EnteredServer): Server => ({
  host,
  port,
  encryption,
  username,
})

const passwordFor = (
  protocol: Protocol,
  server: EnteredServer | null,
  before: Access | null,
): Record<string, Secret> => {
  if (server === null) return {}
  const password =
    server.password === undefined ? kept(protocol, server, before) : new Secret(server.password)
  if (password === undefined) throw passwordMissing()
  return { [SECRETS[protocol]]: password }
}

/** Whoever may change a server must not learn the password by naming a host of their own. */
const kept = (protocol: Protocol, { host }: EnteredServer, before: Access | null): Secret | undefined =>
  before !== null && serverOf(before, protocol)?.host === host
    ? before.credentials[SECRETS[protocol]]
    : undefined
