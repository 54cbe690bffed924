import type { Kysely } from 'kysely'
import { accountList } from './account-list.ts'
import {
  accountKey,
  accountsOf,
  countConnected,
  findAccount,
  listAccounts,
  usableAccounts,
  type AccountQueryDeps,
} from './find-accounts.ts'
import { visibilityOf, visibleAccounts } from './visibility.ts'

export const accountProjections = [accountList]

/** What can be asked about email accounts. */
export const accountQueries = (db: Kysely<unknown>, deps: AccountQueryDeps) => ({
  readModels: { accountList },
  list: listAccounts(db, deps),
  keyOf: accountKey,
  find: findAccount(db, deps),
  usable: usableAccounts(db),
  visibilityOf: visibilityOf(db),
  visibleAccounts: visibleAccounts(db),
  idsOf: accountsOf(db),
  countConnected: countConnected(db),
})

export type AccountQueries = ReturnType<typeof accountQueries>
