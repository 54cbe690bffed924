import { randomUUID } from 'node:crypto'
import { generate } from 'selfsigned'

/** A private key and its certificate, PEM. */
export type KeyPair = { readonly key: string; readonly cert: string }

/** Certificates to accept and to refuse. All but `selfSigned` are signed by `ca`. */
export type TestTls = {
  readonly ca: string
  /** For localhost, 127.0.0.1 and ::1. */
  readonly good: KeyPair
  readonly wrongName: KeyPair
  readonly expired: KeyPair
  readonly selfSigned: KeyPair
  /** One more that is signed by `ca`, for these host names. */
  readonly certify: (names: readonly string[]) => Promise<KeyPair>
}

const DAY_MS = 24 * 60 * 60 * 1000
const HERE = ['localhost']
const HERE_ADDRESSES = ['127.0.0.1', '::1']

type Wish = {
  name: string
  names: readonly string[]
  addresses: readonly string[]
  signedBy?: KeyPair
  from?: Date
  until?: Date
}

const make = async (wish: Wish): Promise<KeyPair> => {
  const made = await generate([{ name: 'commonName', value: wish.name }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: wish.from ?? new Date(Date.now() - DAY_MS),
    notAfterDate: wish.until ?? new Date(Date.now() + 365 * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: wish.signedBy === undefined, critical: true },
      ...(wish.names.length + wish.addresses.length > 0
        ? [
            {
              name: 'subjectAltName' as const,
              altNames: [
                ...wish.names.map((value) => ({ type: 2 as const, value })),
                ...wish.addresses.map((ip) => ({ type: 7 as const, ip })),
              ],
            },
          ]
        : []),
    ],
    ...(wish.signedBy === undefined ? {} : { ca: wish.signedBy }),
  })
  return { key: made.private, cert: made.cert }
}

/**
 * Creates an authority and the certificates used by tests and the demo; valid from yesterday for a year. Its name is new
 * each time, since a process that trusts two of one name takes the one for the other.
 */
export const testTls = async (): Promise<TestTls> => {
  const authority = await make({ name: `Mailtrail test authority ${randomUUID()}`, names: [], addresses: [] })
  const signed = { signedBy: authority, names: HERE, addresses: HERE_ADDRESSES, name: 'localhost' }
  const [good, wrongName, expired, selfSigned] = await Promise.all([
    make(signed),
    make({ ...signed, name: 'other.example', names: ['other.example'], addresses: [] }),
    make({ ...signed, from: new Date(Date.now() - 30 * DAY_MS), until: new Date(Date.now() - DAY_MS) }),
    make({ name: 'localhost', names: HERE, addresses: HERE_ADDRESSES }),
  ])
  const certify = (names: readonly string[]) =>
    make({ ...signed, name: names[0] ?? 'nobody', names, addresses: [] })
  return { ca: authority.cert, good, wrongName, expired, selfSigned, certify }
}
