/** Bytes by their SHA-256 (lower-case hex). Putting the same bytes again does nothing; acknowledged means durable. */
export type BlobStore = {
  put(blobs: readonly { readonly hash: string; readonly content: Uint8Array }[]): Promise<void>
  /** @returns null if there is no such blob */
  get(hash: string): Promise<Buffer | null>
}
