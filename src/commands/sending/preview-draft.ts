import { mayUse } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import type { Mailbox } from '../../domain/mail.ts'
import type { Assembled } from '../../domain/sending/assemble.ts'
import type { FindAccount } from './ports.ts'
import { findDraft } from './find-draft.ts'
import { writeEmail, type WriteDeps } from './write-email.ts'

export type Preview = Assembled & { readonly from: Mailbox }

/** A draft as it would read if it were sent now, with what still keeps it from that. */
export const previewDraft =
  (deps: WriteDeps & { findAccount: FindAccount }) =>
  async (outgoingId: string, userId: string | null): Promise<Preview> => {
    const { draft } = await findDraft(deps)(outgoingId, userId)
    const account = await deps.findAccount(draft.accountId)
    if (!account || !mayUse(account.owner, userId)) throw new NotFound('email account', draft.accountId)
    const { assembled, from } = await writeEmail(deps)(draft, account, draft.userId)
    return { ...assembled, from }
  }
