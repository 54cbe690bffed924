import { mayUse, type Owner } from '../domain/accounts/events.ts'

type FindOwner = (accountId: string) => Promise<{ readonly owner: Owner } | null>

/**
 * What a user may read: what belongs to the team's accounts and to their own, decided on the account's stream. Null is
 * a program that acts for nobody, and reads all. What one may not read is not there.
 */
export const readAccess = (findAccount: FindOwner) => {
  const mayRead = async (accountId: string, userId: string | null): Promise<boolean> => {
    if (userId === null) return true
    const account = await findAccount(accountId)
    return account !== null && mayUse(account.owner, userId)
  }
  const own = async <Row extends { readonly account_id: string }>(
    row: Row | undefined,
    userId: string | null,
  ): Promise<Row | undefined> => (row && (await mayRead(row.account_id, userId)) ? row : undefined)
  return { mayRead, own }
}
