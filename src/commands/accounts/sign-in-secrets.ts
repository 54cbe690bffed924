import { createHash, randomBytes } from 'node:crypto'
import type { Connection } from '../../domain/accounts/connection.ts'
import { Secret, type Credentials } from '../ports/credentials.ts'
import type { Admitted } from '../ports/mail-provider.ts'
import type { SignedIn, SignInChecks } from '../ports/sign-in.ts'

/** 256 random bits. */
export const newSecret = (): string => randomBytes(32).toString('base64url')

/** Of a secret of 256 random bits, so nobody can find out what it is the hash of. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

/** What a link and a state carry: the id of the sign-in, and a secret. */
export const joined = (signInId: string, secret: string): string => `${signInId}.${secret}`

/** @returns null for what was not made by `joined` */
export const parted = (text: string): { readonly signInId: string; readonly secret: string } | null => {
  const [, signInId = '', secret = ''] = /^(sin_[0-9a-hjkmnp-tv-z]{26})\.([\w-]{43})$/.exec(text) ?? []
  return signInId === '' ? null : { signInId, secret }
}

type KeptChecks = Pick<SignInChecks, 'state' | 'nonce' | 'verifier'>

/** What the answer of the provider will be checked with, as it lies in the vault meanwhile. */
export const sealedChecks = ({ state, nonce, verifier }: KeptChecks): Credentials => ({
  state: new Secret(state),
  nonce: new Secret(nonce),
  verifier: new Secret(verifier),
})

export const checksIn = ({ state, nonce, verifier }: Credentials): KeptChecks => ({
  state: state?.reveal() ?? '',
  nonce: nonce?.reveal() ?? '',
  verifier: verifier?.reveal() ?? '',
})

type Person = Omit<Admitted, 'credentials' | 'renew'> & { readonly address: string }

/** What was granted, with whose mailbox it is, until somebody completes the sign-in. */
export const sealedAccess = ({ address, admitted }: SignedIn): Credentials => {
  const { connection, sends, receives, filesCopies, mailbox, credentials } = admitted
  const person: Person = { address, connection, sends, receives, filesCopies, mailbox }
  return { ...credentials, person: new Secret(JSON.stringify(person)) }
}

export const accessIn = ({
  person,
  ...credentials
}: Credentials): Person & { readonly connection: Connection; readonly credentials: Credentials } => ({
  ...(JSON.parse(person?.reveal() ?? '') as Person),
  credentials,
})
