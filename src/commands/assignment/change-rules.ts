import { requireLevel } from '../../domain/accounts/access-rights.ts'
import type { AssignmentRules } from '../../domain/assignment/events.ts'
import { usersIn } from '../../domain/assignment/pick.ts'
import { accountRules, rulesStream } from '../../domain/assignment/rules.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { userOf, type Caller, type Handled, type Known } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { AssignmentDeps } from './ports.ts'

const unknownAssignee = defineRefusal('unknown-assignee', {
  title: 'Unknown user in rules',
  meaning: 'The rules name a user whom the directory does not have.',
  remedy: 'Put the user into the directory first, or leave the user out.',
})

/** @throws NotFound; Refused `access-level-too-low` */
export const requireAccess = async (
  { findAccount }: Pick<AssignmentDeps, 'findAccount'>,
  accountId: string,
  userId: string | null,
  needed: 'full' | 'read',
): Promise<void> => {
  requireLevel(await findAccount(accountId), userId, needed)
}

/** @throws Refused `unknown-assignee` */
export const requireUsers = async (
  { isUser }: Pick<AssignmentDeps, 'isUser'>,
  rules: AssignmentRules,
): Promise<void> => {
  const unknown: string[] = []
  for (const userId of usersIn(rules)) if (!(await isUser(userId))) unknown.push(userId)
  if (unknown.length > 0)
    throw unknownAssignee({
      detail: `The directory does not have ${unknown.slice(0, 10).join(', ')}.`,
      details: { users: unknown },
    })
}

/** Replaces the rules of an account, by which the backlog is assigned from now on. */
export const changeRules =
  (deps: Pick<AssignmentDeps, 'handle' | 'findAccount' | 'isUser'>) =>
  async (
    caller: Caller,
    accountId: string,
    rules: AssignmentRules,
    ifRevision: IfRevision | undefined,
  ): Promise<Handled<AssignmentRules>> => {
    await requireAccess(deps, accountId, userOf(caller), 'full')
    await requireUsers(deps, rules)
    const command = { do: 'put', accountId, rules } as const
    return deps.handle(accountRules, rulesStream(accountId), command, caller, { ifRevision })
  }

/** The rules of an account, from their stream, so never behind. */
export const findRules =
  (deps: Pick<AssignmentDeps, 'load' | 'findAccount'>) =>
  async (accountId: string, userId: string | null): Promise<Known<AssignmentRules>> => {
    await requireAccess(deps, accountId, userId, 'read')
    return deps.load(accountRules, rulesStream(accountId))
  }
