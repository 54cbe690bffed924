import { isAscii } from 'node:buffer'
import type { SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection'
import {
  MailUnavailable,
  type EmailToSend,
  type MailProvider,
  type SendOutcome,
} from '../../commands/ports/mail-provider.ts'
import { invalidAddress, isAddress } from '../../domain/mail.ts'
import { defineCode } from '../../domain/refusal.ts'
import { noRecipient } from '../../domain/sending/recipients.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { loginOf, type ServerLogin } from './connection.ts'
import { heldMessage } from './held-message.ts'
import { codeOf, unavailable } from './problems.ts'
import { smtpPool, type Loan, type PoolLimits } from './smtp-pool.ts'
import {
  deferred,
  deferredBy,
  emailTooLarge,
  failed,
  refusedAndPutOff,
  refusedOutcome,
  replyCode,
} from './smtp-replies.ts'

type Message = Pick<EmailToSend, 'envelope' | 'mime'>
type Release = Parameters<MailProvider['send']>[2]
type Answer = { readonly error: unknown; readonly info: SMTPConnectionSendInfo | null }

/** `stale`: a reused connection turned out to be dead, and nothing of this email was taken. */
type Attempt = SendOutcome | { readonly kind: 'stale' }

const DEFAULT_POOL: PoolLimits = { connectionsPerLogin: 3, messagesPerConnection: 100, idleMs: 30_000 }
/** How long a stop waits for the answer to an email that has been released. */
const STOP_GRACE_MS = 10_000

/** What is wrong with the addresses; null if nothing is. Checked before connecting (CR LF injection). */
const addressProblem = ({ from, recipients }: Message['envelope']): SendOutcome | null => {
  const bad = [from, ...recipients].filter((address) => !isAddress(address))
  if (bad.length > 0) {
    const reason = 'Not an email address'
    const refused = bad.map((address) => ({ address, code: null, enhancedCode: null, reason }))
    return failed(invalidAddress, { refused })
  }
  return recipients.length === 0 ? failed(noRecipient) : null
}

const onlyAscii = defineCode('smtputf8-not-offered', {
  title: 'ASCII addresses only',
  meaning: 'The mail server only accepts ASCII addresses (it does not support RFC 6531).',
  remedy: 'Use the ASCII form of the address.',
})

/** What this server cannot take; null if it can take the email. */
const offerProblem = ({ envelope, mime }: Message, { offer }: Loan): SendOutcome | null => {
  if (offer.maxBytes !== null && mime.length > offer.maxBytes) {
    const [size, limit] = [mime.length, offer.maxBytes].map((bytes) => (bytes / 1024 / 1024).toFixed(1))
    return failed(emailTooLarge, {
      detail: `The email has ${size} MB, but the mail server accepts at most ${limit} MB.`,
    })
  }
  const international = [envelope.from, ...envelope.recipients].some((address) => /\P{ASCII}/u.test(address))
  if (!international || offer.extensions.has('SMTPUTF8')) return null
  return failed(onlyAscii)
}

/** Hands an email to the library, and learns of its end in whatever way it comes. */
const started = ({ connection }: Loan, { envelope, mime }: Message) => {
  const held = heldMessage(mime, () => connection._socket)
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const state: { answer: Answer | null } = { answer: null }
  const ended = () => setImmediate(() => answered({ error: unavailable('connection-lost'), info: null }))
  const answered = (answer: Answer): void => {
    connection.removeListener('end', ended)
    state.answer ??= answer
    resolve(state.answer)
  }
  // After our own close() the library calls nobody back, and otherwise only after this event.
  connection.once('end', ended)
  connection.send(
    {
      from: envelope.from,
      to: [...envelope.recipients],
      size: mime.length,
      use8BitMime: !isAscii(mime),
    },
    held.stream,
    (error, info) => answered({ error, info: error === null ? info : null }),
  )
  return { held, state, answer: promise }
}

/** A transaction that ended without its dot: nothing was sent, whatever the server says. */
const beforeDot = (
  { error, info }: Answer,
  reused: boolean,
  login: ServerLogin,
  recipients: readonly string[],
): Attempt => {
  if (info !== null) return deferred(unavailable('protocol-error'))
  const code = replyCode(error)
  if (reused && (code === 0 || code === 421)) return { kind: 'stale' }
  return code === 0 ? deferredBy(error) : refusedOutcome(error, login, recipients)
}

const afterDot = (
  { error, info }: Answer,
  login: ServerLogin,
  recipients: readonly string[],
): SendOutcome => {
  if (info !== null) {
    return {
      kind: 'sent',
      accepted: [...info.accepted],
      ...refusedAndPutOff(info.rejectedErrors ?? [], login),
    }
  }
  const code = replyCode(error)
  if (code >= 400 && code <= 599) return refusedOutcome(error, login, recipients)
  return { kind: 'unknown', reason: unavailable(codeOf(error) ?? 'protocol-error').message }
}

/**
 * One SMTP transaction in which we control the moment of commitment: everything but the final dot is written, then
 * `release` is asked, and only its yes writes the dot. If the transaction ends before that, nothing was sent.
 * @throws what `release` throws; nothing was sent in that case
 */
const transact = async (
  loan: Loan,
  login: ServerLogin,
  message: Message,
  release: Release,
  stopped: AbortSignal,
  answerMs: number,
): Promise<Attempt> => {
  const { connection, reused } = loan
  const { recipients } = message.envelope
  const { held, state, answer } = started(loan, message)
  const cut = () => connection.close()
  stopped.addEventListener('abort', cut, { once: true })
  if (stopped.aborted) cut()
  try {
    const early = await Promise.race([answer, held.written.then(() => null)])
    if (stopped.aborted) return deferred(unavailable('stopped'))
    if (early !== null) return beforeDot(early, reused, login, recipients)
    // SMTP has no name of its own for a prepared email.
    const mayGo = await release(null)
    if (!mayGo) return { kind: 'withdrawn' }
    if (stopped.aborted) return deferred(unavailable('stopped'))
    if (state.answer !== null) return beforeDot(state.answer, false, login, recipients)
    if (connection.destroyed || !connection._socket) return deferred(unavailable('connection-lost'))
    connection._socket.setTimeout(answerMs)
    held.finish()
  } finally {
    stopped.removeEventListener('abort', cut)
  }
  // From here on only the answer can tell, so a stop gives it a moment.
  let grace: NodeJS.Timeout | undefined
  const wait = () => (grace = setTimeout(cut, STOP_GRACE_MS))
  stopped.addEventListener('abort', wait, { once: true })
  try {
    return afterDot(await answer, login, recipients)
  } finally {
    stopped.removeEventListener('abort', wait)
    clearTimeout(grace)
  }
}

/** Whatever prevents a connection is `MailUnavailable`; nothing else is caught. */
const unlessUnavailable = async <T>(work: () => Promise<T>): Promise<T | MailUnavailable> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MailUnavailable) return error
    throw error
  }
}

