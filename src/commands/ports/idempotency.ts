/** A stored answer, to be given again. */
export type KeptAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * `taken`: go ahead (also if the previous holder is gone). `running`: another request is in progress. `other`: the key
 * was used for a different request.
 */
export type TakenKey =
  | { readonly kind: 'taken' | 'running' | 'other' }
  | { readonly kind: 'answered'; readonly answer: KeptAnswer }

export type IdempotencyStore = {
  /** Takes the key for a request with this fingerprint. */
  readonly take: (key: string, fingerprint: Buffer) => Promise<TakenKey>
  readonly keep: (key: string, answer: KeptAnswer) => Promise<void>
  readonly letGo: (key: string) => Promise<void>
  /** Releases every key, for a start after a crash: the holders are gone, and repeats need not wait. */
  readonly letGoOfAll: () => Promise<void>
  /**
   * Deletes expired answers.
   * @returns how many
   */
  readonly sweep: () => Promise<number>
}
