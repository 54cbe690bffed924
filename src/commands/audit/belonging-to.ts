import type { Subject, SubjectKind } from '../../domain/audit/subjects.ts'

/** What people ask the history of: a thing that events are about, or a thread. */
export type HistoryOf = { readonly kind: SubjectKind | 'thread'; readonly id: string }

type Thread = { readonly id: string; readonly merged: string[] }
type Member = { readonly id: string; readonly at: string }

export type BelongingDeps = {
  readonly findThread: (id: string, userId: string | null) => Promise<Thread | null>
  readonly membersOf: (
    thread: Thread,
    page: {
      readonly descending: boolean
      readonly after: readonly [at: string, id: string] | null
      readonly limit: number
    },
  ) => Promise<Member[]>
  readonly messagesOfEmails: (emails: readonly string[]) => Promise<string[]>
}

/**
 * A thing with all that belongs to it, for this user (null: a program): to an email its copies, answers and reports; to a
 * thread its messages and emails with all that belongs to them.
 */
export const belongingTo =
  (deps: BelongingDeps) =>
  async ({ kind, id }: HistoryOf, userId: string | null): Promise<Subject[]> => {
    if (kind !== 'email' && kind !== 'thread') return [{ kind, id }]
    const members = kind === 'email' ? [id] : await membersOfThread(deps, id, userId)
    const emails = members.filter(isEmail)
    const messages = [
      ...members.filter((member) => !isEmail(member)),
      ...(await deps.messagesOfEmails(emails)),
    ]
    return [
      ...emails.map((each): Subject => ({ kind: 'email', id: each })),
      ...[...new Set(messages)].map((each): Subject => ({ kind: 'message', id: each })),
    ]
  }

const isEmail = (id: string): boolean => id.startsWith('out_')

const PAGE = 1_000

const membersOfThread = async (
  { findThread, membersOf }: BelongingDeps,
  id: string,
  userId: string | null,
): Promise<string[]> => {
  const thread = await findThread(id, userId)
  if (!thread) return []
  const members: Member[] = []
  for (;;) {
    const last = members.at(-1)
    const page = await membersOf(thread, {
      descending: false,
      after: last ? [last.at, last.id] : null,
      limit: PAGE,
    })
    members.push(...page)
    if (page.length < PAGE) return members.map((member) => member.id)
  }
}
