import type { Connection } from '../domain/accounts/connection.ts'
import type { Vault } from './ports/credentials.ts'
import type { Access } from './ports/mail-provider.ts'

/** How an account is reached; null if no credentials are stored for it. */
export const accessOf = async (
  vault: Pick<Vault, 'load' | 'renew'>,
  of: {
    readonly accountId: string
    readonly connection: Connection
    readonly credentialVersion: number
  },
): Promise<Access | null> => {
  const { accountId, connection, credentialVersion } = of
  const credentials = await vault.load(accountId, credentialVersion)
  if (!credentials) return null
  return { connection, credentials, renew: (renewed) => vault.renew(accountId, credentialVersion, renewed) }
}
