import { defineRefusal } from '../../domain/refusal.ts'

/** A value that is hidden when printed, serialised or inspected. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}

/** The secrets of one account, by the names that its provider uses; sealed together, as one record. */
export type Credentials = Readonly<Record<string, Secret>>

/** Credentials of accounts, sealed; stored nowhere else. Versions only grow. */
export type Vault = {
  store(accountId: string, credentials: Credentials): Promise<{ version: number }>
  /** @returns null if nothing is stored, or it was destroyed */
  load(accountId: string, version: number): Promise<Credentials | null>
  /**
   * Replaces the credentials of a version in place, for one caller at a time over all processes: `renewed` gets what is
   * stored by then, and null from it changes nothing. Throws what `renewed` throws.
   * @returns what is stored afterwards; null if nothing is
   */
  renew(
    accountId: string,
    version: number,
    renewed: (stored: Credentials) => Promise<Credentials | null>,
  ): Promise<Credentials | null>
  destroy(accountId: string): Promise<void>
  /** Deletes versions that no event names; nothing stays of an account that has no others. */
  discard(accountId: string, versions: readonly number[]): Promise<void>
  /** Accounts with credentials stored before this instant, and their versions, in the order of ids after `after`. */
  stored(
    before: Date,
    after: string | null,
    limit: number,
  ): Promise<{ readonly accountId: string; readonly versions: readonly number[] }[]>
}

export const credentialsMissing = defineRefusal('credentials-missing', {
  title: 'Credentials missing',
  meaning: 'No credentials are stored for the account.',
  remedy: 'Enter the password of the account again.',
  trouble: 'sign-in-again',
})

/** For a connection as entered; used by providers. */
export const passwordMissing = defineRefusal('password-missing', {
  title: 'Password required',
  meaning: 'Neither a password nor an access token is stored for this connection.',
  remedy: 'Send one of them along with the settings.',
})
