import { z } from 'zod'
import { MailUnavailable, type Access } from '../../commands/ports/mail-provider.ts'
import { credentialsMissing, type Secret } from '../../commands/ports/credentials.ts'

/** `starttls` upgrades a plain connection (RFC 3207, RFC 2595), `tls` is encrypted from the first byte (RFC 8314). */
const encryption = z.enum(['starttls', 'tls', 'none'])

/** The server for one protocol of an account. The password is never here: it is in the vault. */
const server = z.object({
  host: z.string().trim().min(1).max(253),
  port: z.int().min(1).max(65535),
  encryption,
  username: z.string().min(1).max(320),
})

// Neither protocol can transmit control characters; most come from a line break that was copied along.
const noControls = [/^\P{Cc}*$/u, 'has a control character'] as const
const enteredServer = server.extend({
  port: server.shape.port.optional(),
  encryption: encryption
    .optional()
    .describe(
      '`tls`: encrypted from the first byte, which many programs call SSL. `starttls`: begins in clear text and then becomes ' +
        'encrypted, which many programs call TLS. `none` only for hosts that the operator allows. If it is left out, the ' +
        'port decides: `tls` on 465 and 993, otherwise `starttls`',
    ),
  username: server.shape.username.regex(...noControls),
  password: z
    .string()
    .min(1)
    .max(1000)
    .regex(...noControls)
    .optional()
    .describe('Write-only: it is never returned. If a change leaves it out, the stored password stays'),
  accessToken: z
    .string()
    .min(1)
    .max(10_000)
    .regex(...noControls)
    .optional()
    .describe(
      'An OAuth 2.0 access token in place of the password (OAUTHBEARER, XOAUTH2), for a CRM that signs people in itself. ' +
        'Write-only. When it has expired the account asks for a new one: change the connection',
    ),
})

const provider = z.literal('imap-smtp')
const recorded = z.object({ provider, smtp: server.nullable(), imap: server.nullable() })
const entered = z.object({
  provider,
  smtp: enteredServer
    .nullable()
    .default(null)
    .describe(
      'The server for sending; port 587 with `starttls` unless given. Null: the account only receives',
    ),
  imap: enteredServer
    .nullable()
    .default(null)
    .describe('The server for receiving; port 993 with `tls` unless given. Null: the account only sends'),
})

export const forms = { entered, recorded }

export type Server = z.infer<typeof server>
export type EnteredServer = z.infer<typeof enteredServer> & Server
/** A server, and what proves who we are: a password or an OAuth 2.0 access token. */
export type ServerLogin = Server & ({ readonly password: Secret } | { readonly accessToken: Secret })

/** Where submission and access to mail usually are, and the ports for each encryption. */
export const usual = {
  smtp: { port: 587, encryption: 'starttls', ports: { starttls: 587, tls: 465, none: 25 } },
  imap: { port: 993, encryption: 'tls', ports: { starttls: 143, tls: 993, none: 143 } },
} as const

/**
 * What was entered, with its port and encryption: as they are assigned (RFC 8314 for 465 and 993, RFC 6409 for 587). One
 * of the two follows from the other.
 */
export const completed = (protocol: Protocol, form: z.infer<typeof enteredServer>): EnteredServer => {
  const { port, encryption: named } = form
  const { ports, ...both } = usual[protocol]
  if (port === undefined)
    return { ...form, ...(named === undefined ? both : { port: ports[named], encryption: named }) }
  return { ...form, port, encryption: named ?? (port === 465 || port === 993 ? 'tls' : 'starttls') }
}

/** The names under which the secrets for the two protocols are sealed, of which each has one. */
export const SECRETS = {
  smtp: { password: 'smtpPassword', accessToken: 'smtpAccessToken' },
  imap: { password: 'imapPassword', accessToken: 'imapAccessToken' },
} as const
export type Protocol = keyof typeof SECRETS

export const serverOf = ({ connection }: Pick<Access, 'connection'>, protocol: Protocol): Server | null =>
  recorded.parse(connection)[protocol]

/** @throws MailUnavailable if there is no such server, or no secret is stored for it */
export const loginOf = (access: Access, protocol: Protocol): ServerLogin => {
  const found = serverOf(access, protocol)
  const names = SECRETS[protocol]
  const { [names.password]: password, [names.accessToken]: accessToken } = access.credentials
  if (found !== null && password !== undefined) return { ...found, password }
  if (found !== null && accessToken !== undefined) return { ...found, accessToken }
  throw signInAgain()
}

/** The password or the token itself. */
export const secretOf = (login: ServerLogin): string =>
  ('password' in login ? login.password : login.accessToken).reveal()

const signInAgain = () => {
  const { code, meaning, remedy } = credentialsMissing
  return new MailUnavailable('sign-in-again', code, meaning, remedy)
}
