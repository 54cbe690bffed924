import { may, type AccessRights } from '../../domain/accounts/access-rights.ts'
import { NotFound } from '../../domain/decider.ts'
import type { Company, Contact, Deal, Organization, User } from '../../domain/directory/events.ts'
import {
  fill,
  noSignature,
  placesSignature,
  type Located,
  type VariableProblem,
  type Warning,
} from '../../domain/templates/render.ts'
import { valuesOf } from '../../domain/templates/variables.ts'
import type { FoundTemplate } from './find-template.ts'

/** Whom the preview is for; null for what is not known yet: its variables then stand as they are, and are listed. */
export type PreviewFor = {
  readonly userId: string | null
  readonly contactId: string | null
  readonly dealId: string | null
  readonly accountId: string | null
}

export type TemplatePreview = {
  readonly version: number
  readonly subject: string
  readonly html: string
  readonly missing: readonly Located<{ readonly variable: string }>[]
  readonly problems: readonly Located<VariableProblem>[]
  readonly warnings: readonly Warning[]
}

export type PreviewDeps = {
  readonly findTemplate: (
    template: { readonly templateId: string; readonly version: number | null },
    userId: string | null,
  ) => Promise<FoundTemplate | null>
  readonly directory: {
    user(id: string): Promise<User | null>
    contact(id: string): Promise<Contact | null>
    company(id: string): Promise<Company | null>
    deal(id: string): Promise<Deal | null>
    organization(): Promise<Organization | null>
  }
  readonly findAccount: (accountId: string) => Promise<
    | (AccessRights & {
        readonly address: string
        readonly signature: string
        readonly settings: { readonly displayName: string }
      })
    | null
  >
}

/** The newest version of a template as these people would read it. @throws NotFound */
export const previewTemplate =
  (deps: PreviewDeps) =>
  async (templateId: string, whom: PreviewFor): Promise<TemplatePreview> => {
    const found = await deps.findTemplate({ templateId, version: null }, whom.userId)
    if (!found) throw new NotFound('template', templateId)
    const { values, signature } = await gather(deps, whom)
    const signed = signature === null ? null : fill(signature, 'html', values)
    const placed = placesSignature(found.html)
    const subject = fill(found.subject, 'header', values)
    const body = fill(found.html, 'html', values, { signature: signed?.text ?? null })
    const parts = [
      { where: 'subject' as const, ...subject },
      { where: 'body' as const, ...body },
      ...(signed && placed ? [{ where: 'signature' as const, ...signed }] : []),
    ]
    return {
      version: found.version,
      subject: subject.text,
      html: body.text,
      missing: parts.flatMap(({ where, missing }) => missing.map((variable) => ({ variable, where }))),
      problems: parts.flatMap(({ where, problems }) => problems.map((problem) => ({ ...problem, where }))),
      warnings: placed && signature?.trim() === '' ? [noSignature] : [],
    }
  }

const gather = async (deps: PreviewDeps, { userId, contactId, dealId, accountId }: PreviewFor) => {
  const { directory } = deps
  const [user, organization, contact, deal, account] = await Promise.all([
    userId === null ? null : directory.user(userId),
    directory.organization(),
    contactId === null ? null : required(directory.contact(contactId), 'contact', contactId),
    dealId === null ? null : required(directory.deal(dealId), 'deal', dealId),
    accountId === null ? null : required(usable(deps, accountId, userId), 'email account', accountId),
  ])
  const company = contact?.companyId === undefined ? null : await directory.company(contact.companyId)
  const sender = account && { address: account.address, displayName: account.settings.displayName }
  return {
    signature: account?.signature ?? null,
    values: valuesOf({ user, organization, contact, contactAddress: null, company, deal, account: sender }),
  }
}

const usable = async (deps: PreviewDeps, accountId: string, userId: string | null) => {
  const account = await deps.findAccount(accountId)
  return account && may(account, userId, 'send') ? account : null
}

const required = async <Found>(found: Promise<Found | null>, kind: string, id: string): Promise<Found> => {
  const record = await found
  if (!record) throw new NotFound(kind, id)
  return record
}
