import addressparser from 'nodemailer/lib/addressparser'
import {
  MailUnavailable,
  type Access,
  type EmailToSend,
  type MailProvider,
  type SendOutcome,
} from '../../commands/ports/mail-provider.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { defineCode } from '../../domain/refusal.ts'
import type { ClientOf } from './client.ts'
import { attempt, createDraft, discard, draftsOf, takeBack } from './drafts.ts'
import { stopped, unavailable } from './problems.ts'
import { COST } from './quota.ts'

/** The longest email that can be uploaded (discovery document of the Gmail API, `drafts.create`, `maxSize`). */
const MAX_EMAIL_BYTES = 36_700_160
/** How long a stop waits for the answer to an email that has been released. */
const STOP_GRACE_MS = 10_000

const othersNamed = defineCode('gmail-other-recipients', {
  title: 'Other recipients named',
  meaning: 'Gmail sends an email to everybody it names, so it cannot be sent to some of them alone.',
  remedy: 'Write a new email to the recipients that did not get this one.',
})

/**
 * Makes a draft, asks, and sends it. Until the draft is sent nothing has gone; whether it went can be told from it after
 * a crash (`whatBecameOf`).
 */
export const sendByDraft =
  (clientOf: ClientOf): MailProvider['send'] =>
  async (access, email, release, signal) => {
    const mime = addressed(email)
    if (mime === null) {
      const { code, meaning: reason, remedy } = othersNamed
      return { kind: 'failed', code, reason, remedy, refused: [] }
    }
    if (mime.length > MAX_EMAIL_BYTES) return notSent(unavailable('gmail-too-large'))
    const client = clientOf(access, signal)
    const left = await attempt(() => draftsOf(client, email.messageId))
    if (left instanceof MailUnavailable) return notSent(left)
    const draft = await attempt(() => createDraft(client, mime))
    if (draft instanceof MailUnavailable) return notSent(draft)
    if (!(await release(draft))) {
      await discard(clientOf, access, [draft])
      return { kind: 'withdrawn' }
    }
    if (signal.aborted) return notSent(stopped())
    // Only now is it certain that nobody else is sending one of them.
    if (left.length > 0) await discard(clientOf, access, left)
    const sent = await attempt(() => sendDraft(clientOf, access, draft, signal))
    if (!(sent instanceof MailUnavailable))
      return { kind: 'sent', accepted: [...email.envelope.recipients], refused: [], putOff: [] }
    // It may have been sent all the same, by this request or by a person who found the draft.
    if (sent.kind === 'temporary' || sent.kind === 'gone') return { kind: 'unknown', reason: sent.message }
    const outcome = notSent(sent)
    if (outcome.kind === 'failed') await discard(clientOf, access, [draft])
    else await takeBack(clientOf, access, draft)
    return outcome
  }

/**
 * The bytes as Gmail takes them: it sends to whom the header names, and takes out Bcc. Null if the header names somebody
 * who is not to get it.
 */
const addressed = ({ envelope, mime }: EmailToSend): Buffer | null => {
  const end = mime.indexOf('\r\n\r\n')
  const header = mime.subarray(0, end < 0 ? mime.length : end + 2).toString('utf8')
  const fields = header.replaceAll(/\r\n[ \t]/g, ' ').split('\r\n')
  const named = fields.flatMap((field) => {
    const [, value = ''] = /^(?:to|cc|bcc):(.*)$/i.exec(field) ?? []
    return addressparser(value, { flatten: true }).map(({ address }) => normaliseAddress(address))
  })
  const wanted = new Set(envelope.recipients.map(normaliseAddress))
  if (named.some((address) => !wanted.has(address))) return null
  const hidden = envelope.recipients.filter((address) => !named.includes(normaliseAddress(address)))
  if (hidden.length === 0) return mime
  return Buffer.concat([Buffer.from(`Bcc: ${hidden.join(',\r\n ')}\r\n`), mime])
}

/** Without a release nothing was sent: for good where it is the email that Gmail does not take. */
const notSent = ({ kind, code, message: reason, remedy, until }: MailUnavailable): SendOutcome =>
  code === 'gmail-refused' || code === 'gmail-too-large'
    ? { kind: 'failed', code, reason, remedy, refused: [] }
    : { kind: 'deferred', code, reason, ...(kind === 'throttled' && until !== null ? { until } : {}) }

/** From here on only the answer can tell, so a stop gives it a moment. */
const sendDraft = async (
  clientOf: ClientOf,
  access: Access,
  id: string,
  signal: AbortSignal,
): Promise<void> => {
  const end = new AbortController()
  let grace: NodeJS.Timeout | undefined
  const wait = (): void => void (grace = setTimeout(() => end.abort(), STOP_GRACE_MS))
  signal.addEventListener('abort', wait, { once: true })
  try {
    await clientOf(access, end.signal).call(COST.send, (users, options) =>
      users.drafts.send({ userId: 'me', requestBody: { id } }, options),
    )
  } finally {
    signal.removeEventListener('abort', wait)
    clearTimeout(grace)
  }
}
