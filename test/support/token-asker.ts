import { postgresVault } from '../../src/adapters/vault/vault.ts'
import { openKeyring } from '../../src/adapters/vault/rotation.ts'
import { oauthClient } from '../../src/adapters/oauth/client.ts'
import { tokenSource } from '../../src/adapters/oauth/tokens.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { accessOf } from '../../src/commands/access-of.ts'
import { Secret } from '../../src/commands/ports/credentials.ts'

/** What the parent tells it. `keyring` is its text. */
export type TokenQuestion = {
  readonly database: object
  readonly keyring: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly accountId: string
  readonly credentialVersion: number
  readonly callers: number
}

/**
 * A process in which many ask for the access token of one account at the same time. It says `ready` when it has all but
 * asked, and after the next message the tokens that they got.
 */
process.once('message', (question: TokenQuestion) => void main(question))

const main = async (question: TokenQuestion): Promise<void> => {
  const { accountId, credentialVersion, clientId, callers } = question
  const pool = createPool({ ...question.database, max: 8 })
  const keyring = await openKeyring(pool, { value: new Secret(question.keyring), file: '/nowhere' })
  const vault = postgresVault(pool, keyring)
  const clientSecret = new Secret(question.clientSecret)
  const tokens = tokenSource(oauthClient({ issuer: new URL(question.issuer), clientId, clientSecret }))
  const connection = { provider: 'gmail' }
  const asked = await Promise.all(
    Array.from({ length: callers }, () => accessOf(vault, { accountId, connection, credentialVersion })),
  )
  const tell = async (answers: Promise<string>[]): Promise<void> => {
    process.send?.(await Promise.all(answers))
    await pool.end()
    process.disconnect?.()
  }
  process.once('message', () => {
    const answers = asked.map((access) => tokens.accessToken(access!, null, new AbortController().signal))
    void tell(answers)
  })
  process.send?.('ready')
}
