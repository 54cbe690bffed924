import type { Kysely } from 'kysely'
import { accountList } from './account-list.ts'
import {
  accountKey,
  accountsOf,
  countConnected,
  findAccount,
  listAccounts,
  type AccountQueryDeps,
} from './find-accounts.ts'
import {
  membershipsOf,
  readableAccounts,
  sendOnlyAccounts,
  visibilityOf,
  visibleAccounts,
} from './visibility.ts'

export const accountProjections = [accountList]

/** What can be asked about email accounts. */
export const accountQueries = (db: Kysely<unknown>, deps: AccountQueryDeps) => ({
  readModels: { accountList },
  list: listAccounts(db, deps),
  keyOf: accountKey,
  find: findAccount(db, deps),
  visibilityOf: visibilityOf(db),
  visibleAccounts: visibleAccounts(db),
  readableAccounts: readableAccounts(db),
  sendOnlyAccounts: sendOnlyAccounts(db),
  membershipsOf: membershipsOf(db),
  idsOf: accountsOf(db),
  countConnected: countConnected(db),
})

export type AccountQueries = ReturnType<typeof accountQueries>
