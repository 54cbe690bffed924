import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import type { MailTrouble } from '../../domain/mail-trouble.ts'
import { defineCode } from '../../domain/refusal.ts'

export type Problem = readonly [kind: MailTrouble, title: string, message: string, remedy: string]

const CERTIFICATE_REMEDY =
  'Ask the mail provider for the right host name, or ask the operator of Mailtrail to trust its authority.'

/** Everything that can stand between us and a mail server, in our words: nothing of the server's own is repeated. */
export const networkProblems = {
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
    'Check the port and the kind of encryption: a TLS port does not answer when STARTTLS is chosen, and vice versa.',
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
    'Use the host name that the certificate was issued for; ask the mail provider for it.',
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
    'An encrypted connection to the mail server could not be established',
    'Check the port and the kind of encryption; the server must speak TLS 1.2 or newer.',
  ],
  'connection-lost': [
    'temporary',
    'Connection lost',
    'The connection to the mail server was lost',
    'Do nothing: it is retried automatically.',
  ],
  stopped: [
    'temporary',
    'Connection closed',
    'The connection to the mail server was closed on our side',
    'Do nothing: it is retried automatically.',
  ],
} as const satisfies Record<string, Problem>

export type NetworkProblem = keyof typeof networkProblems

const MEANINGS: Record<MailTrouble, string> = {
  'sign-in-again': "Nothing works until a person corrects the login or the provider's permissions.",
  'scope-missing': 'Nothing works until a person allows Mailtrail to do this.',
  throttled: 'Too many requests in a short time; it is retried automatically.',
  gone: 'Nothing to do, unless it should exist.',
  temporary: 'This may be temporary, so the work in progress is retried automatically.',
  refused: 'Nothing works until the settings of the account, of the mail server or of Mailtrail are changed.',
}

/** Defines the codes of problems, so that they can be looked up, and an account's status follows from them. */
export const defineProblems = (problems: Readonly<Record<string, Problem>>): void => {
  for (const [code, [kind, title, message, remedy]] of Object.entries(problems))
    defineCode(code, { title, meaning: `${message}. ${MEANINGS[kind]}`, remedy, trouble: kind })
}

defineProblems(networkProblems)

export const unreachable = (code: NetworkProblem): MailUnavailable => {
  const [kind, , message, remedy]: Problem = networkProblems[code]
  return new MailUnavailable(kind, code, message, remedy)
}

const CODES: Record<string, NetworkProblem> = {
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
}

/** A property of a foreign error if it is a non-empty string, else ''. */
export const textOf = (error: unknown, property: string): string => {
  if (typeof error !== 'object' || error === null) return ''
  const value: unknown = Reflect.get(error, property)
  return typeof value === 'string' ? value : ''
}

const isNetworkProblem = (code: string): code is NetworkProblem => Object.hasOwn(networkProblems, code)

/** The problem behind an error of a socket, TLS or a library; null if its code is unknown. */
export const networkProblemOf = (error: unknown): NetworkProblem | null => {
  if (error instanceof MailUnavailable) return isNetworkProblem(error.code) ? error.code : null
  for (const property of ['originalCode', 'code']) {
    const code = textOf(error, property)
    const known = CODES[code]
    if (known !== undefined) return known
    if (/^ERR_(SSL|TLS)_/.test(code)) return 'tls-failed'
  }
  return null
}
