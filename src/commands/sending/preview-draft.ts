import { requireLevel } from '../../domain/accounts/access-rights.ts'
import type { Assembled } from '../../domain/sending/assemble.ts'
import type { FindAccount } from './ports.ts'
import { findDraft } from './find-draft.ts'
import { writeEmail, type WriteDeps, type Written } from './write-email.ts'

export type Preview = Assembled & Pick<Written, 'from' | 'contactId' | 'otherContactIds'>

/** A draft as it would read if it were sent now, with everything that still prevents sending it. */
export const previewDraft =
  (deps: WriteDeps & { findAccount: FindAccount }) =>
  async (outgoingId: string, userId: string | null): Promise<Preview> => {
    const { draft } = await findDraft(deps)(outgoingId, userId)
    const { accountId } = draft
    const account = requireLevel(await deps.findAccount(accountId), userId, 'send', [
      'email account',
      accountId,
    ])
    const written = await writeEmail(deps)(draft, account, draft.userId)
    const { assembled, from, contactId, otherContactIds } = written
    return { ...assembled, from, contactId, otherContactIds }
  }
