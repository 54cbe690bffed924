import { createHash } from 'node:crypto'
import { levelOf, requireLevel } from '../../domain/accounts/access-rights.ts'
import { accountReceivesOnly, accountSendsNoMail, notYourAccount } from '../../domain/accounts/refusals.ts'
import { refuseIncomplete } from '../../domain/sending/assemble.ts'
import type { Draft } from '../../domain/sending/events.ts'
import { withShownIds } from '../../domain/sending/inline-files.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import { draftOf, type OutgoingEmail, type QueuedEmail } from '../../domain/sending/outgoing-state.ts'
import { countRecipients, requireRecipients } from '../../domain/sending/recipients.ts'
import { planTracking } from '../../domain/sending/tracking-decision.ts'
import { entityId, type Caller, type Handle, type Handled } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import type { ComposedMail, ComposeMail } from '../ports/composer.ts'
import type { MessageText, MessageTexts } from '../ports/message-texts.ts'
import { UnreadableMail, type MailParser } from '../ports/parser.ts'
import type { MailTracker } from '../ports/tracking.ts'
import { requiredDraft, requireWriter } from './find-draft.ts'
import { loadFiles } from './load-files.ts'
import type { ActiveAccount, ReserveReply, SendingAccount } from './ports.ts'
import { resolveDraft, type DraftInput, type ReplyDeps } from './resolve-reply.ts'
import { writeEmail, type WriteDeps, type Written } from './write-email.ts'

export type QueueEmail = {
  readonly content: { readonly draftId: string } | { readonly email: DraftInput }
  /** RFC 3339; null to send right away. */
  readonly scheduledAt: string | null
  /** Time in which the email can be cancelled, 0 to 60. */
  readonly undoSeconds: number
  /** Of a reply: the version of its conversation that its writer has seen, if they say so. */
  readonly conversationVersion?: number | undefined
  /** Whether a reply is queued although its conversation may have changed. */
  readonly sendAnyway?: boolean | undefined
}

export type QueueDeps = ReplyDeps &
  WriteDeps & {
    readonly handle: Handle
    readonly clock: Clock
    readonly activeAccount: ActiveAccount
    /** Null if no tracking address is set up. */
    readonly tracker: MailTracker | null
    readonly compose: ComposeMail
    readonly blobs: BlobStore
    readonly parser: MailParser
    readonly texts: MessageTexts
    readonly reserveReply: ReserveReply
  }

/** `contactId` is the contact whose values were filled in; `otherContactIds` are others with the same address. */
type QueuedAnswer = Handled<OutgoingEmail> & { readonly outgoingId: string } & Pick<
    Written,
    'contactId' | 'otherContactIds'
  >

/**
 * Puts an email into the outbox and fixes its bytes: fills in variables (or refuses, listing what is missing), decides
 * on tracking, and composes and stores the MIME and the copy for Sent. A reply is announced in its conversation first.
 * @throws Refused, NotFound, StaleRevision if the draft is changed meanwhile
 */
export const queueEmail =
  (deps: QueueDeps) =>
  async (caller: Caller, input: QueueEmail, userId: string | null): Promise<QueuedAnswer> => {
    const outgoingId = 'draftId' in input.content ? input.content.draftId : entityId('out', caller.commandId)
    const stream = outgoingStream(outgoingId)
    const { state, revision } = await deps.load(outgoingEmail, stream)
    // Queued before: by this very command, which the handler recognises, or by another, which it refuses.
    if ('email' in state && !draftOf(state)) {
      const { email } = state
      requireWriter(email.draft, outgoingId, userId)
      const handled = await deps.handle(outgoingEmail, stream, { do: 'queue', email }, caller)
      return { ...handled, outgoingId, contactId: email.contactId, otherContactIds: [] }
    }
    const draft =
      'draftId' in input.content
        ? requiredDraft(state, outgoingId, userId)
        : await resolveDraft(deps)(input.content.email, userId)
    const { email, otherContactIds } = await composeEmail(deps, outgoingId, draft, input)
    if (draft.replyTo)
      await deps.reserveReply(caller, {
        outgoingId,
        userId: draft.userId,
        to: draft.replyTo.id,
        seen: input.conversationVersion ?? null,
        anyway: input.sendAnyway ?? false,
        at: email.queuedAt,
      })
    const handled = await deps.handle(outgoingEmail, stream, { do: 'queue', email }, caller, {
      ifRevision: revision,
    })
    return { ...handled, outgoingId, contactId: email.contactId, otherContactIds }
  }

