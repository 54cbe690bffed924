import { z } from 'zod'
import { MailUnavailable, type Access } from '../../commands/ports/mail-provider.ts'
import { credentialsMissing, type Secret } from '../../commands/ports/credentials.ts'

/** `starttls` upgrades a plain connection (RFC 3207, RFC 2595), `tls` is encrypted from the first byte (RFC 8314). */
const encryption = z.enum(['starttls', 'tls', 'none'])

/** Where one protocol of an account is served. The password is never here: the vault keeps it. */
const server = z.object({
  host: z.string().trim().min(1).max(253),
  port: z.int().min(1).max(65535),
  encryption,
  username: z.string().min(1).max(320),
})

// Neither protocol can carry them; most come from a line break that was copied along.
const noControls = [/^\P{Cc}*$/u, 'has a control character'] as const
const enteredServer = server.extend({
  username: server.shape.username.regex(...noControls),
  password: z
    .string()
    .min(1)
    .max(1000)
    .regex(...noControls)
    .optional()
    .describe('Write-only: it is never given back. In a change it may be left out: the kept one stays'),
})

const provider = z.literal('imap-smtp')
const recorded = z.object({ provider, smtp: server.nullable(), imap: server.nullable() })
const entered = z.object({
  provider,
  smtp: enteredServer.nullable().default(null).describe('Null: the account only receives'),
  imap: enteredServer.nullable().default(null).describe('Null: the account only sends'),
})

export const forms = { entered, recorded }

export type Server = z.infer<typeof server>
export type EnteredServer = z.infer<typeof enteredServer>
export type ServerLogin = Server & { readonly password: Secret }

/** Under which name the password for each protocol is sealed. */
export const SECRETS = { smtp: 'smtpPassword', imap: 'imapPassword' } as const
export type Protocol = keyof typeof SECRETS

export const serverOf = ({ connection }: Pick<Access, 'connection'>, protocol: Protocol): Server | null =>
  recorded.parse(connection)[protocol]

/** @throws MailUnavailable where there is no such server, or no password is kept for it */
export const loginOf = (access: Access, protocol: Protocol): ServerLogin => {
  const found = serverOf(access, protocol)
  const password = access.credentials[SECRETS[protocol]]
  if (found === null || password === undefined) throw signInAgain()
  return { ...found, password }
}

const signInAgain = () => {
  const { code, meaning, remedy } = credentialsMissing
  return new MailUnavailable('sign-in-again', code, meaning, remedy)
}
