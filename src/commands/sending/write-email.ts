import { NotFound } from '../../domain/decider.ts'
import type { Mailbox } from '../../domain/mail.ts'
import { isUserOfKey } from '../../domain/ids.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { threading, type Assembled } from '../../domain/sending/assemble.ts'
import type { Draft } from '../../domain/sending/events.ts'
import { distinctRecipients, type Recipients } from '../../domain/sending/recipients.ts'
import { ancestorsOf } from '../../domain/sending/reply.ts'
import { valuesOf, type Sources } from '../../domain/templates/variables.ts'
import type { AssembleMail } from '../ports/composer.ts'
import type { Untrack } from '../ports/tracking.ts'
import type { DirectoryLookup, FindTemplate, SendingAccount } from './ports.ts'
import { findParent, type ReplyDeps } from './resolve-reply.ts'

export type WriteDeps = Pick<ReplyDeps, 'load' | 'findMessage' | 'findAccount'> & {
  readonly directory: DirectoryLookup
  readonly findTemplate: FindTemplate
  readonly assemble: AssembleMail
  readonly untrack: Pick<Untrack, 'html'>
}

const unknownUser = defineRefusal('unknown-user', {
  title: 'Unknown user',
  meaning: 'The user for whom the email is sent is not in the directory.',
  remedy: 'Add the user to the directory first.',
})

/** An email as its recipients will read it. `contactId` is the contact whose values were filled in. */
export type Written = {
  readonly from: Mailbox
  readonly recipients: Recipients
  readonly contactId: string | null
  /** Others with the same address; all of them if none was chosen. */
  readonly otherContactIds: readonly string[]
  readonly threading: { readonly inReplyTo: string | null; readonly references: string[] }
  readonly assembled: Assembled
}

/** Fills in a draft from the CRM's records, the template and the signature. The result may still be incomplete. */
export const writeEmail =
  (deps: WriteDeps) =>
  async (draft: Draft, account: SendingAccount, userId: string | null): Promise<Written> => {
    const recipients = distinctRecipients(draft)
    const [parent, template, sources] = await Promise.all([
      draft.replyTo && findParent(deps)(draft.replyTo, userId),
      draft.template && requiredTemplate(deps, draft.template, userId),
      gather(deps.directory, draft, account, recipients),
    ])
    const assembled = draft.automatic
      ? { subject: draft.subject, html: draft.html, missing: [], problems: [], warnings: [] }
      : await deps.assemble({
          // A quotation of an email of ours contains our pixel and links.
          draft: { ...draft, html: await deps.untrack.html(draft.html) },
          template,
          signature: account.signature,
          values: valuesOf(sources.values),
          parent,
        })
    const name = account.settings.displayName || sources.values.user?.name
    return {
      from: name ? { address: account.address, name } : { address: account.address },
      recipients,
      contactId: sources.contactId,
      otherContactIds: sources.otherContactIds,
      threading: threading(parent && { ...parent, references: ancestorsOf(parent) }),
      assembled: sources.contactId === null ? withReason(assembled, sources.otherContactIds) : assembled,
    }
  }

/** Explains why a contact's variables have no value if several contacts could be meant. */
const withReason = (assembled: Assembled, contactIds: readonly string[]): Assembled => {
  if (contactIds.length === 0) return assembled
  const reason = `Several contacts have this address (${contactIds.join(', ')}): choose one with contactId.`
  const missing = assembled.missing.map((each) =>
    each.variable.startsWith('contact.') ? { ...each, reason } : each,
  )
  return { ...assembled, missing }
}

const requiredTemplate = async (
  deps: WriteDeps,
  template: NonNullable<Draft['template']>,
  userId: string | null,
): Promise<{ subject: string; html: string }> => {
  const found = await deps.findTemplate(template, userId)
  if (!found) throw new NotFound('template', `${template.templateId}, version ${template.version}`)
  return found
}

/** The contact the email is written for: the one named, or else the only one with the only address in To. */
const gather = async (
  directory: DirectoryLookup,
  draft: Draft,
  account: SendingAccount,
  { to }: Recipients,
): Promise<Pick<Written, 'contactId' | 'otherContactIds'> & { values: Sources }> => {
  const only = to.length === 1 ? (to[0]?.address ?? null) : null
  const sharing = only === null ? [] : await directory.contactsOfAddress(only)
  const contactId = draft.contactId ?? (sharing.length === 1 ? (sharing[0] ?? null) : null)
  const sender = senderOf(draft, account)
  const [user, organization, contact, deal] = await Promise.all([
    sender === null ? null : directory.user(sender),
    directory.organization(),
    contactId === null ? null : directory.contact(contactId),
    draft.dealId === null ? null : directory.deal(draft.dealId),
  ])
  if (draft.userId !== null && !isUserOfKey(draft.userId) && !user) throw unknownUser()
  if (draft.contactId !== null && !contact) throw new NotFound('contact', draft.contactId)
  if (draft.dealId !== null && !deal) throw new NotFound('deal', draft.dealId)
  const company = contact?.companyId ? await directory.company(contact.companyId) : null
  return {
    contactId: contact ? contactId : null,
    otherContactIds: sharing.filter((id) => id !== contactId),
    values: {
      user,
      organization,
      contact,
      contactAddress: only,
      company,
      deal,
      account: { address: account.address, displayName: account.settings.displayName },
    },
  }
}

const senderOf = (draft: Draft, { owner }: SendingAccount): string | null =>
  draft.userId ?? (owner.kind === 'user' ? owner.userId : null)