const composeEmail = async (
  deps: QueueDeps,
  outgoingId: string,
  draft: Draft,
  { scheduledAt, undoSeconds }: QueueEmail,
): Promise<{ email: QueuedEmail } & Pick<Written, 'otherContactIds'>> => {
  const account = await deps.activeAccount(draft.accountId)
  requireMaySend(account, draft.userId)
  const written = await writeEmail(deps)(draft, account, draft.userId)
  requireRecipients(written.recipients)
  refuseIncomplete(written.assembled)
  const attachments = withShownIds(written.assembled.html, draft.attachments)
  const files = await loadFiles(deps.blobs, attachments)
  const now = deps.clock()
  const notBefore = new Date(
    Math.max(now.getTime() + undoSeconds * 1000, scheduledAt === null ? 0 : Date.parse(scheduledAt)),
  )
  const { tracking, trackedHtml } = await track(deps, outgoingId, draft, account, written)
  const { subject, html } = written.assembled
  const composed = await deps.compose({
    outgoingId,
    from: written.from,
    replyTo: account.settings.replyTo,
    ...written.recipients,
    subject,
    date: notBefore,
    ...written.threading,
    html,
    trackedHtml,
    files,
    automatic: draft.automatic === true,
  })
  const [mime, copy] = await keep(deps.blobs, composed)
  await keepWords(deps, composed.copy, {
    messageId: outgoingId,
    accountId: account.accountId,
    receivedAt: notBefore.toISOString(),
  })
  const email: QueuedEmail = {
    outgoingId,
    accountId: account.accountId,
    userId: draft.userId,
    template: draft.template,
    contactId: written.contactId,
    dealId: draft.dealId,
    header: {
      messageId: composed.messageId,
      ...written.threading,
      subject,
      from: written.from,
      ...written.recipients,
    },
    envelope: composed.envelope,
    snippet: composed.text.replaceAll(/\s+/g, ' ').trim().slice(0, 200).toWellFormed(),
    attachments: attachments.map((file, index) => ({ ...file, size: files[index]?.content.length ?? 0 })),
    mime,
    copy,
    tracking,
    queuedAt: now.toISOString(),
    scheduledAt: scheduledAt === null ? null : new Date(scheduledAt).toISOString(),
    notBefore: notBefore.toISOString(),
    draft,
  }
  return { email, otherContactIds: written.otherContactIds }
}

/** Null is a program of the CRM, which answers for its users. */
const requireMaySend = (account: SendingAccount, userId: string | null): void => {
  if (levelOf(account, userId) === null) throw notYourAccount()
  requireLevel(account, userId, 'send')
  const { sends, settings } = account
  if (!sends) throw accountSendsNoMail()
  if (settings.syncDirection === 'receive') throw accountReceivesOnly()
}

type Tracked = Pick<QueuedEmail, 'tracking'> & { readonly trackedHtml: string | null }

/** Opens and clicks can be attributed to a recipient only if each gets a copy of their own. */
const track = async (
  { tracker, directory }: Pick<QueueDeps, 'tracker' | 'directory'>,
  outgoingId: string,
  draft: Draft,
  account: SendingAccount,
  { recipients, assembled }: Written,
): Promise<Tracked> => {
  const everybody = [...recipients.to, ...recipients.cc, ...recipients.bcc]
  const optedOut = await directory.optedOutAmong(everybody.map(({ address }) => address))
  const { wanted, opens, clicks, reason } = planTracking(account.settings, draft, tracker !== null, optedOut)
  if (!tracker || (!opens && !clicks))
    return { tracking: { wanted, opens: false, clicks: false, reason, links: [] }, trackedHtml: null }
  const recipient = countRecipients(recipients) === 1 ? 0 : null
  const tracked = await tracker.track(assembled.html, { outgoingId, recipient, opens, clicks })
  const rewritten = tracked.failure === null || tracked.failure === 'no-place-for-pixel'
  return {
    tracking: {
      wanted,
      opens: tracked.pixel,
      clicks: clicks && rewritten,
      reason: tracked.failure === null ? reason : `${reason}; not tracked in full: ${tracked.failure}`,
      links: [...tracked.links],
    },
    trackedHtml: tracked.pixel || tracked.links.length > 0 ? tracked.html : null,
  }
}

/** What it is found by once it is sent. One that is too large to be read is found by nothing. */
const keepWords = async (
  { parser, texts }: Pick<QueueDeps, 'parser' | 'texts'>,
  copy: Buffer,
  of: Pick<MessageText, 'messageId' | 'accountId' | 'receivedAt'>,
): Promise<void> => {
  try {
    const { search } = await parser.parse(copy)
    await texts.put([{ ...of, ...search }])
  } catch (error) {
    if (!(error instanceof UnreadableMail)) throw error
  }
}

type Kept = QueuedEmail['mime']

const keep = async (blobs: BlobStore, { mime, copy }: ComposedMail): Promise<[mime: Kept, copy: Kept]> => {
  const contents = [mime, copy].map((content) => ({
    hash: createHash('sha256').update(content).digest('hex'),
    content,
  }))
  await blobs.put(contents)
  const [wire, filed] = contents.map(({ hash, content }) => ({ blob: hash, size: content.length }))
  if (!wire || !filed) throw new TypeError('An email has a wire form and a copy')
  return [wire, filed]
}
