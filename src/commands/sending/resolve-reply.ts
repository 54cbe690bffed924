import { levelOf, requireLevel } from '../../domain/accounts/access-rights.ts'
import { NotFound } from '../../domain/decider.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import type { Draft } from '../../domain/sending/events.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import { distinctRecipients, requireNotTooMany } from '../../domain/sending/recipients.ts'
import { replyRecipients, type ReplyParent } from '../../domain/sending/reply.ts'
import type { Load } from '../handle.ts'
import { requireSmall } from './load-files.ts'
import type { DefaultAccount, FindAccount, FindMessage } from './ports.ts'

/**
 * A draft as requested: without an account, it goes out from the one that received the message replied to, or the
 * user's default.
 */
export type DraftInput = Omit<Draft, 'accountId' | 'userId'> & { readonly accountId: string | null }

export type ReplyDeps = {
  readonly load: Load
  readonly findAccount: FindAccount
  readonly findMessage: FindMessage
  readonly defaultAccount: DefaultAccount
}

const accountMissing = defineRefusal('account-missing', {
  title: 'No account to send from',
  meaning: 'The email names no account, and neither the user nor the team has a default account.',
  remedy: 'Name an account, or choose a default account.',
})

/**
 * Completes the draft. A reply goes out from the account that was written to. If it names no recipients, it goes to the
 * people who expect it, unless it `isBegun`: recipients that were removed since then stay out.
 * @throws Refused `too-many-recipients`, `attachments-too-large`, `account-missing`; NotFound
 */
export const resolveDraft =
  (deps: ReplyDeps) =>
  async (input: DraftInput, userId: string | null, isBegun = false): Promise<Draft> => {
    const parent = input.replyTo && (await findParent(deps)(input.replyTo, userId))
    const accountId = input.accountId ?? parent?.accountId ?? (await deps.defaultAccount(userId))
    if (accountId === null) throw accountMissing()
    const found = await deps.findAccount(accountId)
    const account = requireLevel(found, userId, 'send', ['email account', accountId])
    const addressed = input.to.length + input.cc.length + input.bcc.length > 0
    const to = parent && !addressed && !isBegun ? replyRecipients(parent, account.address) : input.to
    const draft = { ...input, to, accountId, userId }
    // What could never be sent is not saved either.
    requireNotTooMany(distinctRecipients(draft))
    requireSmall(draft.attachments)
    return draft
  }

/**
 * What a reply is to, if this user sees it: any message of an account to which they have full access or access to read,
 * or of one from which they may send, what they sent themselves and the answers to it. @throws NotFound
 */
export const findParent =
  (deps: Pick<ReplyDeps, 'load' | 'findMessage' | 'findAccount'>) =>
  async ({ kind, id }: NonNullable<Draft['replyTo']>, userId: string | null): Promise<ReplyParent> => {
    const parent = kind === 'message' ? await deps.findMessage(id) : await findOutgoing(deps.load, id)
    if (!parent) throw new NotFound('message', id)
    const account = await deps.findAccount(parent.accountId)
    const level = account && levelOf(account, userId)
    if (account && (level === null || (level === 'send' && parent.userId !== userId)))
      throw new NotFound('message', id)
    return parent
  }

const findOutgoing = async (load: Load, id: string): Promise<ReplyParent | null> => {
  const { state } = await load(outgoingEmail, outgoingStream(id))
  if (!('email' in state)) return null
  const { accountId, userId, header } = state.email
  return {
    accountId,
    userId,
    direction: 'out',
    messageId: header.messageId,
    inReplyTo: header.inReplyTo === null ? [] : [header.inReplyTo],
    references: header.references,
    subject: header.subject,
    from: [header.from],
    replyTo: [],
    to: header.to,
  }
}
