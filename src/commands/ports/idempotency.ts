/** An answer that was given, to be given again. */
export type KeptAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `taken`: go ahead (again, where the last one who had it is gone). `running`: somebody is at it. `other`: it was used for another request. */
export type TakenKey =
  | { readonly kind: 'taken' | 'running' | 'other' }
  | { readonly kind: 'answered'; readonly answer: KeptAnswer }

export type IdempotencyStore = {
  /** Takes the key for a request with this fingerprint. */
  readonly take: (key: string, fingerprint: Buffer) => Promise<TakenKey>
  readonly keep: (key: string, answer: KeptAnswer) => Promise<void>
  readonly letGo: (key: string) => Promise<void>
  /** Lets go of every key, for a start after a crash: who held them is gone, and a repeat need not wait. */
  readonly letGoOfAll: () => Promise<void>
  /** Drops what is older than it needs to be. @returns how many */
  readonly sweep: () => Promise<number>
}
