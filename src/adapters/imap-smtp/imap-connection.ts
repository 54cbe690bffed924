import tls from 'node:tls'
import type { ImapFlow } from 'imapflow'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { textOf } from '../network/problems.ts'
import { secretOf, type ServerLogin } from './connection.ts'
import { tileOfHost } from './presets.ts'
import { codeOf, unavailable } from './problems.ts'

/** Called after each step of connecting. */
export type OnStep = (step: 'name' | 'tcp' | 'tls' | 'login') => void

/** Larger literals end the connection; more than any message that mail servers take. */
const MAX_LITERAL_BYTES = 256 * 1024 * 1024

/** IDLE is renewed this often: servers end a longer one, after half an hour at most (RFC 2177) and some much sooner. */
const IDLE_MS = 3 * 60_000

/** Response codes to a login that say nothing about the password (RFC 5530, RFC 9051 7.1). */
const NOT_THE_PASSWORD = ['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG', 'CONTACTADMIN']

const whyNot = (error: unknown, client: ImapFlow, login: ServerLogin): MailUnavailable => {
  const { host } = login
  const byToken = 'accessToken' in login
  if (error instanceof MailUnavailable) return error
  const known = codeOf(error)
  const flag = (name: string): boolean =>
    typeof error === 'object' && error !== null && Reflect.get(error, name) === true
  if (flag('tlsFailed')) return unavailable(known ?? 'starttls-not-offered')
  if (flag('authenticationFailed')) {
    if (client.capabilities.has('LOGINDISABLED') && !byToken) return unavailable('login-disabled', host)
    // Gmail says this if too much was asked of a mailbox.
    if (textOf(error, 'serverResponseCode') === 'OVERQUOTA') return unavailable('throttled')
    const deferred = NOT_THE_PASSWORD.includes(textOf(error, 'serverResponseCode'))
    if (deferred) return unavailable('login-deferred', host)
    return byToken ? unavailable('token-rejected') : unavailable('login-rejected', host)
  }
  if (known === 'connection-lost' && textOf(error, 'reason') !== '') return unavailable('server-busy')
  if (textOf(error, 'message') === 'Unsupported authentication mechanism')
    return byToken ? unavailable('token-login-not-offered') : unavailable('login-disabled', host)
  return unavailable(known ?? 'protocol-error')
}

/**
 * A logged-in connection. The library gets sockets that the guard has opened, and starts TLS itself only for STARTTLS,
 * which it then must do or fail.
 * @throws MailUnavailable
 */
export const openImap = async (
  guard: EgressGuard,
  login: ServerLogin,
  signal: AbortSignal,
  onStep: OnStep = () => {},
): Promise<ImapFlow> => {
  // Otherwise every start takes a sixth of a second longer. Not once the socket is open: it needs a listener at once.
  const imapFlow = await import('imapflow')
  const checked = await guard.check(login)
  onStep('name')
  const { host } = checked.server
  const plain = await guard.connect(checked, signal)
  onStep('tcp')
  const socket = login.encryption === 'tls' ? await guard.secure(plain, host) : plain
  if (login.encryption !== 'starttls') onStep('tls')
  const client = new imapFlow.ImapFlow({
    host,
    port: login.port,
    secure: login.encryption === 'tls',
    ...(login.encryption === 'tls' ? {} : { doSTARTTLS: login.encryption === 'starttls' }),
    transport: {
      connect: (_options, connected) => {
        setImmediate(connected)
        return socket
      },
      upgrade: (_socket, _options, secured) =>
        tls.connect({ ...guard.tlsOptions(host), socket }, () => {
          onStep('tls')
          secured()
        }),
    },
    auth: { user: login.username, ['password' in login ? 'pass' : 'accessToken']: secretOf(login) },
    clientInfo: { name: 'Mailtrail', vendor: 'Mailtrail' },
    connectionTimeout: guard.limits.connectMs,
    greetingTimeout: guard.limits.greetingMs,
    socketTimeout: guard.limits.silenceMs,
    maxLiteralSize: MAX_LITERAL_BYTES,
    maxResponseSize: MAX_LITERAL_BYTES * 2,
    // What iCloud says has vanished cannot be read.
    qresync: tileOfHost(host) !== 'icloud',
    disableAutoIdle: true,
    maxIdleTime: IDLE_MS,
    disableCompression: true,
    logger: false,
  })
  // Without a listener some failures end the process; every command reports its own.
  client.on('error', () => {})
  const stop = () => client.close()
  signal.addEventListener('abort', stop, { once: true })
  client.once('close', () => signal.removeEventListener('abort', stop))
  if (signal.aborted) stop()
  try {
    await client.connect()
    onStep('login')
    return client
  } catch (error) {
    client.close()
    socket.destroy()
    throw signal.aborted ? unavailable('stopped') : whyNot(error, client, login)
  }
}
