import { levelOf } from '../../domain/accounts/access-rights.ts'
import { NotFound } from '../../domain/decider.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { Load } from '../handle.ts'
import { storedBlob, type BlobStore } from '../ports/blobs.ts'
import type { FindAccount, VisibilityOf } from './ports.ts'

export type BytesDeps = {
  readonly load: Load
  readonly findAccount: FindAccount
  readonly visibilityOf: VisibilityOf
  readonly blobs: BlobStore
}

/**
 * The bytes of a queued email, as sent or as the copy for the Sent folder: for those who may read its account (null: a
 * program) or who sent it, and once it was sent for those to whom everything is visible.
 * @throws NotFound, ContentUnreliable
 */
export const emailBytes =
  ({ load, findAccount, visibilityOf, blobs }: BytesDeps) =>
  async (outgoingId: string, userId: string | null, form: 'wire' | 'copy'): Promise<Buffer> => {
    const { state } = await load(outgoingEmail, outgoingStream(outgoingId))
    if (!('email' in state)) throw new NotFound('email', outgoingId)
    const { accountId, mime, copy } = state.email
    const account = await findAccount(accountId)
    const level = account && levelOf(account, userId)
    const isSeen = level === 'full' || level === 'read' || (level === 'send' && state.email.userId === userId)
    if (account && !isSeen) {
      const visibility = state.taken === null ? 'nothing' : await visibilityOf(accountId, userId)
      if (visibility === 'nothing') throw new NotFound('email', outgoingId)
      if (visibility !== 'everything') throw new NotFound('visible content of email', outgoingId)
    }
    return storedBlob(blobs, (form === 'wire' ? mime : copy).blob)
  }
