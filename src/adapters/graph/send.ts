import {
  MailUnavailable,
  type EmailToSend,
  type RefusedRecipient,
  type SendOutcome,
} from '../../commands/ports/mail-provider.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { unreachable } from '../network/problems.ts'
import { attach, splitMail } from './attachments.ts'
import { GraphRefusal, inOurWords, type GraphClient } from './client.ts'
import { messagePath } from './messages.ts'
import { unavailable } from './problems.ts'
import { disarm, draftsOf } from './drafts.ts'

type Release = (handle: string | null) => Promise<boolean>
type Recipient = { readonly emailAddress?: { readonly address?: string | null } | null }
type Draft = {
  readonly id: string
  readonly toRecipients?: readonly Recipient[] | null
  readonly ccRecipients?: readonly Recipient[] | null
  readonly bccRecipients?: readonly Recipient[] | null
}

/**
 * Makes a draft, asks, and sends it. Its id stays when it is sent, so that it tells after a crash whether the email went.
 */
export const sendByDraft = async (
  client: GraphClient,
  email: EmailToSend,
  release: Release,
): Promise<SendOutcome> => {
  let left: readonly string[]
  let draft: Draft
  try {
    left = await draftsOf(client, email.messageId)
    draft = await makeDraft(client, email)
  } catch (error) {
    return notSent(error)
  }
  if (!(await release(draft.id))) {
    await discard(client, draft.id)
    return { kind: 'withdrawn' }
  }
  // Only now is it certain that nobody else is sending one of them.
  for (const id of left) await discard(client, id)
  const outcome = await sendReleased(client, draft, email.envelope.recipients)
  if (outcome.kind === 'failed') await discard(client, draft.id)
  if (outcome.kind === 'deferred') await takeBack(client, draft.id)
  return outcome
}

const makeDraft = async (client: GraphClient, { mime, envelope }: EmailToSend): Promise<Draft> => {
  const small = splitMail(mime)
  const body = small.mime.toString('base64')
  const draft = (await client.ask({ method: 'POST', path: '/me/messages', body })) as Draft
  try {
    for (const attachment of small.attachments) await attach(client, draft.id, attachment)
    await addressTo(client, draft, envelope.recipients)
  } catch (error) {
    await discard(client, draft.id)
    throw error
  }
  return draft
}

const addressOf = ({ emailAddress }: Recipient): string => normaliseAddress(emailAddress?.address ?? '')

/** Graph sends to those whom the headers name: it is made to be those of the envelope, the others of them unseen. */
const addressTo = async (client: GraphClient, draft: Draft, recipients: readonly string[]): Promise<void> => {
  const wanted = new Map(recipients.map((each) => [normaliseAddress(each), each]))
  const [to, cc, bcc] = [draft.toRecipients, draft.ccRecipients, draft.bccRecipients].map((named) => {
    const kept = (named ?? []).filter((each) => wanted.has(addressOf(each)))
    return { kept, isSame: kept.length === (named ?? []).length }
  })
  const named = new Set([to, cc, bcc].flatMap((each) => each?.kept ?? []).map(addressOf))
  const unseen = [...wanted].filter(([normal]) => !named.has(normal)).map(([, each]) => recipient(each))
  if (unseen.length === 0 && [to, cc, bcc].every((each) => each?.isSame)) return
  const body = {
    toRecipients: to?.kept,
    ccRecipients: cc?.kept,
    bccRecipients: [...(bcc?.kept ?? []), ...unseen],
  }
  await client.ask({ method: 'PATCH', path: messagePath(draft.id), body })
}

const recipient = (to: string): Recipient => ({ emailAddress: { address: to } })

/** Where Graph names recipients that it does not take, the others get the email without them. */
const sendReleased = async (
  client: GraphClient,
  draft: Draft,
  recipients: readonly string[],
  refused: readonly string[] = [],
): Promise<SendOutcome> => {
  const accepted = recipients.filter((each) => !refused.includes(each))
  if (accepted.length === 0) return allRefused(refused)
  if (client.signal.aborted) return notSent(unreachable('stopped'))
  try {
    if (refused.length > 0) await addressTo(client, draft, accepted)
  } catch (error) {
    return notSent(error)
  }
  try {
    await client.ask({ method: 'POST', path: `${messagePath(draft.id)}/send` })
    return { kind: 'sent', accepted, refused: refused.map(refusal), putOff: [] }
  } catch (error) {
    const more = accepted.filter((each) => isRefusedBy(error, each))
    if (more.length > 0) return sendReleased(client, draft, recipients, [...refused, ...more])
    return isInDoubt(error) ? inDoubt(error) : notSent(error)
  }
}

const isRefusedBy = (error: unknown, address: string): boolean => {
  if (!(error instanceof GraphRefusal) || error.code !== 'ErrorInvalidRecipients') return false
  const others = /[\p{L}\p{N}.!#$%&*+/=?^_`{|}~@-]+/gu
  return [...error.said.matchAll(others)].some(
    ([word]) => normaliseAddress(word) === normaliseAddress(address),
  )
}

const refusal = (address: string): RefusedRecipient => ({
  address,
  code: null,
  enhancedCode: null,
  reason: 'Outlook does not accept this recipient',
})

const allRefused = (refused: readonly string[]): SendOutcome => {
  const { code, message: reason, remedy } = unavailable('outlook-recipients-refused')
  return { kind: 'failed', code, reason, remedy, refused: refused.map(refusal) }
}

/** The request got lost on its way, there or back. What Graph refuses, and what was never asked, is certain. */
const isInDoubt = (error: unknown): boolean => {
  if (error instanceof GraphRefusal) return error.status >= 500
  return !(error instanceof MailUnavailable) || !['throttled', 'sign-in-again'].includes(error.kind)
}

const unavailableOf = (error: unknown): MailUnavailable => {
  const ours = inOurWords(error)
  if (ours instanceof MailUnavailable) return ours
  throw error
}

const inDoubt = (error: unknown): SendOutcome => ({ kind: 'unknown', reason: unavailableOf(error).message })

/** For good where it is the email that Graph does not take. */
const notSent = (error: unknown): SendOutcome => {
  const { code, message: reason, remedy, until, kind } = unavailableOf(error)
  if (kind === 'refused') return { kind: 'failed', code, reason, remedy, refused: [] }
  return { kind: 'deferred', code, reason, ...(until === null ? {} : { until }) }
}

/** As `discard`, for one that an outcome is yet to be recorded of. */
const takeBack = async (client: GraphClient, id: string): Promise<void> => {
  try {
    await disarm(client, id)
  } catch (error) {
    unavailableOf(error)
  }
}

/** Takes a draft away that is not to be sent. Where that fails it stays, as a draft. */
const discard = async (client: GraphClient, id: string): Promise<void> => {
  try {
    await client.ask({ method: 'POST', path: `${messagePath(id)}/permanentDelete` })
  } catch (error) {
    unavailableOf(error)
  }
}