/**
 * Sends by SMTP submission over connections kept open between emails. Login and connection failures are `deferred`
 * under the code of the problem, even those that need a person; only an email that was itself refused is `failed`.
 */
export const smtpSender = (
  guard: EgressGuard,
  pool: Partial<PoolLimits> = {},
): Pick<MailProvider, 'send' | 'close'> => {
  const connections = smtpPool(guard, { ...DEFAULT_POOL, ...pool })

  const attempt = async (
    login: ServerLogin,
    message: Message,
    release: Release,
    signal: AbortSignal,
  ): Promise<Attempt> => {
    const loan = await unlessUnavailable(() => connections.borrow(login, signal))
    if (loan instanceof MailUnavailable) return deferred(loan)
    let healthy = false
    try {
      const cannot = offerProblem(message, loan)
      const outcome = cannot ?? (await transact(loan, login, message, release, signal, guard.limits.answerMs))
      healthy = cannot !== null || outcome.kind === 'sent'
      return outcome
    } finally {
      loan.giveBack(healthy)
    }
  }

  return {
    send: async (access, message, release, signal) => {
      const invalid = addressProblem(message.envelope)
      if (invalid !== null) return invalid
      const login = await unlessUnavailable(async () => loginOf(access, 'smtp'))
      if (login instanceof MailUnavailable) return deferred(login)
      for (;;) {
        const outcome = await attempt(login, message, release, signal)
        if (outcome.kind !== 'stale') return outcome
      }
    },
    close: () => {
      connections.close()
      return Promise.resolve()
    },
  }
}
