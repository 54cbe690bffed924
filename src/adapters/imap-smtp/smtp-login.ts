import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import { secretOf, type ServerLogin } from './connection.ts'

/** Ways to prove who one is with an access token, the standard first (RFC 7628); Google and Microsoft know the other. */
const TOKEN_MECHANISMS = ['OAUTHBEARER', 'XOAUTH2'] as const
type TokenMechanism = (typeof TOKEN_MECHANISMS)[number]
type Handlers = NonNullable<NonNullable<ConstructorParameters<typeof SMTPConnection>[0]>['customAuth']>
type Handler = Handlers[string]

const PASSWORD_MECHANISMS = ['PLAIN', 'LOGIN', 'CRAM-MD5']

export const takesPassword = (mechanisms: ReadonlySet<string>): boolean =>
  PASSWORD_MECHANISMS.some((mechanism) => mechanisms.has(mechanism))

/** The mechanism to use for an access token; null if the server offers none. */
export const tokenMechanism = (mechanisms: ReadonlySet<string>): TokenMechanism | null =>
  TOKEN_MECHANISMS.find((mechanism) => mechanisms.has(mechanism)) ?? null

/** What is said first, with fields that end in U+0001. */
const initial = (mechanism: TokenMechanism, login: ServerLogin): string => {
  const { username, host, port } = login
  const token = secretOf(login)
  // In a GS2 header, = and , are written otherwise (RFC 5801 4).
  const name = username.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const fields =
    mechanism === 'OAUTHBEARER'
      ? [`n,a=${name},`, `host=${host}`, `port=${port}`, `auth=Bearer ${token}`]
      : [`user=${username}`, `auth=Bearer ${token}`]
  return Buffer.from([...fields, '', ''].join('\u0001')).toString('base64')
}

/** Every form in which the secret is said to a server. */
export const saidSecrets = (login: ServerLogin): string[] => {
  const secret = secretOf(login)
  const plain = [`\0${login.username}\0${secret}`, secret].map((text) => Buffer.from(text).toString('base64'))
  const byToken = 'password' in login ? [] : TOKEN_MECHANISMS.map((mechanism) => initial(mechanism, login))
  return [secret, ...plain, ...byToken]
}

/** After 334 the server has explained why it refuses, and waits for an answer before it says so (RFC 7628 3.2.3). */
const ACKNOWLEDGED = { OAUTHBEARER: 'AQ==', XOAUTH2: '' } as const

/** The library's own name for a mechanism would be taken for its own way to do it, or for a password. */
export const methodFor = (mechanism: TokenMechanism): string => `${mechanism}-WITH-TOKEN`

/** For the library, which knows one of the two mechanisms, and asks for new tokens in its own way. */
export const tokenHandlers = (login: ServerLogin): Handlers =>
  'password' in login
    ? {}
    : Object.fromEntries(
        TOKEN_MECHANISMS.map((mechanism): [string, Handler] => [
          methodFor(mechanism),
          async (connection) => {
            const said = initial(mechanism, login)
            const first = await connection.sendCommand(`AUTH ${mechanism} ${said}`)
            const last = first.status === 334 ? await connection.sendCommand(ACKNOWLEDGED[mechanism]) : first
            if (last.status !== 235) throw new Error('The access token was not accepted')
          },
        ]),
      )
