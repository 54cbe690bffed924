import { defineRefusal } from '../../domain/refusal.ts'

/** A value that says nothing of itself when it is printed, serialised or inspected. */
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

export type Credentials = { readonly smtpPassword: Secret | null; readonly imapPassword: Secret | null }

/** Passwords of accounts, enveloped; the only place where they are. Versions only grow. */
export type Vault = {
  store(accountId: string, credentials: Credentials): Promise<{ version: number }>
  /** @returns null where nothing is kept, or it was destroyed */
  load(accountId: string, version: number): Promise<Credentials | null>
  destroy(accountId: string): Promise<void>
}

export const credentialsMissing = defineRefusal('credentials-missing', {
  title: 'Credentials missing',
  meaning: 'No password is stored for the mail server of the account.',
  remedy: 'Enter the passwords of the account again.',
})
