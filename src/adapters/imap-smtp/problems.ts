import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { defineCode } from '../../domain/refusal.ts'
import { loginHint } from './login-hints.ts'

type Problem = readonly [kind: MailUnavailable['kind'], title: string, message: string, remedy: string]

const CERTIFICATE_REMEDY =
  'Ask the mail provider for the right host name, or ask the operator of Mailtrail to trust its authority.'

/** Everything that can stand between us and a mail server, in our words: nothing of the server's own is repeated. */
const PROBLEMS = {
  'name-unknown': [
    'temporary',
    'Unknown host name',
    'The name of the mail server cannot be resolved',
    'Check the host name for typing errors.',
  ],
  'host-not-allowed': [
    'refused',
    'Host not allowed',
    'The mail server is not on the public Internet',
    'Use the public host name of the mail server, or ask the operator of Mailtrail to allow its network.',
  ],
  'port-not-allowed': [
    'refused',
    'Port not allowed',
    'This is not a port that mail servers use',
    'Use 993 or 143 for IMAP, 465 or 587 for SMTP, or ask the operator of Mailtrail to allow the port.',
  ],
  'clear-text-not-allowed': [
    'refused',
    'Encryption required',
    'Connections without encryption are not allowed to this mail server',
    'Choose TLS or STARTTLS, or ask the operator of Mailtrail to allow clear text for this host.',
  ],
  unreachable: [
    'temporary',
    'Mail server unreachable',
    'The mail server cannot be reached at this port',
    'Check the host name and port; the server may also be down or behind a firewall.',
  ],
  'timed-out': [
    'temporary',
    'No answer in time',
    'The mail server did not answer in time',
    'Check the port and the kind of encryption: a TLS port stays silent when STARTTLS is chosen, and the other way round.',
  ],
  'starttls-not-offered': [
    'refused',
    'STARTTLS not offered',
    'The mail server offers no STARTTLS, so the password was not sent',
    'Choose TLS with port 993 (IMAP) or 465 (SMTP). If the server did offer it before, somebody may be tampering with the connection.',
  ],
  'certificate-self-signed': [
    'refused',
    'Self-signed certificate',
    'The certificate of the mail server is self-signed, so the password was not sent',
    CERTIFICATE_REMEDY,
  ],
  'certificate-expired': [
    'refused',
    'Certificate expired',
    'The certificate of the mail server has expired or is not valid yet, so the password was not sent',
    'Tell whoever runs the mail server to renew the certificate.',
  ],
  'certificate-wrong-name': [
    'refused',
    'Certificate for another host',
    'The certificate of the mail server is for another host name, so the password was not sent',
    'Use the host name that the certificate is for; the mail provider states it.',
  ],
  'certificate-untrusted': [
    'refused',
    'Certificate not trusted',
    'The certificate of the mail server comes from an authority that is not trusted, so the password was not sent',
    CERTIFICATE_REMEDY,
  ],
  'tls-failed': [
    'refused',
    'Encryption failed',
    'No encrypted connection to the mail server could be made',
    'Check the port and the kind of encryption; the server must speak TLS 1.2 or newer.',
  ],
  'login-rejected': [
    'authentication',
    'Login rejected',
    'The mail server did not accept user name and password',
    'Check user name and password.',
  ],
  'login-disabled': [
    'authentication',
    'Password login not available',
    'The mail server does not offer a login with a password here',
    'Check the port and encryption, and whether the provider has switched password logins off.',
  ],
  'login-deferred': [
    'temporary',
    'Login not possible now',
    'The mail server cannot check logins at the moment',
    'Wait: it is tried again automatically. If this goes on, too many programs may be connected to this mailbox.',
  ],
  'inbox-missing': [
    'refused',
    'No inbox',
    'The mailbox has no INBOX',
    'Check that the user name belongs to a mailbox and that IMAP is switched on for it.',
  ],
  'folder-unavailable': [
    'refused',
    'Folder unavailable',
    'The folder cannot be opened',
    'Check that the folder is still there and may be read by this user.',
  ],
  'folder-changed': [
    'temporary',
    'Folder rebuilt',
    'The mail server has rebuilt the folder in the meantime',
    'Do nothing: it is read again automatically.',
  ],
  'append-refused': [
    'refused',
    'Copy refused',
    'The mail server did not accept the copy into the folder',
    'Check that the mailbox is not full and that the folder can be written to.',
  ],
  'command-refused': [
    'temporary',
    'Command refused',
    'The mail server refused a command',
    'Do nothing: it is tried again automatically.',
  ],
  'server-busy': [
    'temporary',
    'Mail server busy',
    'The mail server accepts no connections at the moment',
    'Wait: it is tried again automatically.',
  ],
  'connection-lost': [
    'temporary',
    'Connection lost',
    'The connection to the mail server was lost',
    'Do nothing: it is tried again automatically.',
  ],
  stopped: [
    'temporary',
    'Connection closed',
    'The connection to the mail server was closed on our side',
    'Do nothing: it is tried again automatically.',
  ],
  'protocol-error': [
    'temporary',
    'Unexpected answer',
    'The mail server gave an answer that makes no sense here',
    'Check the host name and port: another kind of server may be listening there.',
  ],
} as const satisfies Record<string, Problem>

