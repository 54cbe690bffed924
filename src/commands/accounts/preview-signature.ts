import { account, accountStream, requireOwn } from '../../domain/accounts/account.ts'
import type { Organization, User } from '../../domain/directory/events.ts'
import { fill } from '../../domain/templates/render.ts'
import { valuesOf } from '../../domain/templates/variables.ts'
import type { Load } from '../handle.ts'

export type PreviewSignatureDeps = {
  readonly load: Load
  /** Refuses what no signature may hold. */
  readonly checkSignature: (html: string) => void
  readonly directory: {
    user(id: string): Promise<User | null>
    organization(): Promise<Organization | null>
  }
}

export type SignaturePreview = {
  readonly html: string
  /** Variables without a value, which stand as they are. */
  readonly missing: readonly string[]
}

/**
 * A signature as it would stand in an email of this account, saved or not. `sender`: the user who would send it; in
 * somebody's own account that person unless given. Variables of the recipient have no value.
 * @throws NotFound, Refused
 */
export const previewSignature =
  (deps: PreviewSignatureDeps) =>
  async (
    accountId: string,
    asked: { readonly html: string | null; readonly sender: string | null; readonly userId: string | null },
  ): Promise<SignaturePreview> => {
    const { state } = await deps.load(account, accountStream(accountId))
    const { owner, address, settings, signature } = requireOwn(state, asked.userId)
    const html = asked.html ?? signature
    deps.checkSignature(html)
    const sender = asked.sender ?? (owner.kind === 'user' ? owner.userId : null)
    const [user, organization] = await Promise.all([
      sender === null ? null : deps.directory.user(sender),
      deps.directory.organization(),
    ])
    const { text, missing } = fill(
      html,
      'html',
      valuesOf({
        user,
        organization,
        contact: null,
        contactAddress: null,
        company: null,
        deal: null,
        account: { address, displayName: settings.displayName },
      }),
    )
    return { html: text, missing }
  }
