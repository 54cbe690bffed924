import { NotFound } from '../../domain/decider.ts'
import type { Load } from '../handle.ts'
import { storedBlob, type BlobStore } from '../ports/blobs.ts'
import { ownEmail } from './own-email.ts'
import type { FindAccount } from './ports.ts'

/**
 * The bytes of a queued email, as sent or as the copy for the Sent folder, for whoever may see it (`ownEmail`).
 * @throws NotFound, ContentUnreliable
 */
export const emailBytes =
  (deps: { load: Load; findAccount: FindAccount; blobs: BlobStore }) =>
  async (outgoingId: string, userId: string | null, form: 'wire' | 'copy'): Promise<Buffer> => {
    const found = await ownEmail(deps)(outgoingId, userId)
    if (!('email' in found)) throw new NotFound('email', outgoingId)
    const { blob } = form === 'wire' ? found.email.mime : found.email.copy
    return storedBlob(deps.blobs, blob)
  }
