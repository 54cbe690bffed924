import { defineCode } from '../../domain/refusal.ts'

/** Bytes by their SHA-256 (lower-case hex). Putting the same bytes again changes nothing; acknowledged means durable. */
export type BlobStore = {
  /** Bytes that were damaged in the store are replaced. */
  put(blobs: readonly { readonly hash: string; readonly content: Uint8Array }[]): Promise<void>
  /**
   * @returns null if there is no such blob
   * @throws ContentUnreliable if the stored bytes do not match the hash
   */
  get(hash: string): Promise<Buffer | null>
  /**
   * Erases those that were last put before this instant, to the hour: of bytes that are put at the same moment either the
   * old ones stay, or the new ones are there.
   */
  erase(hashes: readonly string[], putBefore: string): Promise<void>
}

export const contentDamaged = defineCode('content-damaged', {
  title: 'Content damaged',
  meaning: 'The stored bytes do not match their SHA-256: they were changed after they were stored.',
  remedy: 'Tell the operator: `npm run verify` names everything that is damaged, and a backup may have it.',
})
const contentMissing = defineCode('content-missing', {
  title: 'Content missing',
  meaning: 'The content is no longer in the store.',
  remedy: 'Tell the operator: a backup may have it.',
})

/** Content that was stored cannot be given out. */
export class ContentUnreliable extends Error {
  override readonly name = 'ContentUnreliable'
  readonly definition: typeof contentDamaged

  constructor(definition: typeof contentDamaged, hash: string) {
    super(`${definition.title}: ${hash}`)
    this.definition = definition
  }
}

/** A blob that was stored. @throws ContentUnreliable */
export const storedBlob = async (blobs: Pick<BlobStore, 'get'>, hash: string): Promise<Buffer> => {
  const bytes = await blobs.get(hash)
  if (!bytes) throw new ContentUnreliable(contentMissing, hash)
  return bytes
}

/** A blob to work with, or null if it is missing or damaged: for work that goes on without it. */
export const soundBlob = async (blobs: Pick<BlobStore, 'get'>, hash: string): Promise<Buffer | null> => {
  try {
    return await blobs.get(hash)
  } catch (error) {
    if (error instanceof ContentUnreliable) return null
    throw error
  }
}
