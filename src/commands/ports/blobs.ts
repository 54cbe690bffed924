/** Bytes under their own SHA-256 (lower-case hex). Putting the same twice is nothing; acknowledged means durable. */
export type BlobStore = {
  put(blobs: readonly { readonly hash: string; readonly content: Uint8Array }[]): Promise<void>
  /** @returns null where there is no such blob */
  get(hash: string): Promise<Buffer | null>
}