export type ProblemCode = keyof typeof PROBLEMS

const MEANINGS: Record<MailUnavailable['kind'], string> = {
  authentication: 'Nothing works until a person corrects the login, or what the provider allows.',
  temporary: 'This may pass, so what was under way is tried again automatically.',
  refused: 'Nothing works until the settings of the account, of the mail server or of Mailtrail are changed.',
}

for (const [code, [kind, title, message, remedy]] of Object.entries(PROBLEMS))
  defineCode(code, { title, meaning: `${message}. ${MEANINGS[kind]}`, remedy })

/** @param host where known, for advice that fits the provider */
export const unavailable = (code: ProblemCode, host = ''): MailUnavailable => {
  const [kind, , message, remedy]: Problem = PROBLEMS[code]
  const hint = kind === 'authentication' ? loginHint(host) : null
  return new MailUnavailable(kind, code, message, hint === null ? remedy : `${remedy} ${hint}`)
}

const CODES: Record<string, ProblemCode> = {
  ENOTFOUND: 'name-unknown',
  EAI_AGAIN: 'name-unknown',
  ECONNREFUSED: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'timed-out',
  ETIMEOUT: 'timed-out',
  CONNECT_TIMEOUT: 'timed-out',
  GREETING_TIMEOUT: 'timed-out',
  UPGRADE_TIMEOUT: 'timed-out',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-self-signed',
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-wrong-name',
  HOSTNAME_MISMATCH: 'certificate-wrong-name',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-untrusted',
  CERT_UNTRUSTED: 'certificate-untrusted',
  CERT_REJECTED: 'certificate-untrusted',
  CERT_REVOKED: 'certificate-untrusted',
  CERT_SIGNATURE_FAILURE: 'certificate-untrusted',
  INVALID_CA: 'certificate-untrusted',
  INVALID_PURPOSE: 'certificate-untrusted',
  STARTTLS_INJECTION: 'tls-failed',
  EPROTO: 'tls-failed',
  ECONNRESET: 'connection-lost',
  ECONNABORTED: 'connection-lost',
  EPIPE: 'connection-lost',
  ECONNECTION: 'connection-lost',
  ESOCKET: 'connection-lost',
  NoConnection: 'connection-lost',
  EConnectionClosed: 'connection-lost',
  StateLogout: 'connection-lost',
  ClosedAfterConnectText: 'connection-lost',
  ClosedAfterConnectTLS: 'connection-lost',
  ETLS: 'tls-failed',
  ETHROTTLE: 'server-busy',
}

/** A property of a foreign error, where it is a non-empty string. */
export const textOf = (error: unknown, property: string): string => {
  if (typeof error !== 'object' || error === null) return ''
  const value: unknown = Reflect.get(error, property)
  return typeof value === 'string' ? value : ''
}

const isProblemCode = (code: string): code is ProblemCode => Object.hasOwn(PROBLEMS, code)

/** What an error of a socket, of TLS or of a library stands for; null where its code says nothing to us. */
export const codeOf = (error: unknown): ProblemCode | null => {
  if (error instanceof MailUnavailable) return isProblemCode(error.code) ? error.code : null
  for (const property of ['originalCode', 'code']) {
    const code = textOf(error, property)
    const known = CODES[code]
    if (known !== undefined) return known
    if (/^ERR_(SSL|TLS)_/.test(code)) return 'tls-failed'
  }
  return null
}
