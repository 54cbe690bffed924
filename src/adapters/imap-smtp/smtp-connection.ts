import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { textOf } from '../network/problems.ts'
import type { ServerLogin } from './connection.ts'
import type { OnStep } from './imap-connection.ts'
import { codeOf, unavailable } from './problems.ts'
import { methodFor, takesPassword, tokenHandlers, tokenMechanism } from './smtp-login.ts'
import { replyCode } from './smtp-replies.ts'

/**
 * The capabilities announced by the server after TLS (RFC 5321 4.1.1.1). `maxBytes` is its SIZE (RFC 1870), if given.
 */
type SmtpOffer = {
  readonly extensions: ReadonlySet<string>
  readonly mechanisms: ReadonlySet<string>
  readonly maxBytes: number | null
}

export type SmtpLink = { readonly connection: SMTPConnection; readonly offer: SmtpOffer }

/** Reads the answer to EHLO; the answer to HELO is a single line, so it offers nothing. */
const offerOf = (answer: string): SmtpOffer => {
  const lines = answer.split(/\r?\n/).slice(1)
  const words = lines.map((line) =>
    line
      .replace(/^\d+[ -]/, '')
      .trim()
      .toUpperCase()
      .split(/[\s=]+/),
  )
  const size = Number(words.find(([name]) => name === 'SIZE')?.[1] ?? 0)
  return {
    extensions: new Set(words.map(([name = '']) => name)),
    mechanisms: new Set(words.flatMap(([name, ...mechanisms]) => (name === 'AUTH' ? mechanisms : []))),
    maxBytes: Number.isSafeInteger(size) && size > 0 ? size : null,
  }
}

/** Waits for a step whose callback never comes if the connection ends in the meantime. */
const step = (
  connection: SMTPConnection,
  work: (done: (error?: Error | null) => void) => void,
): Promise<void> =>
  new Promise((resolve, reject) => {
    connection.once('error', reject)
    connection.once('end', () => reject(unavailable('connection-lost')))
    work((error) => {
      connection.removeListener('error', reject)
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })

/** 421 with 4.7: the server closes the connection for reasons of policy (RFC 3463 3.8), in practice rate limits. */
const isThrottled = (error: unknown): boolean => /^421[ -]4\.7\./.test(textOf(error, 'response'))

const whyNotConnected = (error: unknown): MailUnavailable => {
  if (error instanceof MailUnavailable) return error
  if (textOf(error, 'command') === 'STARTTLS' && replyCode(error) !== 0)
    return unavailable('starttls-not-offered')
  if (isThrottled(error)) return unavailable('throttled')
  if (['EHLO', 'HELO'].includes(textOf(error, 'command')) && replyCode(error) >= 500)
    return unavailable('ehlo-name-refused')
  // EHLO was deferred, or the greeting was 421 or similar.
  if (replyCode(error) !== 0) return unavailable('server-busy')
  return unavailable(codeOf(error) ?? 'protocol-error')
}

const whyNotLoggedIn = (error: unknown, login: ServerLogin): MailUnavailable => {
  if (error instanceof MailUnavailable) return error
  if (isThrottled(error)) return unavailable('throttled')
  const code = replyCode(error)
  // 4yz is about this moment (RFC 4954 6: 454), 5yz about this login.
  if (code >= 500)
    return 'password' in login ? unavailable('login-rejected', login.host) : unavailable('token-rejected')
  if (code >= 400) return unavailable('login-deferred')
  return unavailable(codeOf(error) ?? 'protocol-error')
}

const authOf = (login: ServerLogin, { mechanisms }: SmtpOffer) => {
  const user = login.username
  if ('password' in login) {
    if (!takesPassword(mechanisms)) throw unavailable('login-disabled', login.host)
    return { user, pass: login.password.reveal() }
  }
  const mechanism = tokenMechanism(mechanisms)
  if (mechanism === null) throw unavailable('token-login-not-offered')
  return { user, method: methodFor(mechanism) }
}

/**
 * A logged-in connection for submission (RFC 6409). With STARTTLS, nothing of the login is sent before TLS.
 * @throws MailUnavailable
 */
export const openSmtp = async (
  guard: EgressGuard,
  login: ServerLogin,
  signal: AbortSignal,
  onStep: OnStep = () => {},
): Promise<SmtpLink> => {
  const checked = await guard.check(login)
  onStep('name')
  const { host } = checked.server
  const plain = await guard.connect(checked, signal)
  onStep('tcp')
  const direct = login.encryption === 'tls'
  const socket = direct ? await guard.secure(plain, host) : plain
  if (login.encryption !== 'starttls') onStep('tls')
  const connection = new SMTPConnection({
    connection: socket,
    name: guard.ehloName(plain),
    host,
    port: login.port,
    secure: direct,
    secured: direct,
    requireTLS: login.encryption === 'starttls',
    ignoreTLS: login.encryption === 'none',
    tls: guard.tlsOptions(host),
    customAuth: tokenHandlers(login),
    connectionTimeout: guard.limits.connectMs + guard.limits.greetingMs,
    greetingTimeout: guard.limits.greetingMs,
    socketTimeout: guard.limits.silenceMs,
    // Closing must be immediate: what has not been written of an email must not be.
    socketCloseTimeout: 0,
    logger: false,
  })
  connection.on('error', () => {})
  const stop = () => connection.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await step(connection, (done) => connection.connect(done)).catch((error: unknown) => {
      throw whyNotConnected(error)
    })
    if (login.encryption === 'starttls') onStep('tls')
    const offer = offerOf(connection.lastServerResponse === false ? '' : connection.lastServerResponse)
    const auth = authOf(login, offer)
    await step(connection, (done) => connection.login(auth, done)).catch((error: unknown) => {
      throw whyNotLoggedIn(error, login)
    })
    onStep('login')
    return { connection, offer }
  } catch (error) {
    connection.close()
    throw signal.aborted ? unavailable('stopped') : error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
